"""From nps.toml to a plan: builds the site that a runbook sees. Touches no host."""

from bot.errors import NpsError
from bot.events import Requested
from bot.plan import RUNBOOKS, HostRef, Plan, Site
from bot.settings import Environment, Settings
from bot.windows.facts import Query
from bot.windows.states import Package


def make_plan(settings: Settings, request: Requested, run: str) -> Plan:
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
        base=_base(environment), backups=environment.backups, dcom_backend=environment.dcom_backend, run_as=run_as,
    )  # fmt: skip
    return RUNBOOKS[request.runbook].plan(site)


def _base(environment: Environment) -> Query:
    return Query(service=environment.service, application=environment.dcom_application, folder=environment.folder)


def _package(settings: Settings, name: str) -> Package:
    section = settings.packages.get(name)
    if section is None:
        raise NpsError(f"The package {name} is no longer in nps.toml.", "Put it back, or abort the run.")
    return Package(
        name=name, file=section.file, version=section.version, sha256=section.sha256, arguments=section.arguments,
        path=section.source.staged,
    )  # fmt: skip
