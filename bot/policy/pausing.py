"""Judges who pauses a run between its steps, and who lets it go on. Pure."""

from bot.commands import Command
from bot.events import Actor, Paused, Resumed
from bot.policy import late
from bot.policy.roles import Access, Allowed, Denied, Verdict, no_role, role_of
from bot.texts import typed
from bot.view import Run


def pausing(command: Command, actor: Actor, rights: Access, run: Run) -> Verdict:
    if (rule := role_of(rights, actor, "may_run")) is None:
        return no_role(command.word, "may_run", run.request.environment, run.id)
    if run.abort:
        return late.denied(f"{run.id} is being aborted.", "aborting", command, actor, rights, run)
    if command.word == "resume":
        if run.paused is None:
            return late.denied(f"{run.id} is not paused.", "not paused", command, actor, rights, run)
        return Allowed(events=(Resumed(),), rule=rule)
    return _refusal(run) or Allowed(events=(Paused(),), rule=rule)


def _refusal(run: Run) -> Denied | None:
    if run.paused:
        return Denied(
            sentence=f"{run.paused.by.shown} has paused {run.id} already.",
            next_move=f"Go on: {typed(f'resume {run.id}')}",
            rule="twice", run=run.id, since=run.paused.at,
        )  # fmt: skip
    if not run.started:
        return Denied(
            sentence=f"{run.id} has not started: there is nothing to pause.",
            next_move=f"To keep it from starting, type: {typed(f'reject {run.id} because REASON')}",
            rule="not started", run=run.id,
        )  # fmt: skip
    return None
