"""What all tables of nps.toml share. Pure."""

import re
from datetime import timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _duration(value: Any) -> Any:
    match = re.fullmatch(r"([1-9][0-9]{0,4})([smhd])", value) if isinstance(value, str) else None
    if not match:
        raise ValueError('should be a duration such as "30m", "24h" or "7d"')
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def _channel(value: str) -> str:
    if not re.fullmatch(r"[CG][A-Z0-9]{2,}", value):
        raise ValueError("should be a channel's id such as C0OPS, which Slack shows in the channel's details")
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, LookupError):
        raise ValueError('should be a time zone by its IANA name, such as "Europe/Berlin"') from None
    return value


Channel = Annotated[str, AfterValidator(_channel)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
Zone = Annotated[str, AfterValidator(_zone)]


class Section(BaseModel):
    """A table of nps.toml; unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid")
