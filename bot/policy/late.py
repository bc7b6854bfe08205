"""What became of a question that somebody answers late, twice, or as an older message asked it: who decided instead,
and when. Pure."""

from collections.abc import Iterable

from bot.commands import Command
from bot.events import Actor
from bot.policy.roles import Access, Denied
from bot.view import Gate, Proposal, Run, Said

Fate = tuple[str, Said]
"""What was done, as it follows on `has`, and who did it."""
AT_GATES = frozenset({"retry", "repair", "skip", "wait", "end"})


def ended(command: Command, actor: Actor, rights: Access, run: Run) -> Denied:
    """Nothing is decided about a run that has ended."""
    assert run.ended is not None
    return denied(f"{run.id} has ended ({run.ended.outcome}).", "ended", command, actor, rights, run)


def decided(command: Command, actor: Actor, rights: Access, run: Run) -> Denied:
    """A button answers the question that it was shown with, and no other."""
    return denied("That question has been decided already.", "late", command, actor, rights, run)


def denied(sentence: str, rule: str, command: Command, actor: Actor, rights: Access, run: Run) -> Denied:
    """The refusal, with who won where it is known."""
    found = _fate(command, run)
    if found is None:
        return Denied(sentence=sentence, next_move="Look at the thread.", rule=rule, run=run.id)
    done, said = found
    who = "You have" if rights.is_same(actor, said.by) else f"{said.by.shown} has"
    return Denied(sentence=f"{sentence} {who} {done}.", rule=rule, run=run.id, since=said.at)


def _fate(command: Command, run: Run) -> Fate | None:
    gates = list(_gates(run))
    if command.gate:
        return next((_of_gate(gate) for gate in gates if gate.id == command.gate), None)
    if command.hash and (found := _of_proposal(command.hash, gates)):
        return found
    if run.rejected:
        return _done(f"rejected {run.id}", run.rejected), run.rejected
    if run.abort:
        return _done(f"aborted {run.id}", run.abort), run.abort
    if command.word == "resume":
        return next(((f"resumed {run.id}", pause.resumed) for pause in reversed(run.pauses) if pause.resumed), None)
    if command.word in AT_GATES:
        closed = [fate for gate in gates if (fate := _of_gate(gate))]
        return max(closed, key=lambda fate: fate[1].at, default=None)
    if run.is_approved and run.approvals and (command.hash is None or run.hash.startswith(command.hash)):
        return f"approved {run.id}", run.approvals[-1]
    return None


def _gates(run: Run) -> Iterable[Gate]:
    for step in run.steps:
        yield from step.gates
    yield from run.general_gates
    if run.gate:
        yield run.gate


def _of_gate(gate: Gate) -> Fate | None:
    """Nothing where the gate is open, or the run's end closed it."""
    if gate.decided is None or gate.word is None:
        return None
    return _done(f"decided {gate.word}", gate.decided), gate.decided


def _of_proposal(name: str, gates: list[Gate]) -> Fate | None:
    for gate in gates:
        for proposal, said in gate.turned_down:
            if proposal.hash.startswith(name):
                return _done(f"turned down the {proposal.word}", said), said
        if gate.proposal and gate.proposal.hash.startswith(name):
            return _approved(gate.proposal) or _of_gate(gate)
    return None


def _approved(proposal: Proposal) -> Fate | None:
    if len(proposal.approvals) < proposal.wanted:
        return None
    return f"approved the {proposal.word}", proposal.approvals[-1]


def _done(what: str, said: Said) -> str:
    return f"{what}: {said.text.rstrip('.')}" if said.text else what
