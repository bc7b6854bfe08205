"""Which version a host has, as far as its runs have seen it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bot.view.model import Run
from bot.windows.states.base import EXECUTABLE


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The version, and when it was read."""

    version: str
    at: datetime


def newest_versions(runs: Iterable[Run]) -> dict[str, Seen]:
    """By host, from the newest reading in these runs that tells one."""
    found: dict[str, Seen] = {}
    for run in runs:
        for host, seen in _of(run).items():
            if host not in found or found[host].at < seen.at:
                found[host] = seen
    return found


def _of(run: Run) -> dict[str, Seen]:
    """The plan's reading, then the start's, then that of each step that looked at the version."""
    found: dict[str, Seen] = {}
    if run.plan is None:
        return found
    for step, told in reversed(list(zip(run.plan.steps, run.foretold, strict=True))):
        # of a host's steps the first was foretold from what was read, the later ones from what it would leave
        if step.state.kind == "installed" and run.planned_at:
            found |= _seen(step.host, told.found, run.planned_at)
    for host in run.facts:
        version = run.before(host).version(EXECUTABLE)
        if version and run.started:
            found[host] = Seen(version=version, at=run.started)
    for step, view in zip(run.plan.steps, run.steps, strict=True):
        if step.state.kind == "installed" and view.end and view.ended:
            found |= _seen(step.host, view.end.found, view.ended)
    return found


def _seen(host: str, found: str, at: datetime) -> dict[str, Seen]:
    version = found.removeprefix("version ").partition(";")[0]
    return {host: Seen(version=version, at=at)} if found.startswith("version ") else {}
