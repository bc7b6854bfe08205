"""A run's whole life, stage by stage, for the pictures in docs/cards: the lab's hosts, and the sentences that the bot
itself finds for what is read there. No server, no engine, no clock: the same every time."""

from collections.abc import Callable
from dataclasses import dataclass
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

    def requested(self) -> "Life":
        return self.add(
            e.Requested(
                runbook="upgrade", environment="prod-dmz", package="9.3", reason="CR-1234", channel="C0OPS",
                approvals=1, text="upgrade prod-dmz because CR-1234", zone="Europe/Berlin",
            ),
            ANA,
        )  # fmt: skip

    def planned(self) -> "Life":
        told = self.plan.foretell(self.facts)
        expires = self.now + timedelta(hours=24)
        dump = self.plan.model_dump(mode="json")
        return self.add(e.Planned(n=1, plan=dump, foretold=told, hash=self.plan.hash(told), expires=expires))

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
            e.Voided(n=2, plan=dump, foretold=told, hash=self.plan.hash(told), changed=changed, expires=expires)
        )

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
        return self.add(judging.gate(self.run, lost, 1))

    def proposed(self) -> "Life":
        lost = self.number(LOST)
        return self.add(
            e.Proposed(step=lost, attempt=1, word="repair", reason="", hash="4e8c21" * 10, approvals=1), ANA
        )

    def repaired(self) -> "Life":
        lost = self.number(LOST)
        self.add(e.ProposalApproved(step=lost, attempt=1, hash="4e8c21" * 10), BEN, minutes=0)
        self.add(e.Decided(step=lost, attempt=1, word="repair", reason=""), BEN)
        return self.begun(lost, 2).ended(lost, 2)

    def done(self) -> "Life":
        self.worked(*range(self.number(LOST) + 1, self.last + 1))
        return self.add(judging.end_of(self.run, "done"))


def _approved() -> Life:
    return Life().requested().planned().approved()


def _started() -> Life:
    return _approved().started()


def _rejected() -> Life:
    reason = "wait for the backup of the database"
    life = Life().requested().planned().add(e.Rejected(reason=reason), CHRIS, minutes=0)
    return life.add(e.Ended(outcome="rejected", sentence=f"Rejected by chris: {reason}"), CHRIS)


def _aborted() -> Life:
    reason = "the change window is over"
    life = _started().failed()
    life.add(e.Decided(step=life.number(LOST), attempt=1, word="abort", reason=reason), ANA)
    return life.add(e.Ended(outcome="aborted", sentence=f"Aborted by ana: {reason}"))


def _expired() -> Life:
    life = Life().requested().planned()
    life.now += timedelta(hours=24)
    life.add(e.Expired(n=1), minutes=0)
    return life.add(e.Ended(outcome="expired", sentence="It had 0 of 1 approvals after 24 h. Ask for it again."))


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A picture: which of the run's messages are on it, and what the reader should take from it."""

    name: str
    told: str
    make: Callable[[], Life]
    shows: tuple[str, ...]
    thread: bool = False
    """Whether it is the thread that is looked at."""
    installing: tuple[str, int | None] | None = None


STAGES = (
    Stage(
        name="planned", make=lambda: Life().requested().planned(), shows=("card",),
        told="Ana has asked, the servers have been read. Somebody else reads the plan and presses **Approve**.",
    ),
    Stage(
        name="waiting", make=_approved, shows=("card",),
        told="Ben has approved; another run holds the environment. There is nothing to press but **Abort**.",
    ),
    Stage(
        name="running", make=lambda: _started().worked(1, 2, 3).begun(4), shows=("card", "step-4-1"), thread=True,
        installing=("Copying new files", 62),
        told="The backend's installer is at work. Nobody need do anything.",
    ),
    Stage(
        name="failed", make=lambda: _started().failed(), shows=("gate-7-1",),
        told="The installer has enabled the frontend's service again. The channel is asked what to do.",
    ),
    Stage(
        name="proposal", make=lambda: _started().failed().proposed(), shows=("gate-7-1-proposal-4e8c21",),
        told="Ana proposes the repair. Somebody else presses **Approve** or **Turn down**.",
    ),
    Stage(
        name="repaired", make=lambda: _started().failed().proposed().repaired(), shows=("gate-7-1", "step-7-2"),
        thread=True,
        told="Ben has approved it: the question is closed, and the next attempt holds.",
    ),
    Stage(
        name="done", make=lambda: _started().failed().proposed().repaired().done(), shows=("card", "end"),
        told="Every step holds. The audit head is what an auditor compares with the log.",
    ),
    Stage(
        name="aborted", make=_aborted, shows=("card", "end"),
        told="Ana has ended it at the question. What was done stays done.",
    ),
    Stage(
        name="rejected", make=_rejected, shows=("card",),
        told="Chris has turned the plan down; nothing was changed.",
    ),
    Stage(
        name="voided", make=lambda: _approved().voided(), shows=("voided-2", "card"),
        told="A server changed after the approval. The new plan waits for an approval of its own.",
    ),
    Stage(
        name="expired", make=_expired, shows=("card",),
        told="Nobody approved within a day.",
    ),
)  # fmt: skip
