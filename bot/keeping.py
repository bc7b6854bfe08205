"""The events by which people keep runs out of an environment, or let them in in spite of a freeze; `events` has them
all."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Locked:
    """A person keeps runs out of the environment. `taken_from` names who had it locked and lost it, `mention` is their
    Slack id."""

    environment: str
    reason: str
    channel: str | None
    taken_from: str | None = None
    mention: str | None = None


@dataclass(frozen=True, kw_only=True)
class Unlocked:
    """The environment admits runs again; the same two name the person whose lock another one ended."""

    environment: str
    reason: str
    taken_from: str | None = None
    mention: str | None = None


@dataclass(frozen=True, kw_only=True)
class FreezeOverridden:
    """The run was asked for in spite of a freeze, which is `freeze`; another person has to review that."""

    environment: str
    freeze: str
    until: datetime
    zone: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Reviewed:
    """Another person has looked at what was done in spite of a freeze."""

    reason: str
