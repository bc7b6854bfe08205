"""The sign of life of a running bot, and what its absence means for the runs that are open. It looks at one file and
appends one event a run, before the dispatcher moves any."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.audit import Audit, Draft
from bot.events import WasAway

NAME, STOPPED = "heartbeat", "heartbeat.stopped"
EVERY, OLD = 10.0, 60.0
NOTICED = timedelta(minutes=2)
"""A shorter absence is nothing to speak of."""


class Heartbeat:
    """A file whose time is the last sign of life; a stop keeps the time under another name."""

    def __init__(self, folder: Path) -> None:
        self._path, self._stopped = folder / NAME, folder / STOPPED

    def touch(self) -> None:
        self._path.touch()

    def stop(self) -> None:
        """From now on no bot lives here."""
        if self._path.exists():
            os.replace(self._path, self._stopped)

    def last(self) -> datetime | None:
        """When a bot was last alive here; None where none ever was."""
        times = [path.stat().st_mtime for path in (self._path, self._stopped) if path.exists()]
        return datetime.fromtimestamp(max(times), UTC) if times else None


def tell_absence(audit: Audit, heartbeat: Heartbeat, until: datetime) -> None:
    """Each open run gets to know how long nobody listened until this start, where that was more than two minutes. A
    start that told it and then failed is no sign of life: the next one tells it anew, unless it comes soon after."""
    since = heartbeat.last()
    if since is None:
        return
    for run in audit.open_runs():
        heard = max([since, *(absence.until for absence in run.absences)])
        if until - heard > NOTICED:
            told = Draft(event=WasAway(since=since, until=until), run=run.id)
            audit.append(f"{run.id}:away:{int(until.timestamp())}", lambda _, told=told: [told])  # type: ignore[misc]
