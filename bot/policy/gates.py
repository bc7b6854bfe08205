"""Judges who decides at a gate, proposes there, or comes late. Pure."""

from bot.commands import Command
from bot.events import Actor, Decided, Event, ProposalApproved, Proposed, Word
from bot.plan import digest
from bot.policy import late
from bot.policy.orphans import taken
from bot.policy.roles import Access, Allowed, Denied, Verdict, no_role, role_of
from bot.texts import typed
from bot.view import EnvironmentView, Gate, Run

HASH_SHOWN = 6
ALONE = frozenset({"retry", "wait", "end"})
"""What one person decides; the other words are proposals, where others must approve."""


def at_gate(command: Command, actor: Actor, rights: Access, run: Run, environment: EnvironmentView | None) -> Verdict:
    if (rule := role_of(rights, actor, "may_run")) is None:
        return no_role(command.word, "may_run", run.request.environment, run.id)
    if refusal := too_late(command, actor, rights, run):
        return refusal
    gate, word = run.gate, _word(command.word)
    if gate is None:
        return late.denied(f"{run.id} asks nothing now.", "no gate", command, actor, rights, run)
    if word not in gate.words:
        can = ", ".join(gate.words)
        return Denied(
            sentence=f"{word} is not possible here.", next_move=f"Possible: {can}.", rule="not offered", run=run.id
        )
    if environment and (refusal := taken(run, environment)):
        return refusal
    if word in ALONE or rights.approvals == 0:
        return Allowed(
            events=(Decided(step=gate.step, attempt=gate.attempt, word=word, reason=command.reason),), rule=rule
        )
    if gate.proposal:
        return Denied(
            sentence=f"{gate.proposal.by.by.shown} has proposed to {gate.proposal.word} already.",
            next_move=f"Type: {typed(f'approve {run.id} {gate.proposal.hash[:HASH_SHOWN]}')}, or: "
            f"{typed(f'reject {run.id} because REASON')}",
            rule="one proposal at a time", run=run.id, since=gate.proposal.by.at,
        )  # fmt: skip
    name = digest([gate.id, word, command.reason, gate.change, len(gate.turned_down)])
    own = rights.slack_of(actor)
    proposed = Proposed(
        step=gate.step, attempt=gate.attempt, word=word, reason=command.reason, hash=name, approvals=rights.approvals,
        mentions=tuple(name for name in rights.mentions("approvers") if name != own),
    )  # fmt: skip
    return Allowed(events=(proposed,), rule=rule)


def _word(word: str) -> Word:
    match word:
        case "retry" | "repair" | "skip" | "abort" | "wait" | "end":
            return word
    raise ValueError(f"{word} is no decision at a gate")


def proposal_approved(gate: Gate) -> tuple[Event, ...]:
    proposal = gate.proposal
    assert proposal is not None
    approved = ProposalApproved(step=gate.step, attempt=gate.attempt, hash=proposal.hash)
    if len(proposal.approvals) + 1 < proposal.wanted:
        return (approved,)
    return (approved, Decided(step=gate.step, attempt=gate.attempt, word=proposal.word, reason=proposal.reason))


def too_late(command: Command, actor: Actor, rights: Access, run: Run) -> Denied | None:
    """A button answers the question that it was shown with, and no other."""
    if command.gate is None or (run.gate and run.gate.id == command.gate):
        return None
    return late.decided(command, actor, rights, run)
