"""What policy must know of Slack, read again and again by the clock; nobody who decides waits for it."""

import logging
import time
from collections.abc import Callable, Iterable
from http.client import HTTPException

from slack_sdk.errors import SlackApiError, SlackClientError

REFRESH_EVERY = 5.0
"""How often it is looked whether a name is due."""
HOUR = 3600.0
AFTER_A_CUT = 5.0
log = logging.getLogger("nps.slack")


class Keeper:
    """Reads each name soon after the start and then every so often, or until Slack has told it; one that Slack
    refuses keeps no other from being read. Each kind of refusal is said once."""

    def __init__(self, names: Iterable[str], read: Callable[[str], None], complaint: str, every: float = HOUR) -> None:
        self._due, self._every = dict.fromkeys(names, 0.0), every
        self._read_one, self._complaint = read, complaint
        self._told: set[tuple[str, str]] = set()

    def refresh(self) -> None:
        """Reads what is due."""
        for name, due in self._due.items():
            if due <= time.monotonic():
                self._due[name] = time.monotonic() + self._read(name)

    def _read(self, name: str) -> float:
        """Seconds until the next look."""
        try:
            self._read_one(name)
        except SlackApiError as refusal:
            error = str(refusal.response.get("error"))
            self._tell(name, error)
            unsure = refusal.response.status_code >= 500 or error == "ratelimited"
            return float(refusal.response.headers.get("Retry-After", AFTER_A_CUT)) if unsure else self._every
        except (SlackClientError, OSError, HTTPException) as fault:
            self._tell(name, type(fault).__name__)
            return AFTER_A_CUT
        return self._every

    def _tell(self, name: str, said: str) -> None:
        if (name, said) not in self._told:
            self._told.add((name, said))
            log.warning(self._complaint, name, said)
