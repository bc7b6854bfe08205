"""A pretend Windows server: a listener on loopback, the shells behind it, and the machine that they change.

The condition lives in memory, as long as the lab does: bots come and go, the host stays as they left it.
"""

import threading
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

from bot.lab.windows import powershell
from bot.lab.windows.faults import Faults
from bot.lab.windows.listener import Listener
from bot.lab.windows.login import Door
from bot.lab.windows.machine import Machine
from bot.lab.windows.shells import Command, Shells
from bot.lab.windows.tls import Tls
from bot.windows.facts import HostFacts

USER = "CORP\\svc-nps"
NEW_VERSION = "9.3.0.0"


class PretendWindows:
    """A host that starts with these facts and whose installer brings the version `installs`; use it in a `with`."""

    def __init__(
        self,
        facts: HostFacts,
        *,
        password: str,
        user: str = USER,
        principal: str | None = None,
        tls: Tls | None = None,
        installer_seconds: float = 3.0,
        installs: str = NEW_VERSION,
    ) -> None:
        self.faults = Faults()
        self.machine = Machine(facts, self.faults, installer_seconds=installer_seconds, installs=installs)
        self.shells = Shells(self._program, user)
        self._door = Door(user, password, principal, tls)
        self._listener = Listener(self._door, self.faults, self.shells.answer)
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.05,), daemon=True)

    def _program(self, line: str, command: Command) -> int:
        return powershell.run(line, command, self.machine)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.machine.close()
        self.shells.lose_all()
        self._listener.close()
        self._thread.join()

    @property
    def url(self) -> str:
        """By a name, where a certificate or a ticket is for one."""
        scheme = "https" if self._door.tls else "http"
        host = "localhost" if self._door.tls or self._door.principal else "127.0.0.1"
        return f"{scheme}://{host}:{self._listener.server_port}/wsman"

    # What can be looked at

    @property
    def facts(self) -> HostFacts:
        """The whole condition now."""
        return self.machine.now()

    @property
    def counts(self) -> dict[str, int]:
        """How often each verb changed something."""
        return {verb: times for verb, times in self.machine.counts.copy().items() if times}

    @property
    def launches(self) -> tuple[str, ...]:
        """The marks of all installers that were started, oldest first."""
        return tuple(self.machine.launches)

    @property
    def requests(self) -> dict[str, int]:
        """HTTP requests so far, by action; those that only served a login are counted as Login."""
        return self._listener.requests

    @property
    def logins(self) -> int:
        return self._door.logins

    @property
    def refused_logins(self) -> int:
        """Wrong passwords, each of which could lock an account."""
        return self._door.refused

    # What somebody else does to it

    def change(self, **fields: Any) -> None:
        """Sets facts directly, as somebody at the host's own screen would."""
        self.machine.change(**fields)

    def change_clock(self, ahead: timedelta) -> None:
        """The host's clock goes so far ahead of the true time, or behind it."""
        self.machine.clock_ahead = ahead

    def change_password(self, password: str) -> None:
        """From now on only this one is right, on open connections too."""
        self._door.password = password

    def drop_connections(self) -> None:
        """Every connection is cut, as by a firewall; the shells behind them stay."""
        self._listener.hang_up()

    def lose_shells(self) -> None:
        """WinRM forgets every shell; an installer runs on."""
        self.shells.lose_all()

    def reboot(self, seconds: float = 0.0) -> None:
        """Shells, processes and a running installer are gone, and for so long nobody answers."""
        self.faults.go_away(seconds)
        self.machine.reboot()
        self.shells.lose_all()
