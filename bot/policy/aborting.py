"""Judges who aborts a run, who has the installer of an aborted one ended, and who ends one of which nobody knows
whether its installer lives. Pure."""

from dataclasses import replace

from bot.commands import Command
from bot.events import AbortRequested, Actor, Decided, Ended
from bot.policy import late
from bot.policy.gates import at_gate, too_late
from bot.policy.roles import Access, Allowed, Denied, Verdict, no_role, role_of
from bot.texts import typed
from bot.view import EnvironmentView, Run


def abort(command: Command, actor: Actor, rights: Access, run: Run) -> Verdict:
    """Said once; said again it means nothing more: the word that ends an aborted run is another one."""
    if refusal := too_late(command, actor, rights, run):
        return refusal
    if run.abort:
        refused = late.denied(f"{run.id} is being aborted already.", "twice", command, actor, rights, run)
        return replace(refused, next_move=way_on(run))
    if (rule := role_of(rights, actor, "may_run")) is None:
        return no_role("abort", "may_run", run.request.environment, run.id)
    asked = AbortRequested(reason=command.reason)
    if not run.started:
        return Allowed(
            events=(asked, Ended(outcome="aborted", sentence=f"Aborted by {actor.shown}: {command.reason}")), rule=rule
        )
    if run.gate:
        return Allowed(
            events=(Decided(step=run.gate.step, attempt=run.gate.attempt, word="abort", reason=command.reason),),
            rule=rule,
        )
    return Allowed(events=(asked,), rule=rule)


def way_on(run: Run) -> str:
    """What can be said of an aborted run now."""
    if run.gate and not run.gate.is_optional:
        return f"Retry asks its servers again; where that can't help, an admin may end it: {run.unlock_line}"
    if run.ending:
        return "Its installer is being ended."
    return f"While its installer runs, one can have that ended at once. Type: {typed(f'end {run.id} because REASON')}"


def end(command: Command, actor: Actor, rights: Access, run: Run, environment: EnvironmentView | None) -> Verdict:
    """An aborted run asks nothing any more once its installer is let finish; one that hangs is ended all the same."""
    if run.gate or not run.abort:
        return at_gate(command, actor, rights, run, environment)
    if (rule := role_of(rights, actor, "may_run")) is None:
        return no_role("end", "may_run", run.request.environment, run.id)
    if refusal := too_late(command, actor, rights, run):
        return refusal
    if run.ending:
        return Denied(
            sentence=f"{run.ending.by.shown} has decided to end all its processes already.", rule="twice", run=run.id,
            since=run.ending.at,
        )  # fmt: skip
    unasked = Decided(step=0, attempt=len(run.general_gates) + 1, word="end", reason=command.reason)
    return Allowed(events=(unasked,), rule=rule)


def end_unknown(command: Command, actor: Actor, rights: Access, run: Run) -> Verdict:
    """A run whose hosts can't be asked holds its environment until an admin takes that upon themselves."""
    if run.gate is None or run.gate.is_optional:
        return Denied(sentence=f"{run.id} is being aborted.", next_move=way_on(run), rule="aborting", run=run.id)
    if (rule := role_of(rights, actor, "admins")) is None:
        return no_role("end a run of which nobody knows whether its installer lives", "admins", run.request.environment)
    sentence = f"Ended by {actor.shown}: {command.reason}. {run.gate.sentence}"
    return Allowed(
        events=(AbortRequested(reason=command.reason), Ended(outcome="aborted", sentence=sentence)), rule=rule
    )
