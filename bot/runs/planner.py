"""From nps.toml to a plan: builds the site that a runbook sees. Touches no host."""

import hashlib
from pathlib import Path

from bot.errors import NpsError
from bot.events import Requested
from bot.plan import RUNBOOKS, Backups, HostRef, Plan, Site, Target
from bot.settings import Environment, Settings
from bot.windows.facts import Query
from bot.windows.states import Package

PACKAGES = "C:\\ProgramData\\nps\\packages"
"""Where what the bot brings lies on a host, in a folder named after its hash; delivery.ps1 takes no other."""


def make_plan(settings: Settings, request: Requested, run: str, store: str = "", target: Target | None = None) -> Plan:
    """The plan of a request, before anything was read; raises NpsError where nps.toml no longer has its names."""
    environment = settings.environments.get(request.environment)
    if environment is None:
        raise NpsError(f"{request.environment} is no longer in nps.toml.", "Put it back, or abort the run.")
    package, run_as = None, settings.packages[environment.package].run_as
    if request.package is not None:
        package, run_as = _package(settings, request.package), settings.packages[request.package].run_as
    refs = [HostRef(name=name, url=settings.hosts[name].url) for name in (environment.backend, *environment.frontends)]
    site = Site(
        environment=request.environment, run=run, backend=refs[0], frontends=tuple(refs[1:]), package=package,
        base=_base(environment), backups=_backups(settings, environment, request, store),
        dcom_backend=environment.dcom_backend, run_as=run_as, target=target,
    )  # fmt: skip
    return RUNBOOKS[request.runbook].plan(site)


def _base(environment: Environment) -> Query:
    return Query(service=environment.service, application=environment.dcom_application, folder=environment.folder)


def _backups(settings: Settings, environment: Environment, request: Requested, store: str) -> Backups:
    """The service is stopped for the copy where the environment says so, or the package that is or was installed."""
    package = settings.packages.get(request.package or environment.package)
    stop = environment.stop_service or (package is not None and package.stop_service)
    return Backups(root=environment.backups, store=store, keep=environment.keep_backups, stop_service=stop)


def _package(settings: Settings, name: str) -> Package:
    section = settings.packages.get(name)
    if section is None:
        raise NpsError(f"The package {name} is no longer in nps.toml.", "Put it back, or abort the run.")
    source = section.source
    size = checked(settings.path(Path(source.upload)), section.sha256) if source.upload else None
    return Package(
        name=name, file=section.file, version=section.version, sha256=section.sha256, arguments=section.arguments,
        path=source.staged or f"{PACKAGES}\\{section.sha256}\\{section.file}", url=source.url, upload=source.upload,
        size=size, signer=section.signer,
        deadline=section.deadline, inactivity=section.inactivity, success_codes=section.success_codes,
    )  # fmt: skip


def checked(file: Path, sha256: str) -> int:
    """The size of the file that is to be uploaded; raises NpsError where it is not the one that nps.toml means."""
    try:
        with file.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        size = file.stat().st_size
    except OSError as fault:
        told = f"The installer {file} can't be read on the bot's machine: {fault.strerror}."
        raise NpsError(told, "Put it there, where upload in nps.toml names it, then ask again.") from fault
    if found != sha256:
        told = f"The installer {file} on the bot's machine has the SHA-256 {found}, nps.toml wants {sha256}."
        raise NpsError(told, "Put the right file there, or correct sha256, then ask again.")
    return size
