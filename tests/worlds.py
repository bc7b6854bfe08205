"""Runs, actors and hosts that tests of the pure core share: events in, folded runs out. Touches nothing."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import runbooks  # noqa: F401  (registers them)
from bot import events as e
from bot.events import BOT, Actor, Event, Stored
from bot.lab.windows.presets import PACKAGE_PATH, PACKAGE_SHA256, backend, frontend, single
from bot.messages import Message
from bot.plan import RUNBOOKS, Backups, HostRef, Plan, Site, Target
from bot.view import Run, fold
from bot.windows.facts import HostFacts, Query
from bot.windows.states import Package

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
PACKAGE = Package(
    name="9.3", file="prm_setup.exe", version="9.3.0.0", sha256=PACKAGE_SHA256, arguments=("/S",), path=PACKAGE_PATH
)
BE, FE, FE2 = (HostRef(name=n, url=f"https://{n}.corp.example:5986/wsman") for n in ("be01", "fe01", "fe02"))
ANA = Actor(person="ana", account="slack:U0ANA", shown="ana")
BEN = Actor(person="ben", account="slack:U0BEN", shown="ben")
CARL = Actor(person="slack:U0CARL", account="slack:U0CARL", shown="Carl")


def site(*frontends: HostRef, run: str = "prod-dmz-17", package: Package | None = PACKAGE, **more: Any) -> Site:
    base = Query(application="Netwrix Password Secure")
    backups = Backups(root="C:\\ProgramData\\nps\\backups")
    target = Target(run="prod-dmz-3", folder="C:\\ProgramData\\nps\\backups\\prod-dmz-3")
    given = {"dcom_backend": None, "base": base, "backups": backups, "target": target} | more
    return Site(environment="prod-dmz", run=run, backend=BE, frontends=frontends, package=package, **given)


def plan(name: str = "upgrade", *frontends: HostRef, **more: Any) -> Plan:
    return RUNBOOKS[name].plan(site(*frontends, **more))


def facts(*frontends: HostRef) -> dict[str, HostFacts]:
    """The hosts before an upgrade."""
    if not frontends:
        return {BE.name: single()}
    return {BE.name: backend()} | {ref.name: frontend(ref.name.upper(), BE.name) for ref in frontends}


def requested(runbook: str = "upgrade", approvals: int = 1, reason: str = "CR-1234", **more: Any) -> e.Requested:
    given = {"package": "9.3", "channel": "C0OPS", "text": f"{runbook} prod-dmz"} | more
    return e.Requested(runbook=runbook, environment="prod-dmz", reason=reason, approvals=approvals, **given)


def planned(made: Plan, seen: dict[str, HostFacts], n: int = 1, **more: Any) -> e.Planned:
    told = made.foretell(seen)
    return e.Planned(n=n, plan=made.model_dump(mode="json"), foretold=told, hash=made.hash(told), **more)


def started(seen: dict[str, HostFacts], n: int = 1) -> e.Started:
    return e.Started(n=n, facts={name: f.model_dump(mode="json") for name, f in seen.items()})


def begun(step: int, attempt: int = 1, act: bool = True) -> e.StepBegun:
    return e.StepBegun(step=step, attempt=attempt, found="as before", act=act, clock=NOW.isoformat())


def ended(step: int, attempt: int = 1, outcome: Any = "done", **more: Any) -> e.StepEnded:
    return e.StepEnded(step=step, attempt=attempt, outcome=outcome, **({"found": "as wanted"} | more))


def gate(step: int, attempt: int = 1, words: Any = ("retry", "repair", "skip", "abort"), **more: Any) -> e.GateOpened:
    given = {"sentence": f"Step {step} failed.", "next_move": "Look.", "change": "set it"} | more
    return e.GateOpened(step=step, attempt=attempt, words=words, **given)


def stored(
    events: Iterable[Event | tuple[Event, Actor]], run: str | None = "prod-dmz-17", seq: int = 2
) -> list[Stored]:
    """As the log would hold them, a minute apart; who did it is the bot unless told."""
    made = []
    for i, item in enumerate(events):
        event, actor = item if isinstance(item, tuple) else (item, BOT)
        at = NOW + timedelta(minutes=i)
        made.append(Stored(seq=seq + i, run=run, key=None, at=at, actor=actor, event=event, hash=f"{i:064x}"))
    return made


def run_of(*events: Event | tuple[Event, Actor], run: str = "prod-dmz-17") -> Run:
    folded = fold(stored(events, run))
    assert folded
    return folded


class Tale:
    """A DMZ upgrade told so far; each method returns the next chapter."""

    def __init__(self, approvals: int = 1, runbook: str = "upgrade") -> None:
        self.facts = facts(FE)
        self.plan = plan(runbook, FE)
        self.events: list[Event | tuple[Event, Actor]] = [(requested(runbook, approvals), ANA)]

    def then(self, *events: Event | tuple[Event, Actor]) -> "Tale":
        other = Tale.__new__(Tale)
        other.facts, other.plan, other.events = self.facts, self.plan, [*self.events, *events]
        return other

    def planned(self) -> "Tale":
        return self.then(planned(self.plan, self.facts, expires=NOW + timedelta(hours=24)))

    @property
    def hash(self) -> str:
        return self.plan.hash(self.plan.foretell(self.facts))

    def approved(self, by: Actor = BEN) -> "Tale":
        return self.then((e.Approved(hash=self.hash), by))

    def started(self) -> "Tale":
        """Planned, approved, admitted and started."""
        return self.planned().approved().then(e.Admitted(n=1), started(self.facts))

    def at_gate(self, step: int = 3, **more: Any) -> "Tale":
        done = [x for i in range(1, step) for x in (begun(i), ended(i))]
        failed = ended(step, outcome="failed", sentence="It failed.", next_move="Look.")
        return self.started().then(*done, begun(step), failed, gate(step, **more))

    @property
    def run(self) -> Run:
        return run_of(*self.events)


def claimed(actor: Actor) -> Actor:
    return replace(actor, account=f"os:{actor.person}", claimed=True)


def wish(run: str, name: str, channel: str = "C0OPS") -> Message:
    """A message as a follower wishes for it."""
    body = {"text": "told", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "told"}}]}
    return Message(run=run, name=name, channel=channel, body=body, rank=0, thread=None if name == "card" else "card")
