"""The clock: APScheduler wakes what must happen by itself. A wake only pokes; what is due is told by the log, never
by a job store."""

from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.schedulers.background import BackgroundScheduler


class Clock:
    """Jobs live in memory and are set again at each start; a late one runs once, however late (misfire_grace_time
    None)."""

    def __init__(self) -> None:
        defaults = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        self._scheduler = BackgroundScheduler(timezone=UTC, job_defaults=defaults)

    def every(self, seconds: float, job: Callable[[], None]) -> None:
        """Runs the job now and then again and again."""
        self._scheduler.add_job(job, "interval", seconds=seconds, next_run_time=datetime.now(UTC))

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        self._scheduler.shutdown(wait=False)
