"""The article carried out on Windows servers that this project did not write: the real bot, its terminal, WinRM,
installers."""

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from box import ARTICLE, OTHER, Boxes, Product, Programs, until
from serving import Bot, events, explained, serving
from signing import SIGNER, Authority

from bot.audit import Reader
from bot.events import StepBegun
from bot.windows.facts import Query
from bot.windows.host import Host

pytestmark = [pytest.mark.winbox, pytest.mark.timeout(300)]

REQUESTS_A_HOST = 100
OTHER_NAMES = f'service = "{OTHER.service}"\ndcom_application = "{OTHER.application}"'


@pytest.mark.parametrize(
    ("product", "names"), [(ARTICLE, ""), (OTHER, OTHER_NAMES)], ids=["named as in the article", "named otherwise"]
)
def test_a_dmz_pair_is_upgraded(
    made_boxes: Boxes, programs: Programs, tmp_path: Path, product: Product, names: str
) -> None:
    be, fe = made_boxes.new(), made_boxes.new()
    be.install(product, programs)
    fe.install(product, programs, "be01")
    backend, frontend = be.serve("--faults"), fe.serve("--faults", "--encrypted-only")
    with serving(tmp_path, programs, product, [(backend, "basic"), (frontend, "ntlm")], names=names) as bot:
        code, lines = bot.do("upgrade site because CR-1234")
        assert code == 0, explained(lines)
        assert Counter(end["outcome"] for end in events(lines, "StepEnded")) == {"done": 13}
        assert (be.launches(), fe.launches()) == (1, 1)
        assert fe.path(product.file("PRMService.exe.old")).exists()
        assert not fe.path(product.file("PRMService.exe")).exists()
        assert list(be.path(r"C:\ProgramData\nps\backups\site-1").iterdir())
        assert all(len(server.trace()) <= REQUESTS_A_HOST for server in (backend, frontend))

        code, lines = bot.do("verify site")
        assert code == 0, explained(lines)

        code, lines = bot.do("upgrade site")
        assert code == 3, explained(lines)
        assert "is there already" in events(lines, "GateOpened")[0]["sentence"]
        assert bot.do("skip site-3 because it is a test")[0] == 0
        until(lambda: has_ended(bot, "site-3"))
        told = [item.event for item in Reader(bot.folder / "var/audit.sqlite").events("site-3")]
        assert [event.step for event in told if isinstance(event, StepBegun) and event.act] == [1]
        assert (be.launches(), fe.launches()) == (1, 1)


def test_a_single_server_is_upgraded_with_an_installer_that_the_bot_brings(
    made_boxes: Boxes, programs: Programs, tmp_path: Path
) -> None:
    box, ours = made_boxes.new(), Authority.new(tmp_path, "Ours")
    box.install(ARTICLE, programs)
    shutil.copy(ours.pem, box.c.parent / "roots")
    programs = replace(programs, setup=ours.signed(programs.setup, tmp_path / "prm_setup.exe"))
    server = box.serve("--encrypted-only")
    source = f'source = {{ upload = "prm_setup.exe" }}\nsigner = "{SIGNER}"'
    with serving(tmp_path, programs, ARTICLE, [(server, "ntlm")], source=source) as bot:
        code, lines = bot.do("upgrade site")
        assert code == 0, explained(lines)
    assert Counter(end["outcome"] for end in events(lines, "StepEnded")) == {"done": 5}
    assert box.launches() == 1
    host = Host(server.login("ntlm"))
    facts = host.observe(Query())
    host.close()
    assert facts.version("PRMService.exe") == programs.new
    assert facts.service is not None
    assert facts.service.state == "Running"


def test_a_frontend_whose_service_is_not_disabled_asks_people(
    made_boxes: Boxes, programs: Programs, tmp_path: Path
) -> None:
    be, fe = made_boxes.new(), made_boxes.new()
    be.install(ARTICLE, programs)
    fe.install(ARTICLE, programs, "be01")
    fe.powershell("-Command", "Set-Service -Name PRMService -StartupType Manual")
    with serving(tmp_path, programs, ARTICLE, [(be.serve(), "basic"), (fe.serve(), "basic")]) as bot:
        code, lines = bot.do("upgrade site")
        assert code == 3, explained(lines)
        [gate] = events(lines, "GateOpened")
        assert "II.3 The service is still disabled" in gate["sentence"]
        assert "repair" in gate["words"]
        assert bot.do("repair site-1")[0] == 0
        until(lambda: has_ended(bot, "site-1"))
        assert bot.do("verify site")[0] == 0


def has_ended(bot: Bot, run: str) -> bool:
    return "done" in bot.do(f"show {run}")[1][0]["answer"]["text"].splitlines()[0]
