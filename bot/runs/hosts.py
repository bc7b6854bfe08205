"""The open channels of runs: made when first asked for, closed at a gate, at the end, or after an idle minute."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from bot.errors import HostError
from bot.plan import HostRef
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
    user, password = settings.credentials[section.credential].user, passwords[section.credential]
    ca = str(settings.path(section.ca)) if section.ca else None
    return Login(host=ref.name, url=section.url, auth=section.auth, user=user, password=password, ca=ca)


@dataclass
class Opened:
    """A host's channel; `idle_since` is None while a stretch has it."""

    host: Host
    idle_since: float | None = None


class Hosts:
    """Keeps channels by run, so that stretches that follow each other log in once; a run has one living stretch, so no
    two threads share one."""

    def __init__(self, settings: Settings, passwords: Mapping[str, SecretStr]) -> None:
        """`passwords` by credential, as they were when the masks were made of them."""
        self._settings, self._passwords = settings, passwords
        self._open: dict[tuple[str, str], Opened] = {}
        self._lock = threading.Lock()

    def get(self, run: str, ref: HostRef) -> Host:
        """The run's channel to the host; the caller has it until the stretch lets go of the run."""
        with self._lock:
            opened = self._open.get((run, ref.name))
            if opened:
                opened.idle_since = None
                return opened.host
        host = Host(login(self._settings, self._passwords, ref))
        with self._lock:
            self._open[run, ref.name] = Opened(host)
        return host

    def keep(self, run: str) -> None:
        """The stretch is over and another may follow soon."""
        with self._lock:
            for (owner, _), opened in self._open.items():
                if owner == run:
                    opened.idle_since = time.monotonic()

    def close(self, run: str) -> None:
        """Closes what the run has open."""
        self._close(lambda owner, _: owner == run)

    def close_idle(self) -> None:
        """Closes what nobody has used for a minute; the clock calls it."""
        before = time.monotonic() - IDLE
        self._close(lambda _, opened: opened.idle_since is not None and opened.idle_since < before)

    def _close(self, is_due: Callable[[str, Opened], bool]) -> None:
        with self._lock:
            due = [self._open.pop(key) for key, opened in list(self._open.items()) if is_due(key[0], opened)]
        for opened in due:
            opened.host.close()
