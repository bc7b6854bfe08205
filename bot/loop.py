"""A thread that does one thing again and again; a fault is logged, and the next round tries anew."""

import logging
import threading
import time
from collections.abc import Callable

AFTER_A_FAULT = 5.0
WELL_WITHIN = 60.0
log = logging.getLogger("nps")


class Loop:
    """Calls `body` until it is stopped; the body waits for news itself, and `wake` ends that wait."""

    def __init__(self, name: str, body: Callable[[], None], wake: Callable[[], None]) -> None:
        self._body, self._wake = body, wake
        self.stopping = threading.Event()
        self._well = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self._wake()
        self._thread.join()

    def is_well(self) -> bool:
        """Whether a round has ended without a fault not long ago."""
        return time.monotonic() - self._well < WELL_WITHIN

    def _run(self) -> None:
        while not self.stopping.is_set():
            try:
                self._body()
                self._well = time.monotonic()
            except Exception:
                log.exception("The %s failed; it tries again in a few seconds.", self._thread.name)
                self.stopping.wait(AFTER_A_FAULT)
