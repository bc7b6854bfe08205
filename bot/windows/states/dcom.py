"""The state of the Location tab of dcomcnfg. Pure."""

from typing import Literal

from bot.events import Concern
from bot.windows.facts import Dcom, DcomEvents, HostFacts, Query
from bot.windows.states.base import Act, Reachable


class DcomLocation(Reachable):
    """DCOM runs the application on the backend only: the name is there, and nothing local is left that would win
    over it.

    Several boxes ticked on the Location tab mean the first that applies, so both halves are judged
    (facts/windows.md, section F). Names are compared as they are written, never resolved.
    """

    kind: Literal["dcom_location"] = "dcom_location"
    application: str | None = None
    server: str

    def query(self) -> Query:
        return Query(application=self.application, dcom_events=True)

    def wanted(self) -> str:
        return f"runs on {self.server}, not on this computer"

    def found(self, facts: HostFacts) -> str:
        if facts.dcom is None:
            return "no such DCOM application"
        there = f"runs on {facts.dcom.remote_server}" if facts.dcom.remote_server else "no other computer named"
        here = "; also allowed on this computer" if _is_here(facts.dcom) else "; not on this computer"
        data = "; where the data is" if _is_at_data(facts.dcom) else ""
        return there + here + data + (f"; {told}" if (told := _left(facts.dcom)) else "")

    def holds(self, facts: HostFacts) -> bool:
        dcom = facts.dcom
        if dcom is None or _is_here(dcom) or _is_at_data(dcom):
            return False
        return (dcom.remote_server or "").lower() == self.server.lower()

    def changed(self, before: HostFacts, now: HostFacts) -> tuple[str, ...]:
        if before.dcom is None or now.dcom is None:
            return ()
        was, new = _settings(before.dcom), _settings(now.dcom)
        fresh = {f"LocalServer32 of {name}" for name in _live(now.dcom) - _live(before.dcom)}
        other = [name for name in was.keys() | new.keys() if was.get(name) != new.get(name) and name not in fresh]
        told = [f"{name} was {was.get(name) or 'absent'}, is {new.get(name) or 'absent'}" for name in sorted(other)]
        return (*(f"{name} is new" for name in sorted(fresh)), *told)

    def remarks(self, before: HostFacts, now: HostFacts) -> tuple[str, ...]:
        """A LocalServer32 that was left there before the run fails nothing; what DCOM's hardening refuses is the
        server's own matter."""
        left = f"{told}, as before the run" if now.dcom and (told := _left(now.dcom)) else ""
        return tuple(told for told in (left, _events(before.dcom_events, now.dcom_events)) if told)

    def concerns(self, facts: HostFacts) -> tuple[Concern, ...]:
        if facts.dcom:
            return ()
        told = f"no DCOM application {self.application or 'of the product'} was found, so II.6 will fail."
        return (Concern(key="dcom", sentence=told, next_move="Is dcom_application in nps.toml right? See dcomcnfg."),)

    def effect(self, facts: HostFacts) -> str:
        return f"name {self.server} as the computer that runs it, and take this computer out"

    def act(self, facts: HostFacts) -> Act:
        app_id = facts.dcom.app_id if facts.dcom else None
        return Act(verb="set_dcom_location", args={"app_id": app_id, "server": self.server})

    def after(self, facts: HostFacts) -> HostFacts:
        dcom = facts.dcom
        return facts.model_copy(update={"dcom": dcom and _elsewhere(dcom, self.server)})


def _is_here(dcom: Dcom) -> bool:
    return dcom.local_service is not None


def _is_at_data(dcom: Dcom) -> bool:
    """Activation where the data lies is another box of the tab, which may win."""
    return (dcom.activate_at_storage or "").upper() == "Y"


def _live(dcom: Dcom) -> set[str]:
    return {f"{c.clsid} ({c.view}-bit)" for c in dcom.classes if c.local_server}


def _left(dcom: Dcom) -> str:
    names = ", ".join(sorted(_live(dcom)))
    return f"LocalServer32 left in {names}" if names else ""


def _settings(dcom: Dcom) -> dict[str, str | None]:
    """What an upgrade must leave as it was, whichever of the two names a value has: a repair only adds or takes the
    underscore."""
    level = dcom.authentication_level
    told = {
        "LocalService": dcom.local_service or dcom.local_service_off, "RunAs": dcom.run_as,
        "AuthenticationLevel": None if level is None else str(level),
    }  # fmt: skip
    servers = {f"LocalServer32 of {c.clsid} ({c.view}-bit)": c.local_server or c.local_server_off for c in dcom.classes}
    return told | servers


def _events(before: DcomEvents | None, now: DcomEvents | None) -> str:
    if now is None:
        return ""
    if now.unread:
        return f"events 10036 to 10038 could not be read ({now.unread})"
    if not now.count:
        return ""
    was = f", {before.count} at the start" if before and not before.unread else ""
    return f"DCOM's hardening has refused calls: {now.count} events 10036 to 10038{was}, the newest {now.newest}"


def _elsewhere(dcom: Dcom, server: str) -> Dcom:
    classes = tuple(
        c.model_copy(update={"local_server": None, "local_server_off": c.local_server or c.local_server_off})
        for c in dcom.classes
    )
    off = dcom.local_service or dcom.local_service_off
    return dcom.model_copy(
        update={
            "remote_server": server, "local_service": None, "local_service_off": off, "classes": classes,
            "activate_at_storage": None,
        }
    )  # fmt: skip
