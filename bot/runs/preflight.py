"""What speaks against a run before it changes anything, judged from one reading of all its hosts. Pure.

Concerns are no part of the plan's hash: they are judged anew at the start, and asked where nobody has accepted them
yet.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from bot.errors import HostError
from bot.events import Concern
from bot.plan import Plan
from bot.texts import lasted
from bot.view import Run
from bot.windows.facts import HostFacts
from bot.windows.states import EXECUTABLE, Copied, Installed, parts

MOST_SKEW = timedelta(minutes=5)
"""Kerberos refuses what differs by more, and times in logs then tell another story."""
MEGABYTE = 1_000_000
SPARE = 500 * MEGABYTE
PACKAGES = 3
"""An installer unpacks itself, keeps the old files until it is done, and writes a log: so many times its size."""


def judged(plan: Plan, facts: Mapping[str, HostFacts], now: datetime) -> tuple[Concern, ...]:
    """All concerns, those that stop the run first; `now` is the bot's clock just after the reading.

    A plan that opens no gates changes nothing: only what stops it is told.
    """
    found: dict[str, Concern] = {}
    for host, seen in facts.items():
        steps = (concern for step in plan.steps if step.host == host for concern in step.state.concerns(seen))
        own = (*_rights(seen), *_condition(seen, now), *_product(seen), *_room(plan, host, seen), *steps)
        for concern in (*own, *_order(plan, host, facts)):
            named = replace(concern, key=f"{host}:{concern.key}", sentence=f"{host}: {concern.sentence}")
            found.setdefault(named.key, named)
    concerns = sorted(found.values(), key=lambda concern: not concern.stops)
    return tuple(concern for concern in concerns if concern.stops or plan.opens_gates)


def fault(concerns: tuple[Concern, ...]) -> HostError | None:
    """All that stops the run, as one error; None where nothing does."""
    stopping = [concern for concern in concerns if concern.stops]
    if not stopping:
        return None
    return HostError(
        ", ".join(dict.fromkeys(concern.key.split(":")[0] for concern in stopping)),
        " ".join(concern.sentence for concern in stopping),
        " ".join(dict.fromkeys(concern.next_move for concern in stopping)),
    )


def unaccepted(run: Run, concerns: tuple[Concern, ...]) -> tuple[Concern, ...]:
    """What people have not been asked yet."""
    return tuple(concern for concern in concerns if concern.key not in run.accepted)


def _rights(facts: HostFacts) -> Iterator[Concern]:
    """The article wants an account with local administrator's rights; without them the run would stop in its middle."""
    if not facts.admin:
        yield Concern(
            key="rights", sentence="the bot's account is no administrator there.", stops=True,
            next_move="Put it into the server's Administrators group; for a local account set "
            "LocalAccountTokenFilterPolicy to 1.",
        )  # fmt: skip


def _condition(facts: HostFacts, now: datetime) -> Iterator[Concern]:
    skew = datetime.fromisoformat(facts.clock) - now
    if abs(skew) > MOST_SKEW:
        way = "ahead of" if skew > timedelta() else "behind"
        yield Concern(
            key="clock", sentence=f"its clock is {lasted(abs(skew))} {way} the bot's.",
            next_move="Set the clocks right (w32tm /resync).",
        )  # fmt: skip
    if facts.reboot_due:
        yield Concern(
            key="reboot", sentence=f"a restart is due there ({', '.join(facts.reboot_due)}).",
            next_move="Restart the server first, an installer may refuse or be undone by the restart.",
        )  # fmt: skip
    for mark in facts.living_marks():
        yield Concern(
            key=f"installer {mark.name}", sentence=f"the installer of {mark.run}, step {mark.step}, is running there.",
            next_move="Let it end first.",
        )  # fmt: skip
    if facts.msi_busy:
        yield Concern(
            key="msi", sentence="Windows Installer is busy there with an installation that is not the bot's.",
            next_move="Let it end first, or an installer may end with 1618.",
        )  # fmt: skip


def _product(facts: HostFacts) -> Iterator[Concern]:
    if facts.service is None:
        yield Concern(
            key="service", sentence="the product's service was not found there.",
            next_move="Is service in nps.toml right? Without it folder and version are looked for in vain.",
        )  # fmt: skip


def _room(plan: Plan, host: str, facts: HostFacts) -> Iterator[Concern]:
    """Each drive by itself: what the installer may need on the system's and the product's, the backup on its own."""
    needs: dict[str, int] = {}
    states = [step.state for step in plan.steps if step.host == host]
    if any(isinstance(state, Installed) for state in states):
        size = SPARE + PACKAGES * _size(plan, facts)
        needs = dict.fromkeys({*(drive.name for drive in facts.drives[:1]), (facts.folder or "")[:2].upper()}, size)
    for state in states:
        if isinstance(state, Copied):
            drive, kept = state.to[:2].upper(), {name.lower() for name in state.present(facts)}
            files = sum(file.size for file in facts.files if file.name.lower() in kept)
            needs[drive] = needs.get(drive, 0) + files
    for drive, need in sorted(needs.items()):
        free = facts.free(drive)
        if free is not None and free < need:
            told = f"{drive} has {_megabytes(free)} free; this run may need {_megabytes(need + MEGABYTE - 1)}."
            yield Concern(key=f"room {drive}", sentence=told, next_move="Make room first.")


def _size(plan: Plan, facts: HostFacts) -> int:
    """Of the installer as it lies there, or as it is to be uploaded; 0 where nobody knows yet."""
    if facts.package:
        return facts.package.size
    return (plan.package and plan.package.size) or 0


def _order(plan: Plan, host: str, facts: Mapping[str, HostFacts]) -> Iterator[Concern]:
    """The article updates the backend first: a frontend that is ahead of it was updated in another order."""
    backend = plan.hosts[0].name
    if backend not in facts:
        return
    first, here = facts[backend].version(EXECUTABLE), facts[host].version(EXECUTABLE)
    if host != backend and first and here and parts(first) < parts(here):
        told = f"its version {here} is newer than the backend's, {first} on {backend}."
        yield Concern(key="order", sentence=told, next_move="The backend comes first; find out how this came about.")


def _megabytes(size: int) -> str:
    return f"{size // MEGABYTE} MB"
