"""States of the service that a person asks for beside the article: stopped, and restarted once. Pure."""

from datetime import datetime
from typing import Literal, Self

from bot.windows.facts import HostFacts
from bot.windows.states.base import Act
from bot.windows.states.service import ServiceState, with_service


class Stopped(ServiceState):
    """The service does not run; how it starts is left as it is."""

    kind: Literal["stopped"] = "stopped"

    def wanted(self) -> str:
        return "Stopped"

    def holds(self, facts: HostFacts) -> bool:
        return facts.service is not None and (facts.service.state, facts.service.pid) == ("Stopped", 0)

    def effect(self, facts: HostFacts) -> str:
        return "stop the service"

    def act(self, facts: HostFacts) -> Act:
        return Act(verb="stop_service", args={"service": self.name(facts)})

    def after(self, facts: HostFacts) -> HostFacts:
        return with_service(facts, state="Stopped", pid=0, started=None)


class Restarted(ServiceState):
    """The service runs, and was started after the step first began: asked for again, it is not restarted again."""

    kind: Literal["restarted"] = "restarted"
    moment: str | None = None

    def since(self, clock: str) -> Self:
        return self.model_copy(update={"moment": clock})

    def wanted(self) -> str:
        return "Running, started anew"

    def found(self, facts: HostFacts) -> str:
        return super().found(facts) + (", started anew" if self.holds(facts) else "")

    def holds(self, facts: HostFacts) -> bool:
        service = facts.service
        if service is None or service.state != "Running" or not service.started or not self.moment:
            return False
        return datetime.fromisoformat(service.started) > datetime.fromisoformat(self.moment)

    def effect(self, facts: HostFacts) -> str:
        runs = facts.service is not None and facts.service.state != "Stopped"
        return "stop the service and start it again" if runs else "start the service"

    def act(self, facts: HostFacts) -> Act:
        return Act(verb="restart_service", args={"service": self.name(facts), "since": self.moment or facts.clock})

    def after(self, facts: HostFacts) -> HostFacts:
        return with_service(facts, state="Running", pid=0, started=facts.clock)
