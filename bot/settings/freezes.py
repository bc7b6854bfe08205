"""[[freezes]]: times in which nothing new may begin, once or every week. Pure; their arithmetic with zones is here.

Where the clocks are changed, a freeze covers the longer of what its times may mean, never the shorter.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from bot.settings.base import Section, Zone

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WEEKLY = re.compile(rf"({'|'.join(DAYS)}) ([01][0-9]|2[0-3]):([0-5][0-9])", re.IGNORECASE)
WEEK = timedelta(days=7)


def _local(value: Any) -> Any:
    """A local time, or a weekday and a time."""
    if isinstance(value, str) and (found := WEEKLY.fullmatch(value)):
        return f"{found[1].capitalize()} {found[2]}:{found[3]}"
    if isinstance(value, datetime) and value.tzinfo is None and 2000 <= value.year <= 2999:
        return value
    raise ValueError(
        'should be a local time such as 2026-12-18T18:00:00, or a weekday and a time such as "Friday 16:00"'
    )


Local = Annotated[datetime | str, BeforeValidator(_local)]


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """A freeze that is on: why, until when, and by which clocks its times are meant."""

    reason: str
    until: datetime
    zone: str


class Freeze(Section):
    time_zone: Zone
    begin: Local = Field(alias="from")
    end: Local = Field(alias="to")
    environments: tuple[str, ...] = Field(min_length=1)
    reason: str = Field(min_length=1, max_length=200)

    @field_validator("begin", "end")
    @classmethod
    def _exists(cls, value: datetime | str, info: ValidationInfo) -> datetime | str:
        zone = info.data.get("time_zone")
        if isinstance(value, datetime) and zone and not exists(value, ZoneInfo(zone)):
            raise ValueError(f"is a time that the clocks of {zone} leave out; take another one")
        return value

    @field_validator("end")
    @classmethod
    def _later(cls, value: datetime | str, info: ValidationInfo) -> datetime | str:
        begin = info.data.get("begin")
        if begin is None:
            return value
        if isinstance(begin, str) != isinstance(value, str):
            raise ValueError("should be of the same kind as from: both once, or both a weekday and a time")
        if begin == value or (isinstance(begin, datetime) and isinstance(value, datetime) and value < begin):
            raise ValueError("should be later than from")
        return value

    def window(self, at: datetime) -> tuple[datetime, datetime] | None:
        """The freeze's begin and end around a moment, the end not included; None where it is not on then."""
        for begin, end in self._around(at):
            window = _moments(begin, ZoneInfo(self.time_zone))[0], _moments(end, ZoneInfo(self.time_zone))[1]
            if window[0] <= at < window[1]:
                return window
        return None

    def _around(self, at: datetime) -> Iterable[tuple[datetime, datetime]]:
        """Its local times, in the weeks that can matter."""
        if isinstance(self.begin, datetime) and isinstance(self.end, datetime):
            return [(self.begin, self.end)]
        local = at.astimezone(ZoneInfo(self.time_zone)).replace(tzinfo=None)
        monday = datetime.combine(local.date(), datetime.min.time()) - timedelta(days=local.weekday())
        begin, end = _offset(str(self.begin)), _offset(str(self.end))
        end = end if end > begin else end + WEEK
        return [(monday + n * WEEK + begin, monday + n * WEEK + end) for n in (-1, 0, 1)]


def frozen(freezes: Iterable[Freeze], environment: str, at: datetime) -> Frozen | None:
    """The freeze of the environment that is on at that moment; the longest where there are several."""
    found = [
        Frozen(reason=freeze.reason, until=window[1], zone=freeze.time_zone)
        for freeze in freezes
        if environment in freeze.environments and (window := freeze.window(at))
    ]
    return max(found, key=lambda one: one.until, default=None)


def exists(local: datetime, zone: ZoneInfo) -> bool:
    """Whether the clocks of the zone ever show it."""
    return any(moment.astimezone(zone).replace(tzinfo=None) == local for moment in _moments(local, zone))


def _moments(local: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The earliest and the latest that a local time may mean: two, where the clocks are turned back or forth."""
    both = [local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    return min(both), max(both)


def _offset(weekly: str) -> timedelta:
    """From the week's beginning, which is Monday's midnight."""
    day, time = weekly.split(" ")
    hours, minutes = time.split(":")
    return timedelta(days=DAYS.index(day), hours=int(hours), minutes=int(minutes))
