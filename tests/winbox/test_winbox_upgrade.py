"""The article carried out on Windows servers that this project did not write: the real bot, its terminal, WinRM, installers."""

import getpass
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from box import ARTICLE, OTHER, PASSWORD, USER, Boxes, Product, Programs, Server, until

from bot.windows.facts import Query
from bot.windows.host import Host

pytestmark = [pytest.mark.winbox, pytest.mark.timeout(300)]

REQUESTS_A_HOST = 100

PACKAGE = """
[people.me]
os = "{me}"

[credentials.box]
user = "{user}"
password = {{ env = "NPS_BOX_PASSWORD" }}

[packages."9.3"]
file = "prm_setup.exe"
version = "{version}"
sha256 = "{sha256}"
arguments = {arguments}
source = {{ staged = 'C:\\prm_setup.exe' }}

[environments.site]
backend = "be01"
frontends = {frontends}
package = "9.3"
may_run = ["me"]
approvals = 0
{names}
"""
HOST = """
[hosts.{name}]
url = "{url}"
auth = "{auth}"
credential = "box"
"""


@dataclass(frozen=True, kw_only=True)
class Bot:
    """A bot with no Slack, and the terminal that asks it."""

    folder: Path
    process: "subprocess.Popen[bytes]"
    environment: dict[str, str]

    def do(self, text: str) -> tuple[int, list[dict[str, Any]]]:
        """The exit code of `nps do TEXT --json`, and its lines."""
        command = [sys.executable, "-m", "bot", "do", text, "--json"]
        done = subprocess.run(command, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=200)
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


Start = Callable[..., Bot]


@pytest.fixture
def start(tmp_path: Path, programs: Programs) -> Iterator[Start]:
    """Writes nps.toml for the servers, starts the bot, and ends it."""
    started: list[Bot] = []

    def begin(product: Product, *servers: tuple[Server, str], names: str = "") -> Bot:
        hosts = [f"{'be' if i == 0 else 'fe'}{max(i, 1):02}" for i in range(len(servers))]
        text = "".join(
            HOST.format(name=n, url=s.url, auth=a) for n, (s, a) in zip(hosts, servers, strict=True)
        ) + PACKAGE.format(
            me=getpass.getuser(), user=USER, version=programs.new, sha256=programs.sha256, names=names,
            arguments=json.dumps([*product.arguments, "/WAIT=1000"]), frontends=json.dumps(hosts[1:]),
        )  # fmt: skip
        (tmp_path / "nps.toml").write_text(text, encoding="utf-8")
        environment = os.environ | {"NPS_CONFIG": str(tmp_path / "nps.toml"), "NPS_BOX_PASSWORD": PASSWORD}
        log = (tmp_path / "bot.log").open("ab")
        process = subprocess.Popen(
            [sys.executable, "-m", "bot", "serve"], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        log.close()
        started.append(Bot(folder=tmp_path, process=process, environment=environment))
        until(lambda: (tmp_path / "var/nps.sock").exists())
        return started[-1]

    yield begin
    for bot in started:
        bot.process.terminate()
        assert bot.process.wait(60) == 0, (bot.folder / "bot.log").read_text()


def requests(server: Server) -> tuple[int, int]:
    """Requests that were not watches of a running installer, as far as they can be told apart, and all."""
    trace = server.trace()
    return sum(item["action"] != "Receive" for item in trace), len(trace)


def steps(lines: list[dict[str, Any]]) -> Counter[str]:
    ends = [line["event"]["data"] for line in lines if line.get("event", {}).get("kind") == "StepEnded"]
    return Counter(end["outcome"] for end in ends)


def explained(lines: list[dict[str, Any]]) -> str:
    return "\n".join(str(line.get("event", line)) for line in lines[-3:])


@pytest.mark.parametrize(
    ("product", "names"),
    [
        (ARTICLE, ""),
        (OTHER, f'service = "{OTHER.service}"\ndcom_application = "{OTHER.application}"'),
    ],
    ids=["named as in the article", "named otherwise"],
)
def test_a_dmz_pair_is_upgraded(
    made_boxes: Boxes, programs: Programs, start: Start, product: Product, names: str
) -> None:
    be, fe = made_boxes.new(), made_boxes.new()
    be.install(product, programs)
    fe.install(product, programs, "be01")
    backend, frontend = be.serve("--faults"), fe.serve("--faults", "--encrypted-only")
    bot = start(product, (backend, "basic"), (frontend, "ntlm"), names=names)

    code, lines = bot.do("upgrade site because CR-1234")
    assert code == 0, explained(lines)
    assert steps(lines) == {"done": 11}
    assert (be.launches(), fe.launches()) == (1, 1)
    assert fe.path(product.file("PRMService.exe.old")).exists()
    assert not fe.path(product.file("PRMService.exe")).exists()
    assert list(be.path(r"C:\ProgramData\nps\backups\site-1").iterdir())
    for server in (backend, frontend):
        assert requests(server)[1] <= REQUESTS_A_HOST

    code, lines = bot.do("verify site")
    assert code == 0, explained(lines)

    code, lines = bot.do("upgrade site")
    assert code == 0, explained(lines)
    acted = [line["event"]["data"] for line in lines if line.get("event", {}).get("kind") == "StepBegun"]
    assert [step["step"] for step in acted if step["act"]] == [1]
    assert (be.launches(), fe.launches()) == (1, 1)


def test_a_single_server_is_upgraded(made_boxes: Boxes, programs: Programs, start: Start) -> None:
    box = made_boxes.new()
    box.install(ARTICLE, programs)
    server = box.serve("--faults", "--encrypted-only")
    bot = start(ARTICLE, (server, "ntlm"))

    code, lines = bot.do("upgrade site")
    assert code == 0, explained(lines)
    assert steps(lines) == {"done": 5}
    assert box.launches() == 1
    host = Host(server.login("ntlm"))
    facts = host.observe(Query())
    host.close()
    assert facts.version("PRMService.exe") == programs.new
    assert facts.service is not None
    assert facts.service.state == "Running"


def test_a_frontend_whose_service_was_enabled_by_the_installer_asks_people(
    made_boxes: Boxes, programs: Programs, start: Start
) -> None:
    be, fe = made_boxes.new(), made_boxes.new()
    be.install(ARTICLE, programs)
    fe.install(ARTICLE, programs, "be01")
    fe.powershell("-Command", "Set-Service -Name PRMService -StartupType Manual")
    bot = start(ARTICLE, (be.serve(), "basic"), (fe.serve(), "basic"))

    code, lines = bot.do("upgrade site")
    assert code == 3, explained(lines)
    gate = next(line["event"]["data"] for line in lines if line.get("event", {}).get("kind") == "GateOpened")
    assert "II.3 The service is still disabled" in gate["sentence"]
    assert "repair" in gate["words"]
    assert bot.do("repair site-1")[0] == 0
    until(lambda: _has_ended(bot))
    assert bot.do("verify site")[0] == 0


def _has_ended(bot: Bot) -> bool:
    return "done" in bot.do("show site-1")[1][0]["answer"]["text"].splitlines()[0]
