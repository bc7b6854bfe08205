"""The fold of a run that holds its environment although nothing carries it any more. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from bot import events as e
from bot.view.model import Orphan, Run

SOON = timedelta(minutes=2)
RETRY = "Retry goes on from where it stood."
ENDS = "Retry asks its servers again."
ASKING = "It holds its environment until its servers have said that no installer of it lives; they are asked."
FREE = "No installer of it lives: its environment is free for other runs."
GOES_ON = "Retry goes on, if none has had it since."


def died(run: Run, at: datetime) -> tuple[Run, str]:
    """The run, and what people at its gate should know."""
    retry = ENDS if run.abort else RETRY
    if not run.holds:
        return run, retry
    return replace(run, orphan=Orphan(since=_since(run, at))), f"{retry} {ASKING}"


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
    told = f"{FREE} {ENDS if run.abort else GOES_ON}" if event.free else f"{event.sentence} {held(run)}"
    return replace(run, orphan=orphan, gate=replace(run.gate, next_move=told))


def held(run: Run) -> str:
    """What people can do where nobody knows whether an installer of it lives."""
    holds = "Until then it holds its environment. " if run.holds else ""
    admin = "An admin may end it; other runs begin then, although its installer may still run."
    return f"{holds}{ENDS if run.abort else RETRY} {admin} Type: {run.unlock_line}"


def decided(run: Run, event: e.Decided) -> Run:
    """Whoever goes on with it has the environment again; policy has seen to it that no other run had it since. One that
    only comes to its end needs it no more."""
    is_over = run.abort is not None and run.orphan is not None and run.orphan.free
    return run if event.word == "abort" or is_over else replace(run, orphan=None)
