"""Asks many hosts at once, and yet tries no credential twice that may be wrong: more tries could lock its account."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from bot.errors import HostError, LoginRefused
from bot.windows.facts import HostFacts

Answer = HostFacts | HostError
Ask = Callable[[str], Answer]
T = TypeVar("T")


class Asking:
    """Remembers which credentials have let the bot in; one that has not, or was refused since, is tried on one host
    before it is used on others."""

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
        answers: dict[str, Answer] = {}
        while len(answers) < len(hosts) - 1 and credential not in self._good:
            host = hosts[len(answers)]
            answers[host] = ask(host)
            self._judge(credential, answers[host])
            if isinstance(answers[host], LoginRefused):
                told = f"was not asked, for {host} refused the credential {credential}: more tries could lock it."
                return answers | {other: HostError(other, f"{other} {told}") for other in hosts[len(answers) :]}
        rest = _at_once(hosts[len(answers) :], ask)
        self._judge(credential, *rest.values())
        return answers | rest

    def _judge(self, credential: str, *answers: Answer) -> None:
        if any(isinstance(answer, LoginRefused) for answer in answers):
            self._good.discard(credential)
        elif any(isinstance(answer, HostFacts) for answer in answers):
            self._good.add(credential)


def _at_once(names: Sequence[str], do: Callable[[str], T]) -> dict[str, T]:
    with ThreadPoolExecutor(max_workers=max(1, len(names))) as pool:
        return dict(zip(names, pool.map(do, names), strict=True))
