"""A run that has been started in an audit of its own, for tests of the operations that carry it out on a server."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr
from worlds import ANA

import runbooks  # noqa: F401  (registers them)
from bot import events as e
from bot import settings
from bot.audit import Audit, Draft
from bot.lab.windows import NEW_VERSION, PretendWindows
from bot.plan import Plan
from bot.runs.hosts import Hosts
from bot.runs.planner import make_plan
from bot.settings import Settings

TOML = """
[credentials.lab]
user = 'CORP\\svc-nps'
password = {{ env = "X" }}

[packages."9.3"]
file = "prm_setup.exe"
version = "{version}"
sha256 = "{sha256}"
arguments = ["/S"]
source = {{ {source} }}
{more}

[hosts.be01]
url = "{url}"
auth = "basic"
credential = "lab"

[environments.prod]
backend = "be01"
package = "9.3"
approvals = 0
"""
RUN = "prod-1"


def started(
    folder: Path, server: PretendWindows, *, sha256: str, source: str, more: str = "",
    now: Callable[[], datetime] | None = None, begins: bool = True,
) -> tuple[Settings, Audit, Hosts, Plan]:  # fmt: skip
    """An upgrade of the one server, at its first step or, where it does not begin yet, at its start; close what is
    handed out."""
    text = TOML.format(version=NEW_VERSION, sha256=sha256, source=source, url=server.url, more=more)
    (folder / "nps.toml").write_text(text)
    read = settings.load(folder / "nps.toml")
    audit, hosts = Audit(folder / "audit.sqlite", now=now), Hosts(read, {"lab": SecretStr("s3cret")})
    request = e.Requested(
        runbook="upgrade", environment="prod", package="9.3", reason="", text="upgrade prod", approvals=0, channel=None
    )
    plan = make_plan(read, request, RUN)
    told = plan.foretell({"be01": server.facts})
    planned = e.Planned(n=1, plan=plan.model_dump(mode="json"), foretold=told, hash=plan.hash(told), expires=None)
    facts = {"be01": server.facts.model_dump(mode="json")}
    audit.append("r", lambda world: [Draft(event=request, run=world.next_run("prod"), actor=ANA)])
    for event in (planned, e.Admitted(n=1), *([e.Started(n=1, facts=facts)] if begins else [])):
        audit.append(type(event).__name__, lambda _, event=event: [Draft(event=event, run=RUN)])
    return read, audit, hosts, plan
