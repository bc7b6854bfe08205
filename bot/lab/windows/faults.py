"""What can go wrong with a pretend server, on request: each fault is asked for by a method and keeps count by itself.

It holds wishes and never acts on them; the listener, the host and the installer ask it.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["in_use", "absent", "denied", "busy", "installing", "too_late", "exists", "failed"]
MishapKind = Literal["cut", "garbage", "http_500", "slow"]


@dataclass(frozen=True, kw_only=True)
class Mishap:
    """Something done to one reply; `action` None takes the next one, whatever it is."""

    kind: MishapKind
    action: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Failing:
    """An act that the host will refuse with these words."""

    kind: Kind
    message: str


class Faults:
    """The wishes of one pretend server, safe to change while it answers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refusals = 0
        self._away_until = 0.0
        self._mishaps: list[Mishap] = []
        self._failing: dict[str, list[Failing]] = {}
        self._codes: list[int] = []
        self.exit_code = 0
        self.is_endless = False
        self.changes_dcom = False
        self.enables_service = False
        self.runs_as_system = False
        self.restarts: Callable[[], None] | None = None

    # The network

    def refuse_connections(self, times: int) -> None:
        """The next new connections are closed before a byte is read."""
        with self._lock:
            self._refusals += times

    def go_away(self, seconds: float = float("inf")) -> None:
        """Nobody answers, on open connections either, for so long or until `come_back`."""
        with self._lock:
            self._away_until = time.monotonic() + seconds

    def come_back(self) -> None:
        with self._lock:
            self._away_until = 0.0

    def take_back(self) -> None:
        """The network is sound again: what was wished for replies and connections holds no longer."""
        with self._lock:
            self._away_until = 0.0
            self._refusals = 0
            self._mishaps.clear()

    def cut_reply(self, action: str | None = None, times: int = 1) -> None:
        """The host does what was asked; the connection closes in the middle of its answer."""
        self._add(Mishap(kind="cut", action=action), times)

    def slow_reply(self, seconds: float, action: str | None = None, times: int = 1) -> None:
        """The host does what was asked and answers late."""
        self._add(Mishap(kind="slow", action=action, seconds=seconds), times)

    def garbage(self, action: str | None = None, times: int = 1) -> None:
        """The host does what was asked; the answer is HTTP 200 with a page that is no envelope."""
        self._add(Mishap(kind="garbage", action=action), times)

    def http_500(self, action: str | None = None, times: int = 1) -> None:
        """Nothing is done; the answer is HTTP 500 without a body."""
        self._add(Mishap(kind="http_500", action=action), times)

    # The acts and the installer

    def fail(self, verb: str, message: str, kind: Kind = "failed", times: int = 1) -> None:
        """The verb does nothing and says this, so many times."""
        with self._lock:
            self._failing.setdefault(verb, []).extend([Failing(kind, message)] * times)

    def installer_fails(self, times: int = 1, code: int = 1603) -> None:
        """The next installers run to their end, leave the old version and exit with this code."""
        with self._lock:
            self._codes.extend([code] * times)

    def installer_ends_with(self, code: int) -> None:
        """Every installer from now on; 0, 3010 and 1641 install (the two leave a reboot due), other codes do not."""
        self.exit_code = code

    def installer_never_ends(self) -> None:
        """Installers started from now on stand still in the middle until they are ended."""
        self.is_endless = True

    def installer_changes_dcom(self) -> None:
        """The installer lets the DCOM application run on this computer again."""
        self.changes_dcom = True

    def installer_restarts(self, restart: Callable[[], None]) -> None:
        """An installer that ends with 1641 does this soon after."""
        self.restarts = restart

    def deny_batch_logon(self) -> None:
        """The task of an installer that is to run as the bot's account runs as SYSTEM."""
        self.runs_as_system = True

    def installer_enables_service(self) -> None:
        """The installer sets the service to start by itself and starts it."""
        self.enables_service = True

    # What the server's parts ask

    def is_away(self) -> bool:
        with self._lock:
            return time.monotonic() < self._away_until

    def turns_away(self) -> bool:
        """Whether a new connection is to be closed at once; each yes uses up one refusal."""
        with self._lock:
            if self._refusals:
                self._refusals -= 1
                return True
            return time.monotonic() < self._away_until

    def instead(self, action: str) -> Mishap | None:
        """What is answered in place of doing what was asked; asked when a request has come."""
        return self._due(action, {"http_500"})

    def on_reply(self, action: str) -> Mishap | None:
        """What happens to an answer; asked when there is one, for a Receive may have waited for it."""
        return self._due(action, {"cut", "slow", "garbage"})

    def _due(self, action: str, kinds: set[MishapKind]) -> Mishap | None:
        with self._lock:
            due = next((m for m in self._mishaps if m.kind in kinds and m.action in {None, action}), None)
            if due:
                self._mishaps.remove(due)
            return due

    def failing(self, verb: str) -> Failing | None:
        with self._lock:
            waiting = self._failing.get(verb)
            return waiting.pop(0) if waiting else None

    def next_exit_code(self) -> int:
        with self._lock:
            return self._codes.pop(0) if self._codes else self.exit_code

    def _add(self, mishap: Mishap, times: int) -> None:
        with self._lock:
            self._mishaps.extend([mishap] * times)
