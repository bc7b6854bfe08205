"""Judges who asks for a run. Pure."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.commands import Command
from bot.events import Actor, Requested
from bot.policy.aborting import way_on
from bot.policy.freezing import unfrozen
from bot.policy.roles import Access, Allowed, Denied, Verdict, no_role, role_of
from bot.texts import typed
from bot.view import EnvironmentView, Run

if TYPE_CHECKING:  # settings reads files, and policy is pure
    from bot.settings.freezes import Frozen

READS = frozenset({"help", "status", "history", "show"})
RUNBOOK = {
    "plan": "upgrade",
    "upgrade": "upgrade",
    "verify": "verify",
    "backup": "backup",
    "restart": "restart",
    "rollback": "rollback",
}
NEEDS = {"upgrade": "may_run", "backup": "may_run", "restart": "may_run", "rollback": "may_run"}
APPROVED = frozenset({"upgrade", "rollback"})
"""Words whose runs others must approve."""


@dataclass(frozen=True, kw_only=True)
class Around:
    """What a request is judged by: the open runs of its environment, the run that a rollback names, the environment,
    and the freeze at the time of the run."""

    others: list[Run]
    environment: EnvironmentView
    target: Run | None = None
    frozen: "Frozen | None" = None


def ask(command: Command, actor: Actor, rights: Access, request: Requested, around: Around) -> Verdict:
    """A request for a run."""
    rule = "anyone"
    if needed := NEEDS.get(command.word):
        matched = role_of(rights, actor, "may_run")
        if matched is None:
            return no_role(command.word, needed, request.environment)
        rule = matched
    if request.target and (refusal := _no_backup(request, around.target)):
        return refusal
    for run in around.others:
        if _what(request) == _what(run.request):
            return Denied(
                sentence=f"{run.id} already does that, asked for by {run.requested.by.shown}.",
                next_move=way_on(run) if run.abort
                else f"Follow it, or type: {typed(f'abort {run.id} because REASON')}",
                run=run.id, rule="same run", since=run.requested.at,
            )  # fmt: skip
    override = unfrozen(command, actor, rights, request, around.environment, around.frozen)
    if isinstance(override, Denied):
        return override
    return Allowed(events=(request, override) if override else (request,), rule=rule)


def _what(request: Requested) -> tuple[object, ...]:
    """Two requests of one environment that agree in this want the same."""
    return request.runbook, request.package, request.only_plan, request.target


def _no_backup(request: Requested, target: Run | None) -> Denied | None:
    """The host is asked for the backup too, in the plan; here it is only what the log tells."""
    if target is None or target.request.environment != request.environment:
        of = f"a run of {target.request.environment}, not of" if target else "no run of"
        return Denied(
            sentence=f"{request.target} is {of} {request.environment}.",
            next_move=f"Type: {typed(f'history {request.environment}')}", rule="another environment",
        )  # fmt: skip
    if target.backup is None:
        return Denied(
            sentence=f"{target.id} has left no proven backup.",
            next_move=f"Type: {typed(f'show {target.id}')}, and take a run whose backup is done.",
            rule="no backup", run=target.id,
        )  # fmt: skip
    return None
