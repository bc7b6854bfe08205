"""How long an installer is waited for: all by a clock, so that a killed bot loses no time and gains none. Pure."""

from datetime import datetime, timedelta
from typing import Any

from bot.texts import lasted
from bot.windows.facts import HostFacts, Mark, Watched
from bot.windows.states import Package

AWAY = timedelta(minutes=10)
"""So long a server may be away, by the bot's clock; a restart takes its time."""
ABORTED = timedelta(minutes=10)
"""So long is an installer let finish after an abort, before its host is asked again and again."""
RESTARTS = timedelta(minutes=10)
"""So long, by the server's clock, after an installer that restarts it."""
PAUSES = (30.0, 60.0, 120.0, 240.0)
"""Seconds before each new try where Windows Installer is at work for somebody else."""
ANOTHER_INSTALLATION, RESTARTING = 1618, 1641
CPU_THAT_COUNTS = 1.0
"""Seconds; a wizard that waits uses less, even in hours."""

Data = dict[str, Any]


def first(mark: Mark, clock: str, mine: bool) -> Data:
    """What the first look knows; one of an earlier attempt that is watched on has the same time again, from now."""
    since = mark.started if mine and mark.started else clock
    return {"mark_attempt": mark.attempt, "offset": 0, "since": since, "moved": since, "cpu": 0.0, "children": 0}


def after(known: Data, seen: Watched) -> Data:
    """What the next look knows: `moved` is when log, processes or their use of CPU last changed."""
    now = known | {"offset": seen.offset}
    now.pop("away", None)
    moves = seen.offset != known["offset"] or seen.children != known["children"]
    if moves or abs(seen.cpu - known["cpu"]) >= CPU_THAT_COUNTS:
        now |= {"moved": seen.clock, "cpu": seen.cpu, "children": seen.children}
    return now


def overdue(host: str, package: Package, known: Data, clock: str) -> Data | None:
    """The question to people, where an installer has had its time, or stands still."""
    if _passed(known["since"], clock) >= package.deadline:
        told = f"The installer has been running on {host} for {lasted(package.deadline)}."
        return {"sentence": told, "next_move": "Look at the server. Retry waits as long again and starts nothing."}
    if _passed(known["moved"], clock) >= package.inactivity:
        still = lasted(package.inactivity)
        told = f"The installer on {host} has written nothing and used no CPU for {still}; a wizard may wait."
        return {"sentence": told, "next_move": "Look at the server. Retry waits as long again and starts nothing."}
    return None


def restarts(mark: Mark, facts: HostFacts) -> bool:
    """Whether the server is about to restart: the installer said so, and it has not been up anew since."""
    return mark.code == RESTARTING and not (mark.finished and is_later(facts.booted, mark.finished))


def waits_for_restart(mark: Mark, facts: HostFacts) -> bool:
    """Whether to go on waiting for it."""
    return restarts(mark, facts) and _passed(mark.finished or facts.clock, facts.clock) < RESTARTS


def pause(tries: int) -> float | None:
    """Seconds before the next try by rule; None where people are to be asked."""
    return PAUSES[tries] if tries < len(PAUSES) else None


def is_later(one: str, other: str) -> bool:
    """Of two times of one host."""
    return _moment(one) > _moment(other)


def _passed(since: str, clock: str) -> timedelta:
    return _moment(clock) - _moment(since)


def _moment(told: str) -> datetime:
    return datetime.fromisoformat(told)
