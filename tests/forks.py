"""Bots forked from a process that has loaded their modules: the same program without its two seconds of imports."""

import multiprocessing
import os
import sys
from pathlib import Path

from bot.lab.demo import Lab

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["bot.app"])


class ForkedBot:
    """`nps serve` as a process of its own; ends with the tests at the latest."""

    def __init__(self, lab: Lab) -> None:
        self._process = FORKS.Process(target=_serve, args=(lab.environment, lab.folder / "bot.log"), daemon=True)
        self._process.start()

    def kill(self) -> None:
        self._process.kill()

    def terminate(self) -> None:
        self._process.terminate()

    def wait(self, seconds: float) -> int:
        self._process.join(seconds)
        if self._process.exitcode is None:
            raise TimeoutError(f"The bot still runs after {seconds:.0f} s.")
        return self._process.exitcode


def _serve(environment: dict[str, str], log: Path) -> None:
    from bot.cli import main

    os.environ.clear()
    os.environ.update(environment)
    nothing, told = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for ours, given in ((0, nothing), (1, told), (2, told)):
        os.dup2(given, ours)
    sys.argv = ["nps", "serve"]
    main()
