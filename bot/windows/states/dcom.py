"""The state of the Location tab of dcomcnfg. Pure."""

from typing import Literal

from bot.windows.facts import Dcom, HostFacts, Query
from bot.windows.states.base import Act, Reachable


class DcomLocation(Reachable):
    """DCOM runs the application on the backend only: the name is there, and nothing local is left that would win
    over it.

    Several boxes ticked on the Location tab mean the first that applies, so both halves are judged
    (facts/windows.md, section F).
    """

    kind: Literal["dcom_location"] = "dcom_location"
    application: str | None = None
    server: str

    def query(self) -> Query:
        return Query(application=self.application)

    def wanted(self) -> str:
        return f"runs on {self.server}, not on this computer"

    def found(self, facts: HostFacts) -> str:
        if facts.dcom is None:
            return "no such DCOM application"
        there = f"runs on {facts.dcom.remote_server}" if facts.dcom.remote_server else "no other computer named"
        here = "; also allowed on this computer" if facts.dcom.local_service else "; not on this computer"
        left = ", ".join(f"{c.clsid} ({c.view}-bit)" for c in facts.dcom.classes if c.local_server)
        return there + here + (f"; LocalServer32 left in {left}" if left else "")

    def holds(self, facts: HostFacts) -> bool:
        dcom = facts.dcom
        return (
            dcom is not None
            and (dcom.remote_server or "").lower() == self.server.lower()
            and dcom.local_service is None
        )

    def changed(self, before: HostFacts, now: HostFacts) -> tuple[str, ...]:
        if before.dcom is None or now.dcom is None:
            return ()
        was = {(c.clsid, c.view): c.local_server for c in before.dcom.classes}
        new = [c for c in now.dcom.classes if c.local_server and not was.get((c.clsid, c.view))]
        told = [f"LocalServer32 of {c.clsid} ({c.view}-bit) is new" for c in new]
        for name in ("run_as", "local_service_off"):
            old, current = getattr(before.dcom, name), getattr(now.dcom, name)
            if old != current:
                told.append(f"{name.replace('_', ' ')} was {old or 'absent'}, is {current or 'absent'}")
        return tuple(told)

    def effect(self, facts: HostFacts) -> str:
        return f"name {self.server} as the computer that runs it, and take this computer out"

    def act(self, facts: HostFacts) -> Act:
        app_id = facts.dcom.app_id if facts.dcom else None
        return Act(verb="set_dcom_location", args={"app_id": app_id, "server": self.server})

    def after(self, facts: HostFacts) -> HostFacts:
        dcom = facts.dcom
        return facts.model_copy(update={"dcom": dcom and _elsewhere(dcom, self.server)})


def _elsewhere(dcom: Dcom, server: str) -> Dcom:
    classes = tuple(
        c.model_copy(update={"local_server": None, "local_server_off": c.local_server or c.local_server_off})
        for c in dcom.classes
    )
    off = dcom.local_service or dcom.local_service_off
    return dcom.model_copy(
        update={"remote_server": server, "local_service": None, "local_service_off": off, "classes": classes}
    )
