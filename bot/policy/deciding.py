"""Judges who decides about a run: approves or rejects it; other words have files of their own. Pure."""

from dataclasses import replace

from bot.commands import Command
from bot.errors import BadInput
from bot.events import Actor, Approved, Ended, Rejected, TurnedDown
from bot.policy import aborting, late
from bot.policy.freezing import review
from bot.policy.gates import HASH_SHOWN, at_gate, proposal_approved
from bot.policy.pausing import pausing
from bot.policy.roles import Access, Allowed, Denied, Verdict, no_role, role_of
from bot.texts import typed
from bot.view import EnvironmentView, Run, Said


def decide(
    command: Command, actor: Actor, rights: Access, run: Run, environment: EnvironmentView | None = None
) -> Verdict:
    """A decision about a run; `environment` is its own."""
    if command.word == "review":
        return review(command, actor, rights, run)
    if run.ended:
        return late.ended(command, actor, rights, run)
    match command.word:
        case "approve":
            return _approve(command, actor, rights, run)
        case "reject":
            return _reject(command, actor, rights, run)
        case "abort":
            return aborting.abort(command, actor, rights, run)
        case "end":
            return aborting.end(command, actor, rights, run, environment)
        case "retry" | "repair" | "skip" | "wait":
            return at_gate(command, actor, rights, run, environment)
        case "pause" | "resume":
            return pausing(command, actor, rights, run)
    raise ValueError(f"{command.word} decides nothing")


def _approve(command: Command, actor: Actor, rights: Access, run: Run) -> Verdict:
    proposal = run.gate.proposal if run.gate else None
    wanted = proposal.hash if proposal else run.hash
    if run.plan is None or (not proposal and (run.started or run.is_approved)):
        why = "has no plan yet" if run.plan is None else "waits for no approval"
        return late.denied(f"{run.id} {why}.", "nothing to approve", command, actor, rights, run)
    if not command.hash:
        raise BadInput(
            f"{run.id} is approved by its hash, so that you approve what you read.",
            f"Type: {typed(f'approve {run.id} {wanted[:HASH_SHOWN]}')}",
        )
    if len(command.hash) < HASH_SHOWN or not wanted.startswith(command.hash):
        other = f"{command.hash[:HASH_SHOWN]} is not what {run.id} waits for now: that is {wanted[:HASH_SHOWN]}."
        refused = late.denied(other, "another hash", command, actor, rights, run)
        return refused if refused.since else replace(refused, next_move="Read the card again; something changed.")
    if (rule := role_of(rights, actor, "approvers")) is None:
        return no_role("approve", "approvers", run.request.environment, run.id)
    by = proposal.by.by if proposal else run.requested.by
    if refusal := _own_or_twice(actor, rights, by, proposal.approvals if proposal else run.approvals, run):
        return refusal
    if proposal and run.gate:
        return Allowed(events=proposal_approved(run.gate), rule=rule)
    return Allowed(events=(Approved(hash=run.hash),), rule=rule)


def _own_or_twice(actor: Actor, rights: Access, by: Actor, approvals: tuple[Said, ...], run: Run) -> Denied | None:
    if actor.claimed:
        return Denied(
            sentence="A claimed actor can't approve.", next_move="Approve in Slack.", rule="claimed", run=run.id
        )
    if rights.is_same(actor, by):
        return Denied(
            sentence="It takes somebody else: you asked for it yourself.",
            next_move="Ask another approver to look at it.",
            rule="own request", run=run.id,
        )  # fmt: skip
    if said := next((said for said in approvals if rights.is_same(actor, said.by)), None):
        return Denied(
            sentence="You have approved it already.", next_move="It waits for others.", rule="twice", run=run.id,
            since=said.at,
        )  # fmt: skip
    return None


def _reject(command: Command, actor: Actor, rights: Access, run: Run) -> Verdict:
    rule = role_of(rights, actor, "approvers", "may_run")
    if rule is None and rights.is_same(actor, run.requested.by):
        rule = "requester"
    if rule is None:
        return no_role("reject", "approvers", run.request.environment, run.id)
    proposal = run.gate.proposal if run.gate else None
    asked = proposal.hash if proposal else "" if run.started else run.hash
    if command.hash and not asked.startswith(command.hash):
        return late.decided(command, actor, rights, run)
    if not run.started and not proposal:
        ended = Ended(outcome="rejected", sentence=f"Rejected by {actor.shown}: {command.reason}")
        return Allowed(events=(Rejected(reason=command.reason), ended), rule=rule)
    if run.gate and proposal:
        turned = TurnedDown(step=run.gate.step, attempt=run.gate.attempt, hash=proposal.hash, reason=command.reason)
        return Allowed(events=(turned,), rule=rule)
    way = aborting.way_on(run) if run.abort else f"Type: {typed(f'abort {run.id} because REASON')}"
    return Denied(sentence=f"{run.id} has started.", next_move=way, rule="started", run=run.id)
