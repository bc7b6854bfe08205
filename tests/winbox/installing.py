"""An installer on a box as tests start and watch it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from box import Site

from bot.windows.facts import Mark, Watched
from bot.windows.host import Host, MarkId
from bot.windows.states import Act, Installed, Package

PATH = r"C:\prm_setup.exe"


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=5)


def mark(run: str, step: int = 1, attempt: int = 1) -> MarkId:
    return MarkId(store="a1b2c3", run=run, step=step, attempt=attempt)


def package(site: Site, *more: str, **changes: Any) -> Package:
    known = {
        "name": "9.3",
        "file": "prm_setup.exe",
        "version": site.programs.new,
        "sha256": site.programs.sha256,
        "path": PATH,
    }
    return Package(**known | {"arguments": site.product.arguments + more} | changes)


def act(site: Site, *more: str, **changes: Any) -> Act:
    state = Installed(package=package(site, *more, **changes))
    return state.act(site.host.observe(state.query()))


def to_the_end(by: Host, of: MarkId) -> tuple[Mark, bytes, list[Watched]]:
    """All that can be watched of it."""
    seen, offset = [], 0
    while True:
        watched = by.watch(of, offset, 10)
        seen.append(watched)
        if not watched.mark.alive and watched.offset == offset:
            return watched.mark, b"".join(w.log for w in seen), seen
        offset = watched.offset
