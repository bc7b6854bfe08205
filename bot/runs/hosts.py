"""The open channels to hosts: lent to one run at a time, closed at a gate, after a fault, or after an idle minute."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from bot.errors import HostError
from bot.plan import HostRef
from bot.runs.asking import Asking
from bot.settings import Settings
from bot.windows.channel import Login
from bot.windows.host import Host

IDLE = 60.0
SWEEP_EVERY = 10.0


def login(settings: Settings, passwords: Mapping[str, SecretStr], ref: HostRef) -> Login:
    """The login for a plan's host; refuses a host that nps.toml no longer has, or has at another address."""
    section = settings.hosts.get(ref.name)
    if section is None:
        raise HostError(
            ref.name, f"{ref.name} is no longer in nps.toml.", "Put it back and restart the bot, or abort the run."
        )
    if section.url != ref.url:
        raise HostError(
            ref.name, f"{ref.name} has another address in nps.toml now ({section.url}) than in the plan ({ref.url}).",
            "Abort the run and ask for it again, or put the address back and restart the bot.",
        )  # fmt: skip
    credential = settings.credentials[section.credential]
    user, password = credential.user or str(credential.certificate), passwords.get(section.credential)
    password = password or SecretStr(str(credential.key))
    ca = str(settings.path(section.ca)) if section.ca else None
    return Login(host=ref.name, url=section.url, auth=section.auth, user=user, password=password, ca=ca)


@dataclass(frozen=True)
class Idle:
    """A channel that no run has, and since when."""

    host: Host
    since: float


class Hosts:
    """Lends channels to runs, so that what follows within a minute, of the same run or the next, logs in once.

    A run has one living stretch, and a lent channel one run: no two threads share one.
    """

    def __init__(self, settings: Settings, passwords: Mapping[str, SecretStr]) -> None:
        """`passwords` by credential, as they were when the masks were made of them."""
        self._settings, self._passwords = settings, passwords
        self.asking = Asking({name: section.credential for name, section in settings.hosts.items()})
        self._lent: dict[tuple[str, str], Host] = {}
        self._idle: list[Idle] = []
        self._lock = threading.Lock()

    def get(self, run: str, ref: HostRef) -> Host:
        """The run's channel to the host; the caller has it until the stretch lets go of the run."""
        wanted = login(self._settings, self._passwords, ref)
        with self._lock:
            lent = self._lent.get((run, ref.name))
            if lent:
                return lent
            idle = next((idle for idle in self._idle if idle.host.channel.login == wanted), None)
            if idle:
                self._idle.remove(idle)
            host = idle.host if idle else Host(wanted)
            self._lent[run, ref.name] = host
            return host

    def keep(self, run: str) -> None:
        """The stretch is over; another of this run or of the next may follow soon."""
        with self._lock:
            self._idle += [Idle(host, time.monotonic()) for host in self._take(run)]

    def close(self, run: str) -> None:
        """Closes what the run has."""
        with self._lock:
            due = self._take(run)
        for host in due:
            host.close()

    def close_idle(self) -> None:
        """Closes what nobody has used for a minute; the clock calls it."""
        before = time.monotonic() - IDLE
        with self._lock:
            due = [idle for idle in self._idle if idle.since < before]
            self._idle = [idle for idle in self._idle if idle.since >= before]
        for idle in due:
            idle.host.close()

    def _take(self, run: str) -> list[Host]:
        return [self._lent.pop(key) for key in list(self._lent) if key[0] == run]
