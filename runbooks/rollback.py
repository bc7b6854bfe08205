"""The files that an earlier run saved, put back; not of the article, which only says to keep them for emergencies."""

from bot.plan import Site, Target, runbook
from bot.windows.states import Proven, Restored, Running, Stopped
from runbooks.upgrade import ARTICLE, kept

LOST = "Read first: the binaries stay, and what was written since the backup is lost"


@runbook("rollback", version=1, article=ARTICLE, needs_package=False)
def rollback(site: Site) -> None:
    """Nothing is written between saving the present files and putting the old ones back: the service stands still."""
    target, backend = _target(site), site.backend
    backend.check(LOST, Proven(run=target.run, folder=target.folder, store=site.backups.store))
    backend.ensure("Stop the service", Stopped(service=site.service))
    backend.ensure("Save the present files first", kept(site, stop=False))
    put_back = Restored(run=target.run, folder=target.folder, saved=site.backup_folder, service=site.service)
    backend.ensure(f"Put back the files that {target.run} saved", put_back)
    backend.ensure("Note 3 The service is running", Running(service=site.service))


def _target(site: Site) -> Target:
    if site.target is None:
        raise ValueError(f"a rollback of {site.environment} needs a run")
    return site.target
