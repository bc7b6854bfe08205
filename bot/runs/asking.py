"""Asks many hosts at once, and yet tries no credential twice that may be wrong: more tries could lock its account."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from bot.errors import AccessDenied, HostError, LoginRefused
from bot.windows.facts import HostFacts

Answer = HostFacts | HostError
Ask = Callable[[str, threading.Event], Answer]
"""Asks a host, and sets the event as soon as it has taken the login."""
T = TypeVar("T")


class Asking:
    """Remembers which credentials have let the bot in; one that has not, or was refused since, is used on other hosts
    only once one has taken it."""

    def __init__(self, credentials: Mapping[str, str]) -> None:
        """`credentials` by host."""
        self._credentials = credentials
        self._good: set[str] = set()

    def all(self, hosts: Sequence[str], ask: Ask) -> dict[str, Answer]:
        """Each host's answer, in the order of `hosts`; `ask` returns its faults."""
        sharing: dict[str, list[str]] = {}
        for host in hosts:
            sharing.setdefault(self._credentials.get(host, host), []).append(host)
        answers = _at_once(list(sharing), lambda credential: self._by(credential, sharing[credential], ask))
        found = {host: answer for some in answers.values() for host, answer in some.items()}
        return {host: found[host] for host in hosts}

    def _by(self, credential: str, hosts: list[str], ask: Ask) -> dict[str, Answer]:
        with ThreadPoolExecutor(max_workers=len(hosts)) as pool:
            asked: dict[str, Future[Answer]] = {}
            for host in hosts:
                known = threading.Event()
                asked[host] = pool.submit(ask, host, known)
                asked[host].add_done_callback(partial(_tell, known))
                if credential not in self._good:
                    known.wait()
                    answer = asked[host].result() if asked[host].done() else None
                    if _is_refused(answer):
                        break
                    if answer is None or isinstance(answer, HostFacts):
                        self._good.add(credential)
            answers = {host: future.result() for host, future in asked.items()}
        refused = next((host for host, answer in answers.items() if _is_refused(answer)), None)
        if refused:
            self._good.discard(credential)
        told = f"was not asked, for {refused} refused the credential {credential}: more tries could lock it."
        return {host: answers.get(host) or HostError(host, f"{host} {told}") for host in hosts}


def _is_refused(answer: Answer | None) -> bool:
    return isinstance(answer, LoginRefused) and not isinstance(answer, AccessDenied)


def _tell(known: threading.Event, _: "Future[Answer]") -> None:
    known.set()


def _at_once(names: Sequence[str], do: Callable[[str], T]) -> dict[str, T]:
    with ThreadPoolExecutor(max_workers=max(1, len(names))) as pool:
        return dict(zip(names, pool.map(do, names), strict=True))
