"""An upgrade whose backend is reached by Kerberos and whose frontend by a client's certificate; where the secrets go,
which is nowhere."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from certs import Authority, Pair
from kdc import REALM, Kdc
from stage import Story, assert_done_once

from bot.lab.demo import PASSWORD, Lab
from bot.lab.windows import PretendWindows, backend, frontend
from bot.lab.windows.tls import Tls

pytestmark = pytest.mark.kdc
PRINCIPAL = f"svc-nps@{REALM}"
TICKET, FILED = "ticket-please-9", "filed-secret-7"
HOSTS = """
[credentials.corp]
user = "{principal}"
password = {{ keyring = "nps/corp" }}

[credentials.dmz]
certificate = "identity/svc-dmz.pem"
key = "identity/svc-dmz.key"

[credentials.spare]
user = "svc-spare"
password = {{ file = "identity/spare" }}
"""


class Secrets:
    """Looks at the command lines of all processes, again and again, while the body runs."""

    def __init__(self, *secrets: str) -> None:
        self._secrets = [secret.encode() for secret in secrets]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.looks, self.seen = 0, set[bytes]()

    def _look(self) -> None:
        while not self._over.wait(0.2):
            self.looks += 1
            for line in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    told = line.read_bytes()
                except OSError:
                    continue  # a process that has ended meanwhile
                self.seen |= {secret for secret in self._secrets if secret in told}

    def __enter__(self) -> "Secrets":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def lie_in(self, folder: Path, aside: Path) -> list[Path]:
        """The files below the folder that hold one of them, those aside where they are kept on purpose."""
        files = [path for path in folder.rglob("*") if path.is_file() and aside not in path.parents]
        assert any(path.name == "audit.sqlite" for path in files)
        return [path for path in files if any(secret in path.read_bytes() for secret in self._secrets)]


@pytest.fixture
def kdc(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kdc]:
    with Kdc(tmp_path_factory.mktemp("kdc")) as kdc:
        kdc.add_user("svc-nps", TICKET)
        for name, value in kdc.environment.items():
            monkeypatch.setenv(name, value)
        yield kdc


@pytest.fixture
def identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What an administrator keeps beside nps.toml."""
    pytest.importorskip("keyring")
    folder = tmp_path / "identity"
    folder.mkdir()
    (folder / "spare").write_text(FILED, encoding="utf-8")
    (folder / "ring").write_text(json.dumps({"nps/corp": TICKET}), encoding="utf-8")
    monkeypatch.setenv("NPS_TEST_RING", str(folder / "ring"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "ring.Ring")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]), prepend=":")
    return folder


@pytest.fixture
def lab(tmp_path: Path, kdc: Kdc, identity: Path) -> Iterator[tuple[Lab, Pair]]:
    authority = Authority(identity)
    own = authority.issue("svc-dmz", client=True, into=identity)
    shown = authority.issue("fe01", into=identity)
    tls = Tls(certificate=shown.certificate, key=shown.key, clients=authority.pem, mapped=frozenset({"svc-dmz"}))
    pair = (
        PretendWindows(backend("BE01"), password="-", principal=PRINCIPAL, installer_seconds=0.4),
        PretendWindows(frontend("FE01", "be01"), password="-", tls=tls, installer_seconds=0.4),
    )
    with Lab(tmp_path, pair=pair) as lab:
        path = tmp_path / "nps.toml"
        text = path.read_text(encoding="utf-8") + HOSTS.format(principal=PRINCIPAL)
        was, credential = 'auth = "ntlm"', 'credential = "lab"'
        text = text.replace(was, 'auth = "kerberos"', 1).replace(credential, 'credential = "corp"', 1)
        text = text.replace(was, 'auth = "certificate"\nca = "identity/ca.pem"', 1)
        path.write_text(text.replace(credential, 'credential = "dmz"', 1), encoding="utf-8")
        yield lab, own


def test_an_upgrade_by_kerberos_and_certificate_leaves_no_secret_anywhere(lab: tuple[Lab, Pair], kdc: Kdc) -> None:
    world, own = lab
    key = own.key.read_text().splitlines()[1]
    story = Story(world)
    tokens = (world.slack.bot_token, world.slack.app_token)
    with Secrets(TICKET, FILED, PASSWORD, key, *tokens) as secrets:
        story.start()
        story.types("ana", "upgrade prod-dmz because CR-1234")
        card = story.card_with("prod-dmz-1", "nps:approve")
        kdc.admin(f"cpw -pw of-somebody-else {PRINCIPAL}")
        world.backend.lose_shells()
        story.presses("ben", card, "nps:approve")
        gate = story.gate("prod-dmz-1")
        assert "Kerberos could not log in to be01: the password is wrong." in gate.text
        assert kdc.refusals(PRINCIPAL) == 1
        kdc.admin(f"cpw -pw {TICKET} {PRINCIPAL}")
        story.presses("ana", gate, "nps:retry")
        assert_done_once(story, "prod-dmz-1")
        assert story.nps("doctor").returncode == 0
        assert story.stop() == 0
    assert secrets.looks > 5
    assert secrets.seen == set()
    assert secrets.lie_in(world.folder, aside=world.folder / "identity") == []
    assert not Path(kdc.environment["KRB5CCNAME"].removeprefix("FILE:")).exists(), "a ticket in a file"
    told = str([message.versions for message in story.slack.all_messages()])
    assert [secret for secret in (TICKET, FILED, PASSWORD, key, *tokens) if secret in told] == []
    assert world.frontend.refused_logins == 0
    story.assert_sound()
