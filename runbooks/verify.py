"""The article's checks alone: versions, the service, and II.3 to II.6 of each frontend; it changes nothing."""

from bot.plan import Site, runbook
from bot.windows.states import EXECUTABLE, DcomLocation, Disabled, Installed, NoProcess, Renamed, Running
from runbooks.upgrade import ARTICLE, OLD


@runbook("verify", version=1, article=ARTICLE, needs_package=True, takes_lock=False, opens_gates=False)
def verify(site: Site) -> None:
    for line in (site.backend, *site.frontends):
        if site.package is not None:
            line.check("The version is the package's", Installed(package=site.package))
    site.backend.check("Note 3 The service is running", Running(service=site.service))
    for frontend in site.frontends:
        frontend.check("II.3 The service is disabled", Disabled(service=site.service))
        frontend.check(f"II.4 {EXECUTABLE} is renamed to {OLD}", Renamed(old=EXECUTABLE, new=OLD))
        frontend.check(f"II.5 No {EXECUTABLE} process is running", NoProcess(name=EXECUTABLE))
        frontend.check(
            "II.6 DCOM points at the backend", DcomLocation(application=site.application, server=site.dcom_backend)
        )
