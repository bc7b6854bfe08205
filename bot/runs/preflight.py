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

MOST_SKEW = timedelta(minutes=5)
"""Kerberos refuses what differs by more, and times in logs then tell another story."""


def judged(plan: Plan, facts: Mapping[str, HostFacts], now: datetime) -> tuple[Concern, ...]:
    """All concerns, those that stop the run first; `now` is the bot's clock just after the reading.

    A plan that opens no gates changes nothing: only what stops it is told.
    """
    found: dict[str, Concern] = {}
    for host, seen in facts.items():
        steps = (step.state.concerns(seen) for step in plan.steps if step.host == host)
        for concern in (*_rights(seen), *_condition(seen, now), *(c for told in steps for c in told)):
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
