"""What every state answers, and what an act and a package are. Pure."""

from datetime import timedelta
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from bot.events import Concern
from bot.windows.facts import HostFacts, Query

EXECUTABLE = "PRMService.exe"


class Act(BaseModel):
    """One change on a host: a verb of `acts.ps1` and its arguments."""

    model_config = ConfigDict(frozen=True)
    verb: str
    args: dict[str, Any] = {}


class Package(BaseModel):
    """An installer, as a plan carries it: what runs, with which arguments, and the file version that proves success.

    `path` is where it lies on each host when it runs; `url` or `upload` say how it comes there, else it is staged.
    `deadline` is how long it may take, `inactivity` how long it may stand still; an exit code beside `success_codes` is
    a failure, whatever the version. `size` is that of the file to upload. `signer` is to whom its certificate must
    have been issued.
    """

    model_config = ConfigDict(frozen=True)
    name: str
    file: str
    version: str
    sha256: str
    arguments: tuple[str, ...] = ()
    path: str
    url: str | None = None
    upload: str | None = None
    size: int | None = None
    signer: str | None = None
    deadline: timedelta = timedelta(hours=2)
    inactivity: timedelta = timedelta(minutes=30)
    success_codes: tuple[int, ...] = (0, 3010, 1641)

    @property
    def is_staged(self) -> bool:
        return self.url is None and self.upload is None

    @property
    def kind(self) -> str:
        """`msi` packages go through msiexec, everything else runs itself."""
        return "msi" if self.file.lower().endswith(".msi") else "exe"


class State(BaseModel):
    """What every state answers; those that can be brought about also have `effect`, `act` and `after`."""

    model_config = ConfigDict(frozen=True)

    def query(self) -> Query:
        """What must be read to judge it."""
        return Query()

    def wanted(self) -> str:
        """What a person reads as wanted; part of the plan's hash."""
        raise NotImplementedError

    def found(self, facts: HostFacts) -> str:
        """What a person reads as found; part of the plan's hash, so no times, pids, sizes or counters."""
        raise NotImplementedError

    def holds(self, facts: HostFacts) -> bool:
        raise NotImplementedError

    def since(self, clock: str) -> Self:
        """The state as it is judged in a step that first began at this time of the host's; most don't care."""
        return self

    def changed(self, before: HostFacts, now: HostFacts) -> tuple[str, ...]:
        """Differences from the facts at the run's start that fail a check although the state holds."""
        return ()

    def remarks(self, before: HostFacts, now: HostFacts) -> tuple[str, ...]:
        """What people should know beside what was found; fails nothing, and is not in the hash."""
        return ()

    def concerns(self, facts: HostFacts) -> tuple[Concern, ...]:
        """What people must accept before the run begins, from the facts at its start; told after the host's name."""
        return ()


class Reachable(State):
    """A state with an act that brings it about; asking for the act again is safe."""

    def effect(self, facts: HostFacts) -> str:
        """What the act would do, foretold in words; part of the plan's hash."""
        raise NotImplementedError

    def act(self, facts: HostFacts) -> Act:
        raise NotImplementedError

    def after(self, facts: HostFacts) -> HostFacts:
        """The facts that the act leaves when all goes well."""
        raise NotImplementedError
