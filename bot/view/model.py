"""What a run, its steps and its gates look like. Data only."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from bot import events as e
from bot.events import Actor, Concern, Foretold, Word
from bot.plan import Plan
from bot.texts import typed
from bot.windows.facts import HostFacts


@dataclass(frozen=True, kw_only=True)
class Said:
    """Who said something, and when."""

    by: Actor
    at: datetime
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A repair or a skip that waits for others."""

    word: Word
    reason: str
    hash: str
    wanted: int
    by: Said
    approvals: tuple[Said, ...] = ()
    mentions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reminder:
    """A question was put again, `after` so long; `escalated` to the admins."""

    at: datetime
    after: timedelta
    escalated: bool
    mentions: tuple[str, ...]
    proposal: str = ""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """The open question of a run; `id` is what a button carries. Step 0 stands for the run before its first step."""

    id: str
    step: int
    attempt: int
    sentence: str
    next_move: str
    words: tuple[Word, ...]
    change: str | None
    at: datetime
    concerns: tuple[Concern, ...] = ()
    proposal: Proposal | None = None
    turned_down: tuple[tuple[Proposal, Said], ...] = ()
    decided: Said | None = None
    word: Word | None = None
    mentions: tuple[str, ...] = ()
    reminders: tuple[Reminder, ...] = ()
    asked_anew: datetime | None = None
    """When it was put again because nobody had listened."""
    approvals: int | None = None
    """How many others must approve a repair or a skip; older events do not tell."""

    @property
    def is_optional(self) -> bool:
        """Whether the run goes on although nobody answers."""
        return "wait" in self.words


@dataclass(frozen=True, kw_only=True)
class Orphan:
    """A run that holds its environment and whose stretch has died; free once each host has said that no installer of
    it lives."""

    since: datetime
    asking: bool = False
    answers: int = 0
    answered_at: datetime | None = None
    free: bool = False


@dataclass(frozen=True, kw_only=True)
class StepView:
    """A step as it stands; `number` counts from 1 and is its place in the plan, `tries` the attempts that a rule made
    since people were asked."""

    number: int
    title: str
    host: str
    wanted: str
    state: Literal["pending", "running", "done", "failed", "skipped"] = "pending"
    attempt: int = 1
    repairing: bool = False
    tries: int = 0
    begun: datetime | None = None
    clock: str = ""
    """The host's own, when the first attempt began."""
    ended: datetime | None = None
    end: e.StepEnded | None = None
    found_before: str = ""
    gates: tuple[Gate, ...] = ()
    touched: bool = False
    """Whether the act of any attempt began."""
    unread: tuple[int, ...] = ()
    """Attempts whose act began and after which nobody has read the host."""

    @property
    def again(self) -> bool:
        """Whether a rule makes the next attempt."""
        return self.state == "failed" and self.end is not None and self.end.again

    @property
    def is_due(self) -> bool:
        """Whether the machine has still to do with it."""
        return self.state in ("pending", "running") or self.again


@dataclass(frozen=True, kw_only=True)
class Pause:
    """Who held the run up before which step, and who let it go on, or ended it by an abort; 0 is after the last."""

    by: Said
    step: int
    resumed: Said | None = None
    aborted: Said | None = None

    @property
    def over(self) -> Said | None:
        return self.resumed or self.aborted


@dataclass(frozen=True, kw_only=True)
class Absence:
    """From when to when no bot was there."""

    since: datetime
    until: datetime


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run as it looks now."""

    id: str
    request: e.Requested
    requested: Said
    trigger: int
    n: int = 0
    plan: Plan | None = None
    foretold: tuple[Foretold, ...] = ()
    hash: str = ""
    concerns: tuple[Concern, ...] = ()
    accepted: frozenset[str] = frozenset()
    expires: datetime | None = None
    planned_at: datetime | None = None
    voided: tuple[str, ...] = ()
    old_hash: str = ""
    mentions: tuple[str, ...] = ()
    """Who was asked to approve."""
    approvals: tuple[Said, ...] = ()
    admitted: datetime | None = None
    started: datetime | None = None
    started_changed: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    steps: tuple[StepView, ...] = ()
    gate: Gate | None = None
    general_gates: tuple[Gate, ...] = ()
    abort: Said | None = None
    rejected: Said | None = None
    override: e.FreezeOverridden | None = None
    """The freeze that it was asked for in spite of."""
    review: Said | None = None
    pauses: tuple[Pause, ...] = ()
    absences: tuple[Absence, ...] = ()
    settle_attempts: int = 0
    orphan: Orphan | None = None
    orphan_asks: int = 0
    ending: Said | None = None
    """Who wants the installer of the aborted run ended."""
    end_attempts: int = 0
    ended_on: tuple[str, ...] = ()
    ended: e.Ended | None = None
    ended_at: datetime | None = None
    head: str = ""
    waits: str = ""
    """For whom it waits where it waits for its environment: no event of its own tells that; `waiting` fills it in."""

    @property
    def holds(self) -> bool:
        """Whether it has its environment, so that no other run is admitted."""
        is_free = self.orphan is not None and self.orphan.free
        return self.admitted is not None and self.ended is None and not is_free

    @property
    def to_review(self) -> bool:
        """Whether another person has still to look at what was done in spite of a freeze."""
        return self.override is not None and self.started is not None and self.ended is not None and not self.review

    @property
    def name(self) -> str:
        """What people call it: the command and the environment."""
        return f"{'plan' if self.request.only_plan else self.request.runbook} {self.request.environment}"

    @property
    def is_approved(self) -> bool:
        return len(self.approvals) >= self.request.approvals

    @property
    def paused(self) -> Said | None:
        """Who holds the run up between its steps; nobody does while it is None."""
        return self.pauses[-1].by if self.pauses and self.pauses[-1].over is None else None

    @property
    def is_working(self) -> bool:
        """Whether an attempt at a step has begun and not ended."""
        return any(step.state == "running" for step in self.steps)

    @property
    def backup(self) -> str | None:
        """Where this run has left a proven backup; None where it has not."""
        states = self.plan.steps if self.plan else ()
        folders = (s.state.to for s, view in zip(states, self.steps, strict=True)
                   if s.state.kind == "copied" and view.state == "done")  # fmt: skip
        return next(folders, None)

    @property
    def way_back(self) -> str | None:
        """The command that puts back what this run has saved; None where it saved nothing, or only that."""
        if self.backup is None or self.request.runbook == "backup":
            return None
        return typed(f"rollback {self.request.environment} {self.id}")

    @property
    def is_let_finish(self) -> bool:
        """Whether somebody has decided that the installer of the aborted run is let finish, and nobody to end it."""
        return [gate.word for gate in self.general_gates if gate.word in ("wait", "end")][-1:] == ["wait"]

    @property
    def unlock_line(self) -> str:
        """What an admin types to end it although nobody knows whether an installer of it lives."""
        return typed(f"unlock {self.request.environment if self.holds else self.id} because REASON")

    def before(self, host: str) -> HostFacts:
        """The facts of the host at the run's start."""
        return HostFacts.model_validate(self.facts[host])

    def step(self, number: int) -> StepView:
        return self.steps[number - 1]

    def gate_id(self, step: int, attempt: int) -> str:
        return f"{self.id}:{step}:{attempt}"
