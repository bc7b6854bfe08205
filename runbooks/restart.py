"""The backend's service restarted, once; not of the article."""

from bot.plan import Site, runbook
from bot.windows.states import Restarted
from runbooks.upgrade import ARTICLE


@runbook("restart", version=1, article=ARTICLE, needs_package=False)
def restart(site: Site) -> None:
    place = "server" if site.is_single else "backend"
    site.backend.ensure(f"Restart the service on the {place}", Restarted(service=site.service))
