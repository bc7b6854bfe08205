"""`nps` forked from a process that has loaded its modules: the same program without its seconds of imports."""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bot.lab.demo import Lab

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["bot.app", "bot.cli", "bot.do"])


class ForkedBot:
    """`nps serve` as a process of its own; ends with the tests at the latest."""

    def __init__(self, lab: Lab) -> None:
        log = lab.folder / "bot.log"
        self._process = FORKS.Process(target=_nps, args=(["serve"], lab.environment, log, log), daemon=True)
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


def run(arguments: list[str], environment: dict[str, str], seconds: float) -> subprocess.CompletedProcess[str]:
    """`nps` to its end, with what it wrote; it has no terminal."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = FORKS.Process(target=_nps, args=(arguments, environment, out, err), daemon=True)
        process.start()
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(arguments, seconds)
        written = [file.read_text(encoding="utf-8") for file in (out, err)]
    return subprocess.CompletedProcess(arguments, process.exitcode, *written)


def _nps(arguments: list[str], environment: dict[str, str], out: Path, err: Path) -> None:
    from bot.cli import main

    os.environ.clear()
    os.environ.update(environment)
    files = [os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT) for file in (out, err)]
    for ours, given in enumerate((os.open(os.devnull, os.O_RDONLY), *files)):
        os.dup2(given, ours)
    sys.argv = ["nps", *arguments]
    main()
