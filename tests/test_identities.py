"""Who the bot is: credentials of nps.toml with passwords from the keyring, and certificates with their keys."""

import builtins
import sys
from pathlib import Path
from typing import Any

import pytest
from certs import Authority
from cryptography.hazmat.primitives import serialization

from bot import settings
from bot.app import look_for_extras
from bot.errors import SettingsFault
from bot.plan import HostRef
from bot.runs.hosts import login

HOST = """
[hosts.fe01]
url = "https://fe01.dmz.example:5986/wsman"
auth = "{auth}"
credential = "dmz"
"""
KEYRING = '[credentials.dmz]\nuser = "svc-nps"\npassword = { keyring = "nps/dmz" }\n' + HOST.format(auth="ntlm")
CERTIFICATE = '[credentials.dmz]\ncertificate = "nps.pem"\nkey = "nps.key"\n' + HOST.format(auth="certificate")
FE = HostRef(name="fe01", url="https://fe01.dmz.example:5986/wsman")


def read(folder: Path, text: str) -> settings.Settings:
    (folder / "nps.toml").write_text(text, encoding="utf-8")
    return settings.load(folder / "nps.toml")


def refused(read: settings.Settings) -> str:
    with pytest.raises(SettingsFault) as caught:
        read.passwords()
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            CERTIFICATE.replace('auth = "certificate"', 'auth = "ntlm"'),
            "ntlm needs a credential with user and",
        ),
        (CERTIFICATE.replace("https://", "http://"), "hosts.fe01.auth: certificate is a login of TLS; use https"),
        (CERTIFICATE.replace('key = "nps.key"\n', ""), "nps.toml:1: credentials.dmz.key: is missing"),
        (KEYRING.replace('"ntlm"', '"kerberos"'), "kerberos needs the user as a principal, such as svc-nps@CORP."),
        (KEYRING.replace('"ntlm"', '"kerberos"').replace("svc-nps", r"CORP\\svc-nps@X"), "as a principal"),
        (KEYRING.replace("nps/dmz", "nps/"), 'should be "service/name"'),
        (KEYRING.replace("nps/dmz", "a/b/c"), 'should be "service/name"'),
    ],
)
def test_a_login_that_does_not_fit_its_credential_is_a_fault_of_the_file(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsFault) as caught:
        read(tmp_path, text)
    [line] = str(caught.value).splitlines()
    assert told in line


class Ring:
    """A keyring with one password in it, as the library `keyring` calls its backends."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        keyring = pytest.importorskip("keyring")
        backend = pytest.importorskip("keyring.backend")
        self.errors: Any = pytest.importorskip("keyring.errors")
        ring = self

        class Backend(backend.KeyringBackend):  # type: ignore[misc, name-defined]
            priority = 1

            def get_password(self, service: str, username: str) -> str | None:
                if ring.broken:
                    raise ring.broken
                return ring.passwords.get((service, username))

            def set_password(self, service: str, username: str, password: str) -> None:
                raise NotImplementedError

        self.passwords: dict[tuple[str, str], str] = {}
        self.broken: Exception | None = None
        before = keyring.get_keyring()
        keyring.set_keyring(Backend())
        self.restore = lambda: keyring.set_keyring(before)


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> Any:
    ring = Ring(monkeypatch)
    yield ring
    ring.restore()


def test_a_password_is_taken_from_the_keyring_at_start(ring: Ring, tmp_path: Path) -> None:
    ring.passwords["nps", "dmz"] = "hunter2"
    found = read(tmp_path, KEYRING)
    assert login(found, found.passwords(), FE).password.get_secret_value() == "hunter2"
    assert "hunter2" not in f"{found!r} {found.passwords()} {found.public()}"


def test_a_keyring_that_does_not_give_it_is_a_sentence(ring: Ring, tmp_path: Path) -> None:
    found = read(tmp_path, KEYRING)
    assert refused(found) == (
        "[credentials.dmz] password: The keyring has no password nps/dmz. As the bot's user: keyring set nps dmz"
    )
    ring.broken = ring.errors.KeyringLocked("hunter2 is what it holds")
    assert refused(found) == (
        "[credentials.dmz] password: The keyring did not give nps/dmz (KeyringLocked). Unlock it, then start again."
    )
    ring.broken = ring.errors.NoKeyringError("no backend")
    assert "this machine has none that the bot could open" in refused(found)


def test_an_absent_library_for_the_keyring_says_which_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *more: Any) -> Any:
        if name.partition(".")[0] == "keyring":
            raise ImportError(name)
        return real(name, *more)

    monkeypatch.delitem(sys.modules, "keyring", raising=False)
    monkeypatch.setattr(builtins, "__import__", absent)
    assert 'pip install "nps-bot[keyring]"' in refused(read(tmp_path, KEYRING))


def test_a_certificate_and_its_key_are_a_login_without_a_password(tmp_path: Path) -> None:
    Authority(tmp_path / "ca").issue("nps", client=True, into=tmp_path)
    found = read(tmp_path, CERTIFICATE)
    assert found.passwords() == {}
    made = login(found, found.passwords(), FE)
    assert (made.user, made.password.get_secret_value()) == (str(tmp_path / "nps.pem"), str(tmp_path / "nps.key"))
    assert found.public()["credentials"]["dmz"]["certificate"] == str(tmp_path / "nps.pem")


def test_a_certificate_that_can_not_be_used_is_a_sentence_and_no_question_at_the_terminal(tmp_path: Path) -> None:
    found = read(tmp_path, CERTIFICATE)
    assert refused(found).startswith(f"[credentials.dmz] certificate: {tmp_path}/nps.pem can't be read: No such file")
    authority = Authority(tmp_path / "ca")
    authority.issue("other", client=True, into=tmp_path)
    pair = authority.issue("nps", client=True, into=tmp_path)
    good = pair.key.read_bytes()
    private = serialization.load_pem_private_key(good, None)
    locked = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"hunter2")
    )
    for wrong in (locked, (tmp_path / "other.key").read_bytes(), b"no key"):
        pair.key.write_bytes(wrong)
        told = refused(found)
        assert "no certificate with its key in PEM without a passphrase" in told
        assert "hunter2" not in told
    pair.key.write_bytes(good)
    assert found.passwords() == {}


def test_a_bot_that_lacks_kerberos_does_not_start_and_says_which_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = KEYRING.replace('"ntlm"', '"kerberos"').replace("svc-nps", "svc-nps@CORP.EXAMPLE")
    found = read(tmp_path, text)
    monkeypatch.setitem(sys.modules, "krb5", None)
    with pytest.raises(SettingsFault) as caught:
        look_for_extras(found)
    assert str(caught.value) == (
        '[hosts.fe01] auth: Kerberos needs a library that is not installed here: pip install "nps-bot[kerberos]"'
    )
    look_for_extras(read(tmp_path, KEYRING))
