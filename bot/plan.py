"""What a runbook sees, and the plan that it returns: steps as plain data, foretold from facts, hashed. Pure.

A runbook knows the site and no facts. The plan is carried out from its own copy, so that editing a runbook never
touches a run in flight.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from bot.events import Foretold
from bot.windows.facts import HostFacts, Query
from bot.windows.states import AnyReachable, AnyState, Package, Reachable, State


class Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HostRef(Data):
    """A host as the plan knows it; a run whose host has another url in nps.toml does not go on by itself."""

    name: str
    url: str


class Step(Data):
    """One line of a runbook, on one host; `repair` is what a person may order when a check fails."""

    title: str
    host: str
    mode: Literal["ensure", "check"]
    state: AnyState
    repair: AnyReachable | None = None

    def act_state(self, repairing: bool) -> Reachable | None:
        """The state that may be brought about now: an ensured one always, a checked one when a person ordered the
        repair."""
        if self.mode == "ensure":
            return self.state if isinstance(self.state, Reachable) else None
        return self.repair if repairing else None

    def since(self, clock: str) -> "Step":
        """The step as it is judged once it has begun, at that time of its host's."""
        repair = self.repair and self.repair.since(clock)
        return self.model_copy(update={"state": self.state.since(clock), "repair": repair})


class Plan(Data):
    """A runbook evaluated for a site: all that carrying it out needs, credentials aside."""

    runbook: str
    version: int
    environment: str
    hosts: tuple[HostRef, ...]
    package: Package | None
    run_as: Literal["S4U", "SYSTEM"] = "S4U"
    base: Query
    takes_lock: bool
    opens_gates: bool
    steps: tuple[Step, ...]

    def query(self, step: Step) -> Query:
        return step.state.query().merged(self.base)

    def host_query(self, host: str) -> Query:
        """One reading that serves every step on the host."""
        query = self.base
        for step in self.steps:
            if step.host == host:
                query = query.merged(step.state.query())
        return query

    def foretell(self, facts: Mapping[str, HostFacts]) -> tuple[Foretold, ...]:
        """Each step sees what the earlier ones would leave."""
        now = dict(facts)
        return tuple(self._foretell(step, now) for step in self.steps)

    def _foretell(self, step: Step, now: dict[str, HostFacts]) -> Foretold:
        seen = now[step.host]
        holds, state = step.state.holds(seen), step.act_state(repairing=False)
        effect = None
        if state is not None and not holds:
            effect, now[step.host] = state.effect(seen), state.after(seen)
        return Foretold(found=step.state.found(seen), holds=holds, effect=effect)

    def hash(self, foretold: tuple[Foretold, ...]) -> str:
        """SHA-256 over what people approve: no times, pids, sizes or counters enter it."""
        package = self.package and self.package.model_dump(mode="json")
        lines = [
            [s.title, s.host, s.mode, s.state.wanted(), f.found, f.effect]
            for s, f in zip(self.steps, foretold, strict=True)
        ]
        hosts = [[host.name, host.url] for host in self.hosts]
        return digest([self.runbook, self.version, self.environment, hosts, package, self.run_as, lines])

    def differences(self, old: tuple[Foretold, ...], new: tuple[Foretold, ...]) -> tuple[str, ...]:
        """What changed between two foretellings, a sentence each."""
        told = []
        for step, was, now in zip(self.steps, old, new, strict=True):
            if was.found != now.found:
                told.append(f"{step.title} ({step.host}): found was “{was.found}”, is “{now.found}”")
            elif was.effect != now.effect:
                told.append(f"{step.title} ({step.host}): would now {now.effect or 'do nothing'}")
        return tuple(told)


def digest(data: Any) -> str:
    """SHA-256 of canonical JSON."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Backups:
    """How a site's backups are made: below which folder, by which store, how many are kept, and whether the service is
    stopped for the copy."""

    root: str
    store: str = ""
    keep: int = 10
    stop_service: bool = False


@dataclass(frozen=True, kw_only=True)
class Target:
    """The run whose saved files a rollback puts back, and where they lie."""

    run: str
    folder: str


@dataclass(frozen=True)
class Line:
    """A host as a runbook writes on it."""

    name: str
    steps: list[Step]

    def ensure(self, title: str, state: Reachable) -> None:
        """The state is brought about where it does not hold."""
        self._add(title, "ensure", state)

    def check(self, title: str, state: State, repair: Reachable | None = None) -> None:
        """The state is only looked at; a person may order the repair."""
        self._add(title, "check", state, repair)

    def _add(self, title: str, mode: str, state: State, repair: Reachable | None = None) -> None:
        # validated from plain data, so that what is stored is what was written
        data = {"title": title, "host": self.name, "mode": mode, "state": state, "repair": repair}
        self.steps.append(Step.model_validate(data))


class Site:
    """What a runbook sees of an environment: its hosts to write on, and its settings."""

    def __init__(
        self, *, environment: str, run: str, backend: HostRef, frontends: tuple[HostRef, ...], package: Package | None,
        base: Query, backups: Backups, dcom_backend: str | None, run_as: Literal["S4U", "SYSTEM"] = "S4U",
        target: Target | None = None,
    ) -> None:  # fmt: skip
        self.environment, self.run, self.base, self.run_as = environment, run, base, run_as
        self.hosts = (backend, *frontends)
        self.steps: list[Step] = []
        self.backend = Line(backend.name, self.steps)
        self.frontends = tuple(Line(host.name, self.steps) for host in frontends)
        self.package = package
        self.service, self.application = base.service, base.application
        self.backups, self.backup_folder = backups, f"{backups.root}\\{run}"
        self.target = target
        self.dcom_backend = dcom_backend or backend.name

    @property
    def is_single(self) -> bool:
        """Backend and frontend are one server: procedure I of the article."""
        return not self.frontends


@dataclass(frozen=True, kw_only=True)
class Runbook:
    """A function of `runbooks/` and what policy and walker must know of it."""

    name: str
    version: int
    article: str
    needs_package: bool
    takes_lock: bool
    opens_gates: bool
    write: Callable[[Site], None]

    def plan(self, site: Site) -> Plan:
        """Calls the runbook once; the site must be new."""
        self.write(site)
        return Plan(
            runbook=self.name,
            version=self.version,
            environment=site.environment,
            hosts=site.hosts,
            package=site.package if self.needs_package else None,
            run_as=site.run_as,
            base=site.base,
            takes_lock=self.takes_lock,
            opens_gates=self.opens_gates,
            steps=tuple(site.steps),
        )


RUNBOOKS: dict[str, Runbook] = {}


def runbook(
    name: str, *, version: int, article: str, needs_package: bool, takes_lock: bool = True, opens_gates: bool = True
) -> Callable[[Callable[[Site], None]], Callable[[Site], None]]:
    """Registers a runbook; raise `version` with every change that a person should approve anew."""

    def register(write: Callable[[Site], None]) -> Callable[[Site], None]:
        RUNBOOKS[name] = Runbook(
            name=name, version=version, article=article, needs_package=needs_package, takes_lock=takes_lock,
            opens_gates=opens_gates, write=write,
        )  # fmt: skip
        return write

    return register
