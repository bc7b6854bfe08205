"""Judges who asks for a run. Pure."""

from bot.commands import Command
from bot.events import Actor, Requested
from bot.policy.roles import Access, Allowed, Denied, Verdict, no_role, role_of
from bot.view import Run

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


def ask(
    command: Command, actor: Actor, rights: Access, request: Requested, others: list[Run], target: Run | None = None
) -> Verdict:
    """A request for a run; `others` are the open runs of its environment, `target` the run that a rollback names."""
    rule = "anyone"
    if needed := NEEDS.get(command.word):
        matched = role_of(rights, actor, "may_run")
        if matched is None:
            return no_role(command.word, needed, request.environment)
        rule = matched
    if request.target and (refusal := _no_backup(request, target)):
        return refusal
    for run in others:
        if _what(request) == _what(run.request):
            return Denied(
                sentence=f"{run.id} already does that, asked for by {run.requested.by.shown}.",
                next_move=f"Follow it, or type: abort {run.id} because REASON", run=run.id, rule="same run",
            )  # fmt: skip
    return Allowed(events=(request,), rule=rule)


def _what(request: Requested) -> tuple[object, ...]:
    """Two requests of one environment that agree in this want the same."""
    return request.runbook, request.package, request.only_plan, request.target


def _no_backup(request: Requested, target: Run | None) -> Denied | None:
    """The host is asked for the backup too, in the plan; here it is only what the log tells."""
    if target is None or target.request.environment != request.environment:
        of = f"a run of {target.request.environment}, not of" if target else "no run of"
        return Denied(
            sentence=f"{request.target} is {of} {request.environment}.",
            next_move=f"Type: history {request.environment}", rule="another environment",
        )  # fmt: skip
    if target.backup is None:
        return Denied(
            sentence=f"{target.id} has left no proven backup.",
            next_move=f"Type: show {target.id}, and take a run whose backup is done.", rule="no backup", run=target.id,
        )  # fmt: skip
    return None
