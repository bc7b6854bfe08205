"""States of the product's service and its processes. Pure."""

from typing import Any, Literal

from bot.windows.facts import HostFacts, Query, Service
from bot.windows.states.base import Act, Reachable


def with_service(facts: HostFacts, **change: Any) -> HostFacts:
    """The facts with these values of the service, where there is one."""
    return facts.model_copy(update={"service": facts.service and facts.service.model_copy(update=change)})


def _say(service: Service | None) -> str:
    if service is None:
        return "no such service"
    # what is disabled keeps the mark of a delayed start, without effect
    late = " (delayed)" if service.delayed and service.start_mode == "Auto" else ""
    return f"{service.start_mode}{late}, {service.state}"


class ServiceState(Reachable):
    """Shared by the states of the product's service; `service` None means the one that the script finds."""

    service: str | None = None

    def query(self) -> Query:
        return Query(service=self.service)

    def name(self, facts: HostFacts) -> str | None:
        """The service as the host calls it."""
        return facts.service.name if facts.service else self.service

    def found(self, facts: HostFacts) -> str:
        return _say(facts.service)


class Disabled(ServiceState):
    """The service can't start: start mode, state and process agree."""

    kind: Literal["disabled"] = "disabled"

    def wanted(self) -> str:
        return "Disabled, Stopped"

    def holds(self, facts: HostFacts) -> bool:
        s = facts.service
        return s is not None and (s.start_mode, s.state, s.pid) == ("Disabled", "Stopped", 0)

    def effect(self, facts: HostFacts) -> str:
        return "disable the service and stop it"

    def act(self, facts: HostFacts) -> Act:
        return Act(verb="disable_service", args={"service": self.name(facts)})

    def after(self, facts: HostFacts) -> HostFacts:
        return with_service(facts, start_mode="Disabled", state="Stopped", pid=0, started=None)


class Running(ServiceState):
    """The service runs."""

    kind: Literal["running"] = "running"

    def wanted(self) -> str:
        return "Running"

    def holds(self, facts: HostFacts) -> bool:
        return facts.service is not None and facts.service.state == "Running"

    def effect(self, facts: HostFacts) -> str:
        return "start the service"

    def act(self, facts: HostFacts) -> Act:
        return Act(verb="start_service", args={"service": self.name(facts)})

    def after(self, facts: HostFacts) -> HostFacts:
        return with_service(facts, state="Running", started=facts.clock)


class NoProcess(Reachable):
    """No process has the name, or runs from the service's image path."""

    kind: Literal["no_process"] = "no_process"
    name: str

    def wanted(self) -> str:
        return f"no {self.name}"

    def found(self, facts: HostFacts) -> str:
        names = sorted({process.name for process in facts.processes})
        return f"{', '.join(names)} runs" if names else f"no {self.name}"

    def holds(self, facts: HostFacts) -> bool:
        return not facts.processes

    def effect(self, facts: HostFacts) -> str:
        return f"end the process {self.name}"

    def act(self, facts: HostFacts) -> Act:
        return Act(verb="end_process", args={"processes": [p.model_dump() for p in facts.processes]})

    def after(self, facts: HostFacts) -> HostFacts:
        return facts.model_copy(update={"processes": ()})
