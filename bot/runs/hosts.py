"""The open channels of a stretch: one per host, made when first asked, closed when the stretch ends."""

import threading
from collections.abc import Callable

from bot.errors import HostError, LoginRefused, NpsError
from bot.plan import HostRef
from bot.settings import Settings
from bot.windows.channel import Login
from bot.windows.host import Host

Door = Callable[[HostRef], Host]


def login(settings: Settings, ref: HostRef) -> Login:
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
    try:
        password = credential.password.resolve()
    except NpsError as fault:
        raise LoginRefused(ref.name, fault.sentence, fault.next_move) from fault
    ca = str(settings.path(section.ca)) if section.ca else None
    return Login(host=ref.name, url=section.url, auth=section.auth, user=credential.user, password=password, ca=ca)


class Hosts:
    """Keeps channels by run, so that a stretch logs in once; a run has one living stretch, so no two threads share
    one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open: dict[tuple[str, str], Host] = {}
        self._lock = threading.Lock()

    def get(self, run: str, ref: HostRef) -> Host:
        with self._lock:
            host = self._open.get((run, ref.name))
        if host is None:
            host = Host(login(self._settings, ref))
            with self._lock:
                self._open[run, ref.name] = host
        return host

    def close(self, run: str) -> None:
        """Closes what the run has open; a host that does not answer any more is let go."""
        with self._lock:
            mine = [self._open.pop(key) for key in list(self._open) if key[0] == run]
        for host in mine:
            host.close()
