"""What Windows does by itself around an act, and what a reading of it shows: facts in, facts out.

Pure. What an act leaves is the state's `after`; here stands only what no state speaks of: processes that come and go
with their service, a reboot, and the installer's side effects.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from bot.windows.facts import Dcom, FileFact, HostFacts, Mark, PendingRename, Process, Query, Service

CAPTIONS = ("Netwrix Password Secure", "Netwrix Password Manager")
REBOOT_WANTED = (3010, 1641)
INSTALLS = (0, *REBOOT_WANTED)


def told(moment: datetime) -> str:
    """UTC as .NET's format 'o' writes it, with seven digits."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"


def same(one: str | None, other: str | None) -> bool:
    """Windows' comparison of names and paths: without case, and a missing one equals nothing."""
    return one is not None and other is not None and one.rstrip("\\").lower() == other.rstrip("\\").lower()


def _names(dcom: Dcom | None, service: Service) -> bool:
    return dcom is not None and (same(dcom.local_service, service.name) or same(dcom.local_service_off, service.name))


def _captioned(caption: str, query: Query) -> bool:
    return any(same(caption, name) for name in ((query.application,) if query.application else CAPTIONS))


def _service(facts: HostFacts, query: Query) -> Service | None:
    service = facts.service
    if service is None:
        return None
    if query.service:
        return service if same(service.name, query.service) else None
    by_app_id = facts.dcom is not None and _captioned(facts.dcom.caption, query) and _names(facts.dcom, service)
    return service if by_app_id or _captioned(service.caption, query) else None


def _dcom(facts: HostFacts, service: Service | None, query: Query) -> Dcom | None:
    dcom = facts.dcom
    if dcom is None or (service and _names(dcom, service)):
        return dcom
    return dcom if _captioned(dcom.caption, query) else None


def _files(facts: HostFacts, names: Iterable[str]) -> tuple[FileFact, ...]:
    """Those that exist, spelled as they were asked for, as Windows' own look-up by name does."""
    there = {file.name.lower(): file for file in facts.files}
    return tuple(there[name.lower()].model_copy(update={"name": name}) for name in names if name.lower() in there)


def seen(facts: HostFacts, query: Query) -> HostFacts:
    """The part of a host's condition that `facts` tells for this query; the backup is the caller's to choose."""
    service = _service(facts, query)
    is_here = same(query.folder, facts.folder) if query.folder else service is not None
    executables = (query.executable, query.executable + ".old") if is_here else ()
    image = service.image if service else None
    return facts.model_copy(
        update={
            "service": service,
            "folder": facts.folder if is_here else query.folder,
            "images": tuple(i for i in facts.images if any(same(i.name, name) for name in executables)),
            "processes": tuple(p for p in facts.processes if same(p.name, query.executable) or same(p.path, image)),
            "dcom": _dcom(facts, service, query),
            "dcom_events": facts.dcom_events if query.dcom_events else None,
            "files": _files(facts, query.files if is_here else ()),
            "package": facts.package if facts.package and same(facts.package.path, query.package) else None,
        }
    )


def settled(before: HostFacts, after: HostFacts, pid: int) -> HostFacts:
    """The service and its process agree again, whichever of the two the act started or ended."""
    if before.service is None or after.service is None:
        return after
    was, service, processes = before.service.pid, after.service, after.processes
    ended = {p.pid for p in before.processes} - {p.pid for p in after.processes}
    if service.pid in ended:
        service = service.model_copy(update={"state": "Stopped", "pid": 0, "started": None})
    if was != service.pid:
        processes = tuple(p for p in processes if p.pid != was)
    if service.state == "Running" and service.pid == 0:
        service = service.model_copy(update={"pid": pid, "started": after.clock})
        name = service.image.rsplit("\\", 1)[-1]
        processes = (*processes, Process(pid=pid, name=name, path=service.image, started=after.clock))
    return after.model_copy(update={"service": service, "processes": processes})


def after_installer(facts: HostFacts, code: int, *, enables_service: bool, changes_dcom: bool) -> HostFacts:
    """What an installer leaves beside the files: a disabled service stays so, every other one is restarted."""
    service, dcom = facts.service, facts.dcom
    if service and enables_service:
        service = service.model_copy(update={"start_mode": "Auto"})
    if service and service.start_mode != "Disabled":
        service = service.model_copy(update={"state": "Running", "pid": 0})
    if dcom and changes_dcom:
        here = dcom.local_service or dcom.local_service_off
        dcom = dcom.model_copy(update={"local_service": here, "local_service_off": None})
    left = {"service": service, "dcom": dcom}
    if code not in REBOOT_WANTED:
        return facts.model_copy(update=left)
    rest = PendingRename(source=f"{facts.folder}\\rest.tmp", target="")
    due = tuple(dict.fromkeys((*facts.reboot_due, "pending file renames")))
    return facts.model_copy(update=left | {"reboot_due": due, "renames": (*facts.renames, rest)})


def rebooted(facts: HostFacts, pid: int) -> HostFacts:
    """After a restart of the host: no old process lives, and a service that starts by itself has a new one."""
    service = facts.service
    if service:
        state = "Running" if service.start_mode == "Auto" else "Stopped"
        service = service.model_copy(update={"state": state, "pid": 0, "started": None})
    up = {"service": service, "processes": (), "reboot_due": (), "renames": (), "booted": facts.clock}
    return settled(facts, facts.model_copy(update=up), pid)


def with_mark(marks: Iterable[Mark], mark: Mark) -> tuple[Mark, ...]:
    """The marks with this one in place of the one of its name."""
    return (*(m for m in marks if m.name != mark.name), mark)
