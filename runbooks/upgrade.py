"""Vendor article kA00g000000H9V1CAK, "How to update Password Manager", in its own order and with its own numbers."""

from bot.plan import Line, Site, runbook
from bot.windows.states import (
    EXECUTABLE,
    AtHand,
    Copied,
    DcomLocation,
    Delivered,
    Disabled,
    Installed,
    NoProcess,
    Package,
    Renamed,
    Running,
    Told,
)

ARTICLE = "kA00g000000H9V1CAK"
OLD = f"{EXECUTABLE}.old"
# The vendor's articles spell the third name both ways (facts/windows.md, section 0).
KEEP = (
    ("alinfo.bin",),
    ("secrets.bin",),
    ("Predefined Questions.txt", "PredefinedQuestions.txt"),
    ("Templates",),
)
CLIENTS = "older clients go on working; update them too, with prm_client.msi"


def back_up(site: Site) -> None:
    site.backend.ensure("Backup of the files kept for emergencies", kept(site, stop=site.backups.stop_service))


def kept(site: Site, *, stop: bool) -> Copied:
    """The article's files, copied to the run's own folder."""
    backups = site.backups
    return Copied(
        files=KEEP, to=site.backup_folder, store=backups.store, service=site.service, stop=stop, keep=backups.keep
    )


def at_hand(line: Line, package: Package) -> None:
    """Before anything changes on any host: an installer that can't be had must not stop an upgrade half-way."""
    title = "Note 1 The approved installer is at hand"
    if package.is_staged:
        line.check(title, AtHand(package=package))
    else:
        line.ensure(title, Delivered(package=package))


def finish_frontend(site: Site, frontend: Line) -> None:
    """II.3 to II.6: what is left to look at and to rename once the installer has run."""
    disabled, gone = Disabled(service=site.service), NoProcess(name=EXECUTABLE)
    dcom = DcomLocation(application=site.application, server=site.dcom_backend)
    frontend.check("II.3 The service is still disabled", disabled, repair=disabled)
    frontend.ensure(f"II.4 Rename {EXECUTABLE} to {OLD}", Renamed(old=EXECUTABLE, new=OLD))
    frontend.check(f"II.5 No {EXECUTABLE} process is running", gone, repair=gone)
    frontend.check("II.6 DCOM points at the backend", dcom, repair=dcom)


def look_again(site: Site, frontend: Line) -> None:
    """What a late child of an installer, or a restart, may have brought back while the others were worked."""
    disabled, renamed = Disabled(service=site.service), Renamed(old=EXECUTABLE, new=OLD)
    frontend.check("II.3 again: the service is disabled in the end", disabled, repair=disabled)
    frontend.check(f"II.4 again: there is no {EXECUTABLE} in the end", renamed, repair=renamed)


@runbook("upgrade", version=2, article=ARTICLE, needs_package=True)
def upgrade(site: Site) -> None:
    """A single server (procedure I), or a backend and then its frontends one after another (procedure II)."""
    package = _package(site)
    back_up(site)
    for line in (site.backend, *site.frontends):
        at_hand(line, package)
    number, place = ("I.1", "server") if site.is_single else ("II.1", "backend")
    site.backend.ensure(f"{number} Run the installer on the {place}", Installed(package=package))
    site.backend.ensure("Note 3 The service is running", Running(service=site.service))
    for frontend in site.frontends:
        frontend.ensure("II.2 Run the installer on the frontend", Installed(package=package))
        finish_frontend(site, frontend)
    for frontend in site.frontends:
        look_again(site, frontend)
    site.backend.check("Note 2 The clients on workstations", Told(file="prm_client.msi", text=CLIENTS))


def _package(site: Site) -> Package:
    if site.package is None:
        raise ValueError(f"an upgrade of {site.environment} needs a package")
    return site.package
