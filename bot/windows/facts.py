"""What a host says of itself, as data: the only place where JSON from a host becomes something that the bot believes.

Pure: nothing here talks to a host. `facts.ps1` produces what these models accept; times are UTC in ISO 8601, sizes
bytes.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from bot.texts import visible

# A host's words reach Slack and terminals; of the same length, because places in them are counted.
Text = Annotated[str, StringConstraints(max_length=4000), AfterValidator(visible)]


def _moment(value: str) -> str:
    if datetime.fromisoformat(value).tzinfo is None:
        raise ValueError("a time without its zone")
    return value


Moment = Annotated[Text, AfterValidator(_moment)]
LOG_BYTES = 65536
"""The most that one look brings of a log."""


class Fact(BaseModel):
    """A frozen record; fields that a newer script adds are ignored, so that an older bot can read it."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Query(Fact):
    """What to read on a host; everything left out is found by the script (facts/windows.md, section F)."""

    service: str | None = None
    application: str | None = None
    folder: str | None = None
    executable: str = "PRMService.exe"
    files: tuple[str, ...] = ()
    package: str | None = None
    signed: bool = False
    backup: str | None = None
    dcom_events: bool = False
    saved: str | None = None

    def merged(self, other: "Query") -> "Query":
        """One query that answers both; where both name a single thing, this one's wins."""
        return Query(
            service=self.service or other.service,
            application=self.application or other.application,
            folder=self.folder or other.folder,
            executable=self.executable,
            files=tuple(dict.fromkeys(self.files + other.files)),
            package=self.package or other.package,
            signed=self.signed or other.signed,
            backup=self.backup or other.backup,
            dcom_events=self.dcom_events or other.dcom_events,
            saved=self.saved or other.saved,
        )


class Service(Fact):
    """A Windows service as Win32_Service tells it; `pid` is 0 when it does not run."""

    name: Text
    caption: Text = ""
    start_mode: Text
    delayed: bool = False
    state: Text
    pid: int = 0
    started: Text | None = None
    image: Text = ""


class LeftStopped(Fact):
    """A service that a backup has stopped for its copy and not started again: the copy goes on, or was cut off."""

    service: Text
    folder: Text
    since: Moment


class Image(Fact):
    """An executable in the product folder; its version is the numeric file version, always four parts."""

    name: Text
    path: Text
    version: Text | None = None


class Process(Fact):
    """A living process named like the product's executable, or run from its image path."""

    pid: int
    name: Text
    path: Text | None = None
    started: Text | None = None


class DcomClass(Fact):
    """One CLSID that points at the AppID, in one registry view; CLSIDs are redirected, AppIDs are shared."""

    clsid: Text
    view: Literal["32", "64"]
    local_server: Text | None = None
    local_server_off: Text | None = None


class Dcom(Fact):
    """What the Location tab of dcomcnfg wrote; `_off` values carry an underscore there and are without effect."""

    app_id: Text
    caption: Text = ""
    remote_server: Text | None = None
    local_service: Text | None = None
    local_service_off: Text | None = None
    run_as: Text | None = None
    activate_at_storage: Text | None = None
    authentication_level: int | None = None
    classes: tuple[DcomClass, ...] = ()


class DcomEvents(Fact):
    """Entries 10036 to 10038 of the System log, at most a thousand; `unread` says why they could not be read."""

    count: int = 0
    newest: Text | None = None
    unread: Text = ""


class PendingRename(Fact):
    """What happens to a file at the host's next start; without a target it is deleted."""

    source: Text
    target: Text


class Drive(Fact):
    """A local drive such as `C:`, and what is free on it; the system's comes first."""

    name: Text
    free: int


class FileFact(Fact):
    """A file or folder of the product folder that exists."""

    name: Text
    path: Text
    is_folder: bool = False
    size: int = 0


class Signature(Fact):
    """What Windows says of a file's Authenticode signature: its status, to whom the certificate was issued, and why."""

    status: Text
    signer: Text | None = None
    told: Text = ""


class PackageFile(Fact):
    """The installer as it lies on the host; its signature only where it was asked for, for that is slow. `writers` are
    the accounts, beside administrators, that may put something into the folder where somebody staged it."""

    path: Text
    size: int
    sha256: Text
    signature: Signature | None = None
    writers: tuple[Text, ...] = ()


class Part(Fact):
    """How much of a file has come so far, by the host's own clock; `whole` says that its source has no more of it."""

    there: bool = False
    size: int = Field(ge=0)
    clock: Text
    total: int | None = None
    whole: bool = False
    told: Text = ""


class BackedUp(Fact):
    """One file of a backup; a folder's files are listed each, by path relative to the product folder."""

    name: Text
    size: int
    sha256: Text


class Backup(Fact):
    """A finished backup: its manifest was written last, after the copies were hashed and one was restored and
    compared."""

    folder: Text
    source: Text
    files: tuple[BackedUp, ...]
    restored: Text | None = None
    proven: bool = False
    store: Text = ""
    version: Text | None = None
    made: Text = ""
    stopped: bool = False
    removed: tuple[Text, ...] = ()
    left: tuple[Text, ...] = ()


class Saved(Backup):
    """A backup that may be put back: which of its copies are no longer what was copied, and which of the product's
    files are others now."""

    damaged: tuple[Text, ...] = ()
    differing: tuple[Text, ...] = ()


class Mark(Fact):
    """What an installer's wrapper left on the host; `alive` is read from the processes, never from the file alone."""

    name: Text
    store: Text
    run: Text
    step: int
    attempt: int
    state: Literal["started", "finished", "given_up", "ended"]
    alive: bool = False
    code: int | None = None
    started: Moment | None = None
    finished: Moment | None = None
    as_system: bool = False
    by: Text = ""
    """Who had it ended."""


class Watched(Fact):
    """An installer's mark, and the piece of its log that came after `offset` bytes were known. `children` are all
    processes that ever came of it, `cpu` the seconds of CPU that the living ones, and Windows Installer, have used."""

    mark: Mark
    log: bytes = Field(max_length=LOG_BYTES)
    offset: int
    clock: Moment
    children: int
    cpu: float
    line: Text | None = None
    percent: int | None = Field(default=None, ge=0, le=100)


class HostFacts(Fact):
    """Everything that one reading of a host gives."""

    computer: Text
    clock: Moment
    booted: Moment
    powershell: Text
    language: Text
    admin: bool
    service: Service | None = None
    left_stopped: LeftStopped | None = None
    folder: Text | None = None
    images: tuple[Image, ...] = ()
    processes: tuple[Process, ...] = ()
    dcom: Dcom | None = None
    files: tuple[FileFact, ...] = ()
    package: PackageFile | None = None
    backup: Backup | None = None
    saved: Saved | None = None
    marks: tuple[Mark, ...] = ()
    reboot_due: tuple[Text, ...] = ()
    renames: tuple[PendingRename, ...] = ()
    drives: tuple[Drive, ...] = ()
    msi_busy: bool = False
    dcom_events: DcomEvents | None = None

    def image(self, name: str) -> Image | None:
        """The executable of that name, which Windows compares without case."""
        return next((image for image in self.images if image.name.lower() == name.lower()), None)

    def version(self, executable: str) -> str | None:
        """The product's version: of its executable, or where the article had it renamed, of the same name with
        `.old`."""
        image = self.image(executable) or self.image(executable + ".old")
        return image.version if image else None

    def free(self, path: str | None) -> int | None:
        """What is free on the path's drive; None where that was not read."""
        return next((drive.free for drive in self.drives if drive.name == (path or "")[:2].upper()), None)

    def living_marks(self) -> tuple[Mark, ...]:
        """Installers that run now, of whatever run or store."""
        return tuple(mark for mark in self.marks if mark.alive)
