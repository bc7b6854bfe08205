"""A run's life for the pictures in docs/cards: the lab's hosts, and the sentences that the bot itself finds for what is
read there. No server, no engine, no clock: the same every time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import runbooks  # noqa: F401  (registers them)
from bot import events as e
from bot.events import BOT, Actor, Event, Stored
from bot.lab.windows.presets import PACKAGE_PATH, PACKAGE_SHA256, backend, frontend
from bot.plan import RUNBOOKS, Backups, HostRef, Site, digest
from bot.runs import judging
from bot.view import Run, fold
from bot.windows.facts import HostFacts, Query
from bot.windows.states import Package

BEGIN = datetime(2026, 1, 31, 2, 4, tzinfo=UTC)
ANA = Actor(person="ana", account="slack:U0ANA", shown="ana")
BEN = Actor(person="ben", account="slack:U0BEN", shown="ben")
CHRIS = Actor(person="chris", account="slack:U0CHRIS", shown="chris")
PACKAGE = Package(
    name="9.3", file="prm_setup.exe", version="9.3.0.0", sha256=PACKAGE_SHA256, arguments=("/S",), path=PACKAGE_PATH
)
RUN = "prod-dmz-17"
APPROVERS = ("S0LEADS",)
HALF_AN_HOUR = timedelta(minutes=30)
LOST = "II.3 The service is still disabled"


class Life:
    """What has happened so far; each method is one thing more, a minute later."""

    def __init__(self) -> None:
        self._stored: list[Stored] = []
        self.now = BEGIN
        self.facts = {"be01": backend("BE01"), "fe01": frontend("FE01", "be01.corp.example")}
        hosts = [HostRef(name=name, url=f"https://{name}.corp.example:5986/wsman") for name in self.facts]
        site = Site(
            environment="prod-dmz", run=RUN, backend=hosts[0], frontends=(hosts[1],), package=PACKAGE,
            base=Query(application="Netwrix Password Secure"), dcom_backend="be01.corp.example",
            backups=Backups(root="C:\\ProgramData\\nps\\backups"),
        )  # fmt: skip
        self.plan = RUNBOOKS["upgrade"].plan(site)

    def add(self, event: Event, by: Actor = BOT, minutes: float = 1) -> "Life":
        seq = len(self._stored)
        stored = Stored(seq=seq + 40, run=RUN, key=None, at=self.now, actor=by, event=event, hash=digest([RUN, seq]))
        self._stored.append(stored)
        self.now += timedelta(minutes=minutes)
        return self

    @property
    def run(self) -> Run:
        folded = fold(self._stored)
        assert folded
        return folded

    def requested(self, by: Actor = ANA) -> "Life":
        return self.add(
            e.Requested(
                runbook="upgrade", environment="prod-dmz", package="9.3", reason="CR-1234", channel="C0OPS",
                approvals=1, text="upgrade prod-dmz because CR-1234", zone="Europe/Berlin",
            ),
            by,
        )  # fmt: skip

    def planned(self) -> "Life":
        told = self.plan.foretell(self.facts)
        expires = self.now + timedelta(hours=24)
        dump = self.plan.model_dump(mode="json")
        name = self.plan.hash(told)
        return self.add(e.Planned(n=1, plan=dump, foretold=told, hash=name, expires=expires, mentions=APPROVERS))

    def approved(self) -> "Life":
        return self.add(e.Approved(hash=self.run.hash), BEN)

    def started(self) -> "Life":
        self.add(e.Admitted(n=1))
        return self.add(e.Started(n=1, facts={name: f.model_dump(mode="json") for name, f in self.facts.items()}))

    def voided(self) -> "Life":
        """Somebody has enabled the frontend's service since the plan was made."""
        before = self.plan.foretell(self.facts)
        self.enable_service()
        told = self.plan.foretell(self.facts)
        changed = self.plan.differences(before, told)
        dump = self.plan.model_dump(mode="json")
        expires = self.now + timedelta(hours=24)
        self.add(e.Admitted(n=1))
        return self.add(
            e.Voided(
                n=2, plan=dump, foretold=told, hash=self.plan.hash(told), changed=changed, expires=expires,
                mentions=APPROVERS,
            )
        )  # fmt: skip

    def enable_service(self) -> None:
        """What a repair installation does to a frontend."""
        facts = self.facts["fe01"]
        assert facts.service
        service = facts.service.model_copy(update={"start_mode": "Auto", "state": "Running", "pid": 3120})
        self.facts["fe01"] = facts.model_copy(update={"service": service})

    def begun(self, number: int, attempt: int = 1) -> "Life":
        step, facts = self.plan.steps[number - 1], self._read(number)
        due = step.mode == "ensure" and not step.state.holds(facts)
        clock = self.now.isoformat()
        found = step.state.found(facts)
        return self.add(e.StepBegun(step=number, attempt=attempt, found=found, act=due, clock=clock), minutes=0.2)

    def ended(self, number: int, attempt: int = 1) -> "Life":
        """The act, if one is due, and the reading after it."""
        step, facts = self.plan.steps[number - 1], self._read(number)
        act = step.act_state(self.run.step(number).repairing)
        acted = act is not None and not act.holds(facts)
        if act and acted:
            self.facts[step.host] = act.after(facts)
        read: dict[str, Any] = {"facts": self._read(number).model_dump(mode="json")}
        return self.add(judging.ended(self.run, number, attempt, read, acted, None, None, ""))

    def _read(self, number: int) -> HostFacts:
        host = self.plan.steps[number - 1].host
        return self.facts[host].model_copy(update={"clock": self.now.isoformat()})

    def worked(self, *numbers: int) -> "Life":
        for number in numbers:
            self.begun(number).ended(number)
        return self

    def number(self, title: str) -> int:
        return next(i for i, step in enumerate(self.plan.steps, 1) if step.title == title)

    @property
    def last(self) -> int:
        return len(self.plan.steps)

    def failed(self) -> "Life":
        """The frontend's installer has enabled the service again, and the check says so."""
        lost = self.number(LOST)
        self.worked(*range(1, lost))
        self.enable_service()
        self.worked(lost)
        return self.add(replace(judging.gate(self.run, lost, 1), mentions=("S0OPS",)))

    def reminded(self) -> "Life":
        """Nobody has answered for half an hour."""
        self.now += HALF_AN_HOUR
        told = e.Reminded(
            step=self.number(LOST), attempt=1, escalated=False, after=HALF_AN_HOUR, mentions=("S0OPS",)
        )  # fmt: skip
        return self.add(told)

    def proposed(self) -> "Life":
        lost = self.number(LOST)
        return self.add(
            e.Proposed(
                step=lost, attempt=1, word="repair", reason="", hash="4e8c21" * 10, approvals=1, mentions=APPROVERS
            ),
            ANA,
        )

    def repaired(self) -> "Life":
        lost = self.number(LOST)
        self.add(e.ProposalApproved(step=lost, attempt=1, hash="4e8c21" * 10), BEN, minutes=0)
        self.add(e.Decided(step=lost, attempt=1, word="repair", reason=""), BEN)
        return self.begun(lost, 2).ended(lost, 2)

    def done(self) -> "Life":
        return self.worked(*range(self.number(LOST) + 1, self.last + 1)).ended_well()

    def ended_well(self) -> "Life":
        return self.add(judging.end_of(self.run, "done"))
