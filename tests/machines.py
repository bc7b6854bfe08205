"""A pretend host asked directly, and what tests ask of it."""

from typing import Any

import pytest

from bot.lab.windows import NEW_VERSION, PACKAGE_PATH, PACKAGE_SHA256, backend, frontend
from bot.lab.windows.acts import Refusal
from bot.lab.windows.faults import Faults
from bot.lab.windows.machine import Machine
from bot.windows.facts import HostFacts
from bot.windows.states import (
    Disabled,
    Installed,
    Package,
    Reachable,
)

EXE = "PRMService.exe"
OLD = f"{EXE}.old"
KEEP = (("alinfo.bin",), ("secrets.bin",), ("Predefined Questions.txt", "PredefinedQuestions.txt"), ("Templates",))
TO = "C:\\ProgramData\\nps\\backups\\prod-dmz-17"
FOREVER = 3600.0
PACKAGE = Package(
    name="9.3", file="prm_setup.exe", version=NEW_VERSION, sha256=PACKAGE_SHA256, arguments=("/S",), path=PACKAGE_PATH
)
MARK = {"store": "s1", "run": "prod-dmz-17", "step": 2, "attempt": 1}


def machine(facts: HostFacts, seconds: float = 0.05, faults: Faults | None = None) -> Machine:
    return Machine(facts, faults or Faults(), installer_seconds=seconds, installs=NEW_VERSION)


def stopped() -> HostFacts:
    facts = Disabled().after(backend())
    assert facts.service
    service = facts.service.model_copy(update={"start_mode": "Manual"})
    return facts.model_copy(update={"service": service, "processes": ()})


def enabled_frontend() -> HostFacts:
    """A frontend on which an installer left everything as II.3 to II.6 must not find it."""
    host = machine(frontend(), 0.0, faults := Faults())
    faults.installer_enables_service()
    faults.installer_changes_dcom()
    start(host)
    return host.now()


def read(host: Machine, state: Reachable) -> HostFacts:
    return HostFacts.model_validate(host.perform("facts", state.query().model_dump(mode="json")))


def condition(host: Machine) -> HostFacts:
    return host.now().model_copy(update={"clock": ""})


def start(host: Machine, **args: Any) -> dict[str, Any]:
    verb = Installed(package=PACKAGE).act(host.now())
    return host.perform(verb.verb, {**verb.args, "mark": MARK, "run_as": "S4U", **args})


def watch(host: Machine, seconds: float = 5, offset: int = 0, **mark: Any) -> dict[str, Any]:
    return host.perform("watch", {"mark": {**MARK, **mark}, "offset": offset, "seconds": seconds})


def refusal(host: Machine, verb: str, args: dict[str, Any]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        host.perform(verb, args)
    return caught.value
