"""Backups on a box as tests make and read them, and the acts beside them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from box import Site, until
from installing import soon

from bot.windows.facts import HostFacts
from bot.windows.host import Host
from bot.windows.states import Copied, Reachable

BACKUPS = r"C:\ProgramData\nps\backups"
KEEP = (("alinfo.bin",), ("secrets.bin",), ("Predefined Questions.txt", "PredefinedQuestions.txt"), ("Templates",))


def copied(run: str, **more: Any) -> Copied:
    return Copied(files=KEEP, to=f"{BACKUPS}\\{run}", store="a1b2", **more)


def manifest(site: Site, run: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((site.box.path(f"{BACKUPS}\\{run}") / "manifest.json").read_text())
    return read


def done(host: Host, state: Reachable) -> tuple[bool, HostFacts]:
    """Whether the act changed anything, and the facts after it."""
    changed, after = host.act(state.act(host.observe(state.query())), soon(), then=state.query())
    assert after is not None
    return changed, after


@contextmanager
def held(site: Site, path: str) -> Iterator[None]:
    """Another program has the file open and shares it with nobody."""
    sign, freed = site.box.path(r"C:\held.txt"), site.box.path(r"C:\freed.txt")
    hold = f"$f = [IO.File]::Open('{path}', 'Open', 'ReadWrite', 'None'); "
    hold += r"[IO.File]::WriteAllText('C:\held.txt', '1'); "
    wait = r"while ([IO.File]::Exists('C:\held.txt')) { Start-Sleep -Milliseconds 200 }; $f.Dispose(); "
    told = r"[IO.File]::WriteAllText('C:\freed.txt', '1')"
    freed.unlink(missing_ok=True)
    site.box.start(f'powershell.exe -NoProfile -Command "{hold}{wait}{told}"')
    until(sign.exists)
    try:
        yield
    finally:
        sign.unlink()
        until(freed.exists)
