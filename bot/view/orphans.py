"""The fold of a run that holds its environment although nothing carries it any more. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from bot import events as e
from bot.view.model import Orphan, Run

SOON = timedelta(minutes=2)
RETRY = "Retry goes on from where it stood."
ASKING = "It holds its environment until its servers have said that no installer of it lives; they are asked."
FREE = "No installer of it lives: its environment is free for other runs. Retry goes on, if none has had it since."


def died(run: Run, at: datetime) -> tuple[Run, str]:
    """The run, and what people at its gate should know."""
    if not run.holds:
        return run, RETRY
    return replace(run, orphan=Orphan(since=_since(run, at))), f"{RETRY} {ASKING}"


def _since(run: Run, at: datetime) -> datetime:
    """What is found dead right after the bot was away has had nobody since it went."""
    absence = run.absences[-1] if run.absences else None
    return absence.since if absence and at - absence.until < SOON else at


def asked(run: Run, event: e.OrphanAsked, seq: int) -> Run:
    if run.orphan is None:
        return run
    return replace(run, orphan=replace(run.orphan, asking=True), orphan_asks=event.n, trigger=seq)


def answered(run: Run, event: e.OrphanAnswered, at: datetime) -> Run:
    if run.orphan is None or run.gate is None:
        return run
    orphan = replace(
        run.orphan, asking=False, answers=run.orphan.answers + 1, answered_at=at, free=run.orphan.free or event.free
    )
    line = f"unlock {run.request.environment} because REASON"
    kept = f"{event.sentence} Until then it holds its environment. {RETRY} An admin may end it: {line}"
    return replace(run, orphan=orphan, gate=replace(run.gate, next_move=FREE if event.free else kept))


def decided(run: Run, event: e.Decided) -> Run:
    """Whoever goes on with it has the environment again; policy has seen to it that no other run had it since."""
    return run if event.word == "abort" else replace(run, orphan=None)
