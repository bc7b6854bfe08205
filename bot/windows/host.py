"""One Windows host as the bot sees it: facts, acts, installers.

Owns which calls go to the host together, and how long each may take. Judges nothing. `not_after` is time by the host's
own clock, the one that `HostFacts.clock` tells; nobody corrects it on the way.
"""

import base64
import re
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from bot.errors import AnswerGarbled
from bot.windows.channel import Call, Channel, Login, Meter
from bot.windows.facts import HostFacts, Mark, Part, Query, Watched
from bot.windows.states import Act

# The longest are a search of all CLSIDs on an old server, a hash of a large installer and a copy of many templates. A
# reading of what was saved hashes whole backups, so it has an act's time.
FACTS_SECONDS = 60.0
PREPARE_SECONDS = 15.0
ACT_SECONDS = 300.0

M = TypeVar("M", bound=BaseModel)
RunAs = Literal["S4U", "SYSTEM"]


class MarkId(BaseModel):
    """Names one attempt at an installer everywhere: the mark, the task and the log of that name on the host."""

    model_config = ConfigDict(frozen=True)

    store: str
    run: str
    step: int
    attempt: int

    @field_validator("store", "run")
    @classmethod
    def _plain(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", value):
            raise ValueError("only letters, digits, - and _ can name a mark")
        return value

    @property
    def name(self) -> str:
        return f"nps-{self.store}-{self.run}-{self.step}-{self.attempt}"


class Place(BaseModel):
    """Where a package is to lie on the host, and what it must be."""

    model_config = ConfigDict(frozen=True)

    path: str
    sha256: str


class Host:
    """Used by one thread at a time; raises only errors of `bot.errors`."""

    def __init__(self, login: Login, meter: Meter | None = None) -> None:
        self.name = login.host
        self.channel = Channel(login, meter)

    def observe(self, query: Query) -> HostFacts:
        """Reads only."""
        [facts] = self.channel.ask([_facts(query)], ACT_SECONDS if query.saved else FACTS_SECONDS)
        return self._read(HostFacts, facts)

    def act(self, act: Act, not_after: datetime, then: Query | None = None) -> tuple[bool, HostFacts | None]:
        """Whether it changed anything and, where `then` asks, the facts after it, all in one request."""
        calls = [{"verb": act.verb, "args": {**act.args, "not_after": not_after.isoformat()}}]
        results = self.channel.ask(calls + ([_facts(then)] if then else []), ACT_SECONDS)
        return results[0].get("changed") is True, self._read(HostFacts, results[1]) if then else None

    def start_left_stopped(self) -> bool:
        """Starts the service that a copy has stopped and, cut off, never started again; whether there was one."""
        [result] = self.channel.ask([{"verb": "start_left_stopped", "args": {}}], ACT_SECONDS)
        return result.get("changed") is True

    def start_installer(self, act: Act, mark: MarkId, not_after: datetime, run_as: RunAs = "S4U") -> Mark:
        """The mark once the installer has begun; that of an earlier attempt at the same step where one still lives."""
        more = {"mark": _mark(mark), "not_after": not_after.isoformat(), "run_as": run_as, "wrapper": _wrapper()}
        return self._marked({"verb": act.verb, "args": {**act.args, **more}})

    def part(self, at: Place) -> Part:
        """What has come of a package so far; reads only."""
        return self._piece("package_part", at)

    def receive(self, at: Place, offset: int, data: bytes, not_after: datetime) -> Part:
        """Adds a piece; one that does not fit is left out, and the answer says where to go on."""
        more = {"offset": offset, "size": len(data), "not_after": not_after.isoformat()}
        return self._piece("receive_file", at, more, data)

    def fetch(self, at: Place, url: str, seconds: float, not_after: datetime) -> Part:
        """Lets the host pull for some seconds; a server that knows no ranges takes longer."""
        return self._piece("fetch_piece", at, {"url": url, "seconds": seconds, "not_after": not_after.isoformat()})

    def _piece(self, verb: str, at: Place, more: dict[str, Any] | None = None, data: bytes = b"") -> Part:
        call = {"verb": verb, "args": {**at.model_dump(), **(more or {})}}
        [result] = self.channel.ask([call], ACT_SECONDS, data)
        return self._read(Part, result)

    def prepare(self, mark: MarkId, run_as: RunAs = "S4U") -> None:
        """Begins the installer's task ahead of time; it runs nothing until `start_installer`, and ends by itself."""
        args = {"mark": _mark(mark), "run_as": run_as, "wrapper": _wrapper()}
        self.channel.ask([{"verb": "prepare", "args": args}], PREPARE_SECONDS)

    def watch(self, mark: MarkId, offset: int, seconds: float) -> Watched:
        """Comes back after `seconds`, or as soon as the installer has ended or 64 KB of its log wait."""
        args = {"mark": _mark(mark), "offset": offset, "seconds": seconds}
        [result] = self.channel.ask([{"verb": "watch", "args": args}], seconds + FACTS_SECONDS)
        try:
            log = base64.b64decode(result.pop("log"), validate=True)
        except (KeyError, ValueError, TypeError) as error:
            raise self._unreadable(error) from error
        watched = self._read(Watched, {**result, "log": log})
        if watched.offset != offset + len(log):
            raise self._unreadable(ValueError("a piece of another place"))
        return watched

    def give_up(self, mark: MarkId) -> Mark:
        """Takes the name of an attempt that never began, so that it never can; else the mark as it is."""
        return self._marked({"verb": "give_up", "args": {"mark": _mark(mark)}})

    def end_installer(self, mark: MarkId, by: str) -> Mark:
        """Ends all processes of that attempt, and says so only once they are gone; the host keeps who wanted it."""
        return self._marked({"verb": "end_installer", "args": {"mark": _mark(mark), "by": by}})

    def close(self) -> None:
        self.channel.close()

    def _marked(self, call: Call) -> Mark:
        [result] = self.channel.ask([call], ACT_SECONDS)
        return self._read(Mark, result.get("mark"))

    def _read(self, model: type[M], value: Any) -> M:
        try:
            return model.model_validate(value)
        except ValidationError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> AnswerGarbled:
        where = (
            ".".join(str(part) for part in error.errors()[0]["loc"]) if isinstance(error, ValidationError) else "log"
        )
        told = f"{self.name} answered with something that is no fact ({where})."
        return AnswerGarbled(self.name, told, "Retry; if it stays, the bot and its scripts are of different versions.")


def _facts(query: Query) -> Call:
    return {"verb": "facts", "args": query.model_dump()}


def _mark(mark: MarkId) -> dict[str, Any]:
    return {"name": mark.name, **mark.model_dump()}


@cache
def _wrapper() -> str:
    return files("bot.windows").joinpath("wrapper.ps1").read_text("ascii")
