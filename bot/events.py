"""Everything that can have happened, as frozen dataclasses, past tense; to and from the JSON of the audit log."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from pydantic import TypeAdapter

from bot.keeping import FreezeOverridden as FreezeOverridden
from bot.keeping import Locked as Locked
from bot.keeping import Reviewed as Reviewed
from bot.keeping import Unlocked as Unlocked

Word = Literal["retry", "repair", "skip", "abort", "wait", "end"]


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who did it: a human of [people] or a bare account, how they are shown, and the rule that allowed or refused
    it."""

    person: str
    account: str
    shown: str
    rule: str = ""
    claimed: bool = False


BOT = Actor(person="nps-bot", account="bot", shown="nps-bot")


@dataclass(frozen=True, kw_only=True)
class StoreCreated:
    """The log's first event; `store` begins every mark, workflow id and block id of this installation."""

    store: str


@dataclass(frozen=True, kw_only=True)
class Configured:
    """The settings at a start, where they differ from the last; without secrets."""

    settings: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Requested:
    """A run was asked for; `approvals` is how many others must approve it, `beside` the run that held the
    environment then, `target` the run whose files a rollback puts back, `zone` the environment's time zone."""

    runbook: str
    environment: str
    package: str | None
    reason: str
    text: str
    approvals: int
    channel: str | None
    only_plan: bool = False
    beside: str | None = None
    target: str | None = None
    zone: str | None = None


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A request or a decision was refused; `sentence` and `next_move` are what the person was told, `since` when what
    it speaks of came to be."""

    text: str
    sentence: str
    environment: str | None = None
    next_move: str = ""
    since: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Foretold:
    """What a step would find and do, if all steps before it do what they foretell."""

    found: str
    holds: bool
    effect: str | None


@dataclass(frozen=True, kw_only=True)
class Concern:
    """What people must accept before a run begins; one that `stops` can only be mended. The key names the question:
    accepted once, it is not asked again in the run."""

    key: str
    sentence: str
    next_move: str
    stops: bool = False


@dataclass(frozen=True, kw_only=True)
class Planned:
    """The plan that people see and approve; `expires` is set where it must be approved. Concerns are never hashed."""

    n: int
    plan: dict[str, Any]
    foretold: tuple[Foretold, ...]
    hash: str
    expires: datetime | None = None
    concerns: tuple[Concern, ...] = ()
    mentions: tuple[str, ...] = ()
    """Who may approve: users and user groups, by id."""


@dataclass(frozen=True, kw_only=True)
class Unplanned:
    """A host could not be read; the run ends failed."""

    n: int
    host: str
    sentence: str
    next_move: str


@dataclass(frozen=True, kw_only=True)
class Approved:
    hash: str


@dataclass(frozen=True, kw_only=True)
class Rejected:
    reason: str


@dataclass(frozen=True, kw_only=True)
class Expired:
    n: int


@dataclass(frozen=True, kw_only=True)
class Admitted:
    """The environment's lock is this run's until it ends or is voided."""

    n: int


@dataclass(frozen=True, kw_only=True)
class Started:
    """The facts of each host at the start: the `before` of every check. `changed` is what differs from the plan."""

    n: int
    facts: dict[str, Any]
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Voided:
    """Something changed between the plan and the start; the new plan waits for approval again."""

    n: int
    plan: dict[str, Any]
    foretold: tuple[Foretold, ...]
    hash: str
    changed: tuple[str, ...]
    expires: datetime | None = None
    concerns: tuple[Concern, ...] = ()
    mentions: tuple[str, ...] = ()
    """Who may approve it again."""


@dataclass(frozen=True, kw_only=True)
class StepBegun:
    """The host was read; `act` says whether something must be done. `clock` is the host's own."""

    step: int
    attempt: int
    found: str
    act: bool
    clock: str


@dataclass(frozen=True, kw_only=True)
class StepEnded:
    """An attempt is over; `log` is a file below the data folder, with its SHA-256. `again` means that a rule makes the
    next attempt, without people; `restart` that the server wants to be restarted."""

    step: int
    attempt: int
    outcome: Literal["done", "failed"]
    acted: bool = False
    before: str = ""
    found: str = ""
    read_at: str = ""
    sentence: str = ""
    next_move: str = ""
    log: str | None = None
    log_sha256: str | None = None
    tail: str = ""
    again: bool = False
    restart: bool = False


@dataclass(frozen=True, kw_only=True)
class GateOpened:
    """The run waits for people; `words` are what may be decided. A skip accepts the concerns, where there are any."""

    step: int
    attempt: int
    sentence: str
    next_move: str
    words: tuple[Word, ...]
    change: str | None = None
    concerns: tuple[Concern, ...] = ()
    mentions: tuple[str, ...] = ()
    """Who may decide: users and user groups, by id."""
    approvals: int | None = None
    """How many others must approve a repair or a skip."""


@dataclass(frozen=True, kw_only=True)
class Reminded:
    """A question, or a proposal, has stood for `after`; those who may decide are mentioned again, or the admins."""

    step: int
    attempt: int
    escalated: bool
    after: timedelta
    proposal: str = ""
    """The hash of what is proposed, where that is what waits."""
    mentions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Proposed:
    """A repair or a skip that others must approve; `hash` covers gate, word, reason and foretold change."""

    step: int
    attempt: int
    word: Word
    reason: str
    hash: str
    approvals: int
    mentions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ProposalApproved:
    step: int
    attempt: int
    hash: str


@dataclass(frozen=True, kw_only=True)
class TurnedDown:
    step: int
    attempt: int
    hash: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Decided:
    """The gate is closed; the actor is who decided, or whose approval was the last one wanted."""

    step: int
    attempt: int
    word: Word
    reason: str


@dataclass(frozen=True, kw_only=True)
class AbortRequested:
    reason: str


@dataclass(frozen=True, kw_only=True)
class Paused:
    """No further step begins until somebody resumes; one that runs goes on to its end."""


@dataclass(frozen=True, kw_only=True)
class Resumed:
    """The run goes on where it was paused."""


@dataclass(frozen=True, kw_only=True)
class StretchDied:
    """The workflow that carried the run ended without an answer; `trigger` is the event that had set it going."""

    trigger: int
    sentence: str
    mentions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class WasAway:
    """No bot was there: what people pressed or typed meanwhile was not recorded."""

    since: datetime
    until: datetime


@dataclass(frozen=True, kw_only=True)
class OrphanAsked:
    """The stretch of a run that holds its environment has died: its hosts are asked whether an installer of it
    lives."""

    n: int


@dataclass(frozen=True, kw_only=True)
class OrphanAnswered:
    """Where none lives nor can still start, the environment is `free` for other runs; `sentence` says what keeps it."""

    n: int
    free: bool
    sentence: str = ""


@dataclass(frozen=True, kw_only=True)
class HostsSettled:
    """After an abort each host touched has said whether anything of this run lives; `sentence` names what does."""

    n: int
    settled: bool
    sentence: str = ""
    mentions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class InstallersEnded:
    """On these hosts all processes of the aborted run's installer were ended, as a person had decided; `sentence` says
    what stood in the way, where something did."""

    n: int
    hosts: tuple[str, ...]
    sentence: str = ""
    mentions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Ended:
    outcome: Literal["done", "failed", "aborted", "rejected", "expired"]
    sentence: str


Event = (
    StoreCreated | Configured | Requested | Refused | Planned | Unplanned | Approved | Rejected | Expired | Admitted
    | Started | Voided | StepBegun | StepEnded | GateOpened | Reminded | Proposed | ProposalApproved | TurnedDown
    | Decided | AbortRequested | Paused | Resumed | StretchDied | WasAway | OrphanAsked | OrphanAnswered | HostsSettled
    | InstallersEnded | Locked | Unlocked | FreezeOverridden | Reviewed | Ended
)  # fmt: skip

KINDS: dict[str, Any] = {cls.__name__: cls for cls in get_args(Event)}


@dataclass(frozen=True, kw_only=True)
class Stored:
    """An event as the log holds it; `seq` is its place, `hash` closes the chain up to it."""

    seq: int
    run: str | None
    key: str | None
    at: datetime
    actor: Actor
    event: Event
    hash: str = field(default="", repr=False)


ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def adapter(cls: type) -> TypeAdapter[Any]:
    """The JSON door of one class; built once, for building costs milliseconds."""
    if cls not in ADAPTERS:
        ADAPTERS[cls] = TypeAdapter(cls)
    return ADAPTERS[cls]


def to_data(event: Any) -> Any:
    """Plain JSON data of an event or an actor."""
    return adapter(type(event)).dump_python(event, mode="json")


def from_data(kind: str, data: Any) -> Event:
    """The event of that kind; raises ValueError for one this version does not know."""
    if kind not in KINDS:
        raise ValueError(f"no event is called {kind}")
    event: Event = adapter(KINDS[kind]).validate_python(data)
    return event
