"""What TLS must prove, and what is logged in with over it: NTLM bound to it, a client's certificate, Basic."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from certs import Authority, Pair
from pydantic import SecretStr

from bot.errors import AccessDenied, CertificateWrong, HostError, LoginRefused
from bot.lab.windows import USER, PretendWindows, backend
from bot.lab.windows.tls import Tls
from bot.windows.channel import Login
from bot.windows.facts import Query
from bot.windows.host import Host

PASSWORD = "Grüße 4 you"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder / "corp")


@pytest.fixture(scope="module")
def pair(authority: Authority, folder: Path) -> Pair:
    return authority.issue("be01", into=folder)


@contextmanager
def serving(pair: Pair, **tls: Any) -> Iterator[PretendWindows]:
    known = Tls(certificate=pair.certificate, key=pair.key, **tls)
    with PretendWindows(backend("BE01"), password=PASSWORD, tls=known) as windows:
        yield windows


def login(windows: PretendWindows, authority: Authority, auth: str = "ntlm", **more: Any) -> Login:
    given = {"user": USER, "password": SecretStr(PASSWORD), "ca": str(authority.pem), **more}
    return Login.model_validate({"host": "be01", "url": windows.url, "auth": auth, **given})


def refused(login: Login, kind: type[HostError]) -> HostError:
    host = Host(login)
    with pytest.raises(HostError) as caught:
        host.observe(Query())
    assert type(caught.value) is kind, caught.value
    return caught.value


def works(login: Login) -> bool:
    host = Host(login)
    try:
        return host.observe(Query()).computer == "BE01"
    finally:
        host.close()


@pytest.mark.parametrize("auth", ["ntlm", "basic"])
def test_over_tls_a_password_logs_in(auth: str, pair: Pair, authority: Authority) -> None:
    with serving(pair) as windows:
        assert works(login(windows, authority, auth))
        assert windows.logins == 1


def test_ntlm_is_bound_to_the_certificate_where_the_server_is_strict(pair: Pair, authority: Authority) -> None:
    with serving(pair, is_strict=True) as windows:
        assert works(login(windows, authority))


def test_ntlm_that_passed_through_somebody_elses_tls_is_refused_once(
    pair: Pair, authority: Authority, folder: Path
) -> None:
    between = authority.issue("between", into=folder)
    with serving(between, is_strict=True, behind=pair.certificate) as windows:
        assert "refused the login" in refused(login(windows, authority), LoginRefused).sentence
        assert windows.refused_logins == 1


def test_a_strict_server_refuses_ntlm_that_is_bound_to_nothing(
    pair: Pair, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the two tests above would pass with a server that looks at nothing."""
    import requests_ntlm.requests_ntlm as library

    monkeypatch.setattr(library, "_get_server_cert", lambda _: None, raising=False)
    monkeypatch.setattr(library.HttpNtlmAuth, "_get_server_cert", lambda *_: None, raising=False)
    with serving(pair, is_strict=True) as windows:
        assert refused(login(windows, authority), LoginRefused)


def certificate(windows: PretendWindows, authority: Authority, pair: Pair) -> Login:
    key = SecretStr(str(pair.key))
    return login(windows, authority, "certificate", user=str(pair.certificate), password=key)


def test_a_clients_certificate_that_is_mapped_logs_in(pair: Pair, authority: Authority, folder: Path) -> None:
    own = authority.issue("svc-nps", client=True, into=folder)
    with serving(pair, clients=authority.pem, mapped=frozenset({"svc-nps"})) as windows:
        assert works(certificate(windows, authority, own))
        assert (windows.logins, windows.refused_logins) == (1, 0)


def test_a_clients_certificate_that_is_not_mapped_is_tried_once(pair: Pair, authority: Authority, folder: Path) -> None:
    own = authority.issue("svc-other", client=True, into=folder)
    with serving(pair, clients=authority.pem, mapped=frozenset({"svc-nps"})) as windows:
        host = Host(certificate(windows, authority, own))
        for _ in range(3):
            with pytest.raises(LoginRefused) as caught:
                host.observe(Query())
            assert "mapped to an account" in caught.value.next_move
        assert windows.refused_logins == 1


def test_a_clients_certificate_of_another_authority_is_refused_in_words(
    pair: Pair, authority: Authority, folder: Path
) -> None:
    own = Authority(folder / "foreign").issue("svc-nps", client=True, into=folder / "foreign")
    with serving(pair, clients=authority.pem, mapped=frozenset({"svc-nps"})) as windows:
        fault = refused(certificate(windows, authority, own), AccessDenied)
        assert fault.sentence == "be01 did not take the bot's certificate (unknown ca)."
        assert windows.logins == 0


def test_a_server_that_can_not_prove_itself_gets_nothing_and_each_way_has_its_sentence(
    authority: Authority, folder: Path, pair: Pair
) -> None:
    other = Authority(folder / "other")
    elsewhere = authority.issue("elsewhere", into=folder, names=("fe01.dmz.example",))
    expired = authority.issue("expired", into=folder, ends=dt.timedelta(days=-2))
    for shown, trusted, said in (
        (pair, other, "its certificate was not issued by the CA in ca"),
        (elsewhere, authority, "its certificate is not for localhost"),
        (expired, authority, "its certificate has expired"),
    ):
        with serving(shown) as windows:
            fault = refused(login(windows, trusted), CertificateWrong)
            assert said in fault.sentence
            assert fault.next_move.endswith("nothing was sent to it.")
            assert windows.requests == {}


def test_a_ca_file_that_is_none_and_a_port_without_tls_are_sentences(
    authority: Authority, folder: Path, pair: Pair
) -> None:
    nonsense = folder / "nonsense.pem"
    nonsense.write_text("no certificate")
    with serving(pair) as windows:
        assert (
            "can't be read"
            in refused(login(windows, authority, ca=str(folder / "none.pem")), CertificateWrong).sentence
        )
        assert "holds no certificate" in refused(login(windows, authority, ca=str(nonsense)), CertificateWrong).sentence
    with PretendWindows(backend("BE01"), password=PASSWORD) as windows:
        url = windows.url.replace("http:", "https:")
        assert "does not speak TLS" in refused(login(windows, authority, url=url), CertificateWrong).sentence
