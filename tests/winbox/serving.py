"""The real bot beside boxes: nps.toml for their servers, `nps serve` without Slack, and the terminal that asks it."""

import getpass
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from box import PASSWORD, USER, Product, Programs, Server, until

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
{source}

[environments.site]
backend = "be01"
frontends = {frontends}
package = "9.3"
may_run = ["me"]
approvals = 0
{names}
"""
STAGED = r"source = { staged = 'C:\prm_setup.exe' }"
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


@contextmanager
def serving(
    folder: Path,
    programs: Programs,
    product: Product,
    servers: list[tuple[Server, str]],
    *,
    names: str = "",
    wait: int = 1000,
    source: str = STAGED,
) -> Iterator[Bot]:
    """Each server with its way of logging in, the backend first; `wait` is how many ms an installer works, `source`
    how it gets there."""
    hosts = [f"{'be' if i == 0 else 'fe'}{max(i, 1):02}" for i in range(len(servers))]
    text = "".join(HOST.format(name=n, url=s.url, auth=a) for n, (s, a) in zip(hosts, servers, strict=True))
    text += PACKAGE.format(
        me=getpass.getuser(), user=USER, version=programs.new, sha256=programs.sha256, names=names,
        arguments=json.dumps([*product.arguments, f"/WAIT={wait}"]), frontends=json.dumps(hosts[1:]), source=source,
    )  # fmt: skip
    (folder / "nps.toml").write_text(text, encoding="utf-8")
    environment = os.environ | {"NPS_CONFIG": str(folder / "nps.toml"), "NPS_BOX_PASSWORD": PASSWORD}
    with (folder / "bot.log").open("ab") as log:
        command = [sys.executable, "-m", "bot", "serve"]
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        until(lambda: (folder / "var/nps.sock").exists())
        yield Bot(folder=folder, process=process, environment=environment)
    finally:
        process.terminate()
        assert process.wait(60) == 0, (folder / "bot.log").read_text()


def events(lines: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The data of each event of that kind among the terminal's lines."""
    return [line["event"]["data"] for line in lines if line.get("event", {}).get("kind") == kind]


def explained(lines: list[dict[str, Any]]) -> str:
    return "\n".join(str(line.get("event", line)) for line in lines[-3:])
