"""The article's backup alone, into a folder of this run."""

from bot.plan import Site, runbook
from runbooks.upgrade import ARTICLE, back_up


@runbook("backup", version=1, article=ARTICLE, needs_package=False)
def backup(site: Site) -> None:
    back_up(site)
