"""What a step wants of a host: a closed set of frozen states, to and from JSON.

Pure: facts in, judgments and acts out. Four readers share each state: the walker, the foretelling, the lab's pretend
server, and the
second reading after an act.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.windows.facts import (
    BackedUp,
    Backup,
    Dcom,
    FileFact,
    HostFacts,
    Image,
    Query,
    Service,
)

EXECUTABLE = "PRMService.exe"


class Act(BaseModel):
    """One change on a host: a verb of `acts.ps1` and its arguments."""

    model_config = ConfigDict(frozen=True)
    verb: str
    args: dict[str, Any] = {}


class Package(BaseModel):
    """An installer, as a plan carries it: what runs, with which arguments, and the file version that proves success."""

    model_config = ConfigDict(frozen=True)
    name: str
    file: str
    version: str
    sha256: str
    arguments: tuple[str, ...] = ()
    path: str
    signer: str | None = None

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

    def changed(self, before: HostFacts, now: HostFacts) -> tuple[str, ...]:
        """Differences from the facts at the run's start that fail a check although the state holds."""
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


def _service(facts: HostFacts, **change: Any) -> HostFacts:
    return facts.model_copy(update={"service": facts.service and facts.service.model_copy(update=change)})


def _say(service: Service | None) -> str:
    return f"{service.start_mode}, {service.state}" if service else "no such service"


class ServiceState(Reachable):
    """Shared by the states of the product's service; `service` None means the one that the script finds."""

    service: str | None = None

    def query(self) -> Query:
        return Query(service=self.service)

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
        return Act(verb="disable_service", args={"service": facts.service.name if facts.service else self.service})

    def after(self, facts: HostFacts) -> HostFacts:
        return _service(facts, start_mode="Disabled", state="Stopped", pid=0, started=None)


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
        return Act(verb="start_service", args={"service": facts.service.name if facts.service else self.service})

    def after(self, facts: HostFacts) -> HostFacts:
        return _service(facts, state="Running", started=facts.clock)


class Copied(Reachable):
    """Files of the product folder copied to a folder of the run's own, each copy hashed, one restored and compared."""

    kind: Literal["copied"] = "copied"
    files: tuple[tuple[str, ...], ...]
    to: str

    def query(self) -> Query:
        return Query(files=tuple(name for names in self.files for name in names), backup=self.to)

    def wanted(self) -> str:
        return f"{', '.join(names[0] for names in self.files)} in {self.to}, proven"

    def present(self, facts: HostFacts) -> tuple[str, ...]:
        """The spelling found of each wanted name, where there is one."""
        there = {file.name.lower(): file.name for file in facts.files}
        spelled = (next((there[n.lower()] for n in names if n.lower() in there), None) for names in self.files)
        return tuple(name for name in spelled if name)

    def missing(self, names: tuple[str, ...]) -> tuple[str, ...]:
        have = {name.lower() for name in names}
        return tuple(group[0] for group in self.files if not have & {name.lower() for name in group})

    def saved(self, facts: HostFacts) -> tuple[str, ...]:
        files = facts.backup.files if facts.backup else ()
        return tuple(dict.fromkeys(file.name.split("\\")[0] for file in files))

    def found(self, facts: HostFacts) -> str:
        missing = self.missing(self.present(facts))
        lacks = f"; not in the product folder: {', '.join(missing)}" if missing else ""
        if facts.backup is None:
            return f"not backed up yet{lacks}"
        return f"{'proven' if facts.backup.proven else 'not proven'}: {', '.join(self.saved(facts))}{lacks}"

    def holds(self, facts: HostFacts) -> bool:
        return facts.backup is not None and facts.backup.proven and not self.missing(self.saved(facts))

    def effect(self, facts: HostFacts) -> str:
        return f"copy {', '.join(self.present(facts)) or 'nothing'} to {self.to} and prove the copy"

    def act(self, facts: HostFacts) -> Act:
        return Act(verb="back_up", args={"folder": facts.folder, "files": list(self.present(facts)), "to": self.to})

    def after(self, facts: HostFacts) -> HostFacts:
        names = self.present(facts)
        files = tuple(BackedUp(name=name, size=0, sha256="") for name in names)
        backup = Backup(
            folder=self.to, source=facts.folder or "", files=files, restored=names[0] if names else None, proven=True
        )
        return facts.model_copy(update={"backup": backup})


class AtHand(State):
    """The installer lies on the host and is the file that was approved, byte for byte."""

    kind: Literal["at_hand"] = "at_hand"
    package: Package

    def query(self) -> Query:
        return Query(package=self.package.path)

    def wanted(self) -> str:
        return f"{self.package.path}, SHA-256 {self.package.sha256[:12]}…"

    def found(self, facts: HostFacts) -> str:
        file = facts.package
        return f"SHA-256 {file.sha256[:12]}…" if file else "no such file"

    def holds(self, facts: HostFacts) -> bool:
        return facts.package is not None and facts.package.sha256.lower() == self.package.sha256.lower()


class Installed(Reachable):
    """The product has the package's file version and no installer of it runs any more."""

    kind: Literal["installed"] = "installed"
    package: Package

    def query(self) -> Query:
        return Query(package=self.package.path)

    def wanted(self) -> str:
        return f"version {self.package.version}"

    def found(self, facts: HostFacts) -> str:
        version = facts.version(EXECUTABLE)
        running = "; an installer is running" if facts.living_marks() else ""
        return (f"version {version}" if version else f"no {EXECUTABLE}") + running

    def holds(self, facts: HostFacts) -> bool:
        return facts.version(EXECUTABLE) == self.package.version and not facts.living_marks()

    def effect(self, facts: HostFacts) -> str:
        return f"run {self.package.file} {' '.join(self.package.arguments)}".rstrip()

    def act(self, facts: HostFacts) -> Act:
        package = self.package
        return Act(
            verb="start_installer",
            args={
                "path": package.path,
                "kind": package.kind,
                "arguments": list(package.arguments),
                "sha256": package.sha256,
                "folder": facts.folder,
            },
        )

    def after(self, facts: HostFacts) -> HostFacts:
        path = f"{facts.folder}\\{EXECUTABLE}"
        others = tuple(image for image in facts.images if image.name.lower() != EXECUTABLE.lower())
        image = Image(name=EXECUTABLE, path=path, version=self.package.version)
        return facts.model_copy(update={"images": (image, *others)})


class Renamed(Reachable):
    """A file of the product folder has its other name; a file that already has that name is moved aside, not lost."""

    kind: Literal["renamed"] = "renamed"
    old: str
    new: str

    def wanted(self) -> str:
        return f"{self.new}, no {self.old}"

    def found(self, facts: HostFacts) -> str:
        there = [name for name in (self.old, self.new) if facts.image(name)]
        return " and ".join(there) or f"neither {self.old} nor {self.new}"

    def holds(self, facts: HostFacts) -> bool:
        return facts.image(self.old) is None and facts.image(self.new) is not None

    def effect(self, facts: HostFacts) -> str:
        aside = f", the older {self.new} moved aside" if facts.image(self.new) else ""
        return f"rename {self.old} to {self.new}{aside}"

    def act(self, facts: HostFacts) -> Act:
        return Act(verb="rename_file", args={"folder": facts.folder, "old": self.old, "new": self.new})

    def after(self, facts: HostFacts) -> HostFacts:
        was = facts.image(self.old)
        kept = tuple(i for i in facts.images if i.name.lower() not in {self.old.lower(), self.new.lower()})
        image = Image(name=self.new, path=f"{facts.folder}\\{self.new}", version=was.version if was else None)
        return facts.model_copy(update={"images": (*kept, image) if was else facts.images})


class NoProcess(Reachable):
    """No process has the name, or runs from the service's image path."""

    kind: Literal["no_process"] = "no_process"
    name: str

    def wanted(self) -> str:
        return f"no {self.name}"

    def found(self, facts: HostFacts) -> str:
        return f"{self.name} runs" if facts.processes else f"no {self.name}"

    def holds(self, facts: HostFacts) -> bool:
        return not facts.processes

    def effect(self, facts: HostFacts) -> str:
        return f"end the process {self.name}"

    def act(self, facts: HostFacts) -> Act:
        return Act(verb="end_process", args={"processes": [p.model_dump() for p in facts.processes]})

    def after(self, facts: HostFacts) -> HostFacts:
        return facts.model_copy(update={"processes": ()})


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


class Told(State):
    """Nothing is wanted; a file is looked for so that people are told where it is."""

    kind: Literal["told"] = "told"
    file: str
    text: str

    def query(self) -> Query:
        return Query(files=(self.file,))

    def wanted(self) -> str:
        return self.text

    def found(self, facts: HostFacts) -> str:
        file: FileFact | None = next((f for f in facts.files if f.name.lower() == self.file.lower()), None)
        return file.path if file else f"no {self.file} in the product folder; ask the vendor's support for it"

    def holds(self, facts: HostFacts) -> bool:
        return True


AnyState = Annotated[
    Disabled | Running | Copied | AtHand | Installed | Renamed | NoProcess | DcomLocation | Told,
    Field(discriminator="kind"),
]
AnyReachable = Annotated[
    Disabled | Running | Copied | Installed | Renamed | NoProcess | DcomLocation, Field(discriminator="kind")
]
STATES: tuple[type[State], ...] = (
    Disabled, Running, Copied, AtHand, Installed, Renamed, NoProcess, DcomLocation, Told,
)  # fmt: skip
