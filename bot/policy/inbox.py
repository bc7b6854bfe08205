"""What waits for a person: the questions that the very same policy would let them answer. Pure."""

from bot.commands import Command
from bot.events import Actor
from bot.policy.deciding import decide
from bot.policy.roles import Access, Allowed
from bot.view import Run


def answers(actor: Actor, rights: Access, run: Run) -> tuple[str, ...]:
    """The words with which this person could answer what the run asks now; none where it does not ask them."""
    could = [asked for asked in _asked(run) if isinstance(decide(asked, actor, rights, run), Allowed)]
    return tuple(asked.word for asked in could)


def _asked(run: Run) -> list[Command]:
    if run.to_review:
        return [Command(word="review", run=run.id, reason="…")]
    if run.ended:
        return []
    if run.gate and run.gate.proposal:
        return [Command(word="approve", run=run.id, hash=run.gate.proposal.hash)]
    if run.gate:
        return [Command(word=word, run=run.id, gate=run.gate.id, reason="…") for word in run.gate.words]
    if run.plan and not run.is_approved and not run.abort:
        return [Command(word="approve", run=run.id, hash=run.hash)]
    return []
