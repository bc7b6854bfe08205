"""The fold: events in, the run that they tell out. Pure; it asks no setting about the past."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bot import events as e
from bot.events import Stored, Word
from bot.plan import Plan
from bot.view import orphans
from bot.view.model import Absence, Gate, Pause, Proposal, Reminder, Run, Said, StepView

LIVES: tuple[Word, ...] = ("wait", "end")
"""What can be said of an aborted run's installer that lives."""
GRACE = timedelta(hours=1)
"""So long people have after the bot was away, where their time passed meanwhile."""


def fold(stored: Iterable[Stored]) -> Run | None:
    """The run that these events tell, in the order of the log; None where the first is not its request."""
    run: Run | None = None
    for item in stored:
        if run is None:
            if not isinstance(item.event, e.Requested) or item.run is None:
                return None
            said = Said(by=item.actor, at=item.at, text=item.event.reason)
            run = Run(id=item.run, request=item.event, requested=said, trigger=item.seq)
        else:
            run = _apply(run, item)
        if run.ended is None or isinstance(item.event, e.Ended):
            run = replace(run, head=f"{item.seq}:{item.hash}")
    return run


def _apply(run: Run, item: Stored) -> Run:
    """What people say; where an attempt runs and nobody is asked, its stretch lives and does what is said meanwhile,
    else a new one does."""
    said = Said(by=item.actor, at=item.at, text=getattr(item.event, "reason", ""))
    match item.event:
        case e.Approved(hash=name):
            return replace(run, approvals=(*run.approvals, said)) if name == run.hash else run
        case e.Rejected():
            return replace(run, rejected=said)
        case e.FreezeOverridden() as event:
            return replace(run, override=event)
        case e.Reviewed():
            return replace(run, review=said)
        case e.Proposed() | e.ProposalApproved() | e.TurnedDown() as event:
            return _with_gate(run, _proposal(run, event, said))
        case e.Decided() as event:
            goes_on = event.word == "wait" or (event.word == "end" and run.is_working)
            trigger = run.trigger if goes_on else item.seq
            return replace(orphans.decided(_decided(run, event, said), event), trigger=trigger)
        case e.AbortRequested():
            trigger = run.trigger if run.is_working and not run.gate else item.seq
            return replace(_aborted(run, said), trigger=trigger)
        case e.Paused():
            return _paused(run, said)
        case e.Resumed():
            return _resumed(run, said, item.seq)
        case _:
            return _carried(run, item, said)


def _carried(run: Run, item: Stored, said: Said) -> Run:
    """What the bot does, and finds."""
    match item.event:
        case e.Planned() | e.Voided() as event:
            return _planned(run, event, item.at)
        case e.Admitted():
            return replace(run, admitted=item.at, trigger=item.seq)
        case e.Started() as event:
            return replace(run, started=item.at, facts=event.facts, started_changed=event.changed)
        case e.StepBegun() as event:
            return _begun(run, event, item.at)
        case e.StepEnded() as event:
            return _ended(run, event, item.at)
        case e.GateOpened() as event:
            return _open(run, event, item.at)
        case e.Reminded() as event:
            return _reminded(run, event, item.at)
        case e.StretchDied() as event:
            return _died(_closed(run, said), event, item.at)
        case e.WasAway() as event:
            return _away(run, event)
        case e.OrphanAsked() as event:
            return orphans.asked(run, event, item.seq)
        case e.OrphanAnswered() as event:
            return orphans.answered(run, event, item.at)
        case e.HostsSettled() as event:
            return _settled(run, event, said)
        case e.InstallersEnded() as event:
            return _installers_ended(run, event, item.at)
        case e.Ended() as event:
            return replace(_closed(run, said), ended=event, ended_at=item.at)
        case _:
            return run


def _planned(run: Run, event: e.Planned | e.Voided, at: datetime) -> Run:
    plan = Plan.model_validate(event.plan)
    steps = tuple(
        StepView(number=i, title=s.title, host=s.host, wanted=s.state.wanted()) for i, s in enumerate(plan.steps, 1)
    )
    voided = event.changed if isinstance(event, e.Voided) else ()
    return replace(
        run, n=event.n, plan=plan, foretold=event.foretold, hash=event.hash, expires=event.expires, steps=steps,
        concerns=event.concerns, planned_at=at, mentions=event.mentions, approvals=(), admitted=None,
        voided=voided, old_hash=run.hash,
    )  # fmt: skip


def _with_step(run: Run, number: int, **change: Any) -> Run:
    steps = tuple(replace(s, **change) if s.number == number else s for s in run.steps)
    return replace(run, steps=steps)


def _begun(run: Run, event: e.StepBegun, at: datetime) -> Run:
    step = run.step(event.step)
    tries = step.tries + (event.attempt > step.attempt)
    unread = tuple(dict.fromkeys((*step.unread, event.attempt))) if event.act else step.unread
    return _with_step(
        run, event.step, state="running", attempt=event.attempt, tries=tries, begun=at,
        clock=step.clock or event.clock, found_before=event.found, ended=None, end=None,
        touched=step.touched or event.act, unread=unread,
    )  # fmt: skip


def _ended(run: Run, event: e.StepEnded, at: datetime) -> Run:
    """One that a rule began may end without a begin: its host could not be read."""
    step = run.step(event.step)
    if event.attempt < step.attempt:
        return run
    tries = step.tries + (event.attempt > step.attempt)
    return _with_step(
        run, event.step, state=event.outcome, attempt=event.attempt, tries=tries, begun=step.begun or at, ended=at,
        end=event, unread=() if event.found else step.unread,
    )  # fmt: skip


def _with_gate(run: Run, gate: Gate | None) -> Run:
    return replace(run, gate=gate)


def _open(run: Run, event: e.GateOpened, at: datetime) -> Run:
    gate = Gate(
        id=run.gate_id(event.step, event.attempt), step=event.step, attempt=event.attempt, sentence=event.sentence,
        next_move=event.next_move, words=event.words, change=event.change, at=at, concerns=event.concerns,
        approvals=event.approvals,
        mentions=event.mentions,
    )  # fmt: skip
    return _with_gate(run, gate)


def _died(run: Run, event: e.StretchDied, at: datetime) -> Run:
    current = next((s for s in run.steps if s.is_due), None) if run.started else None
    step, attempt = (current.number, current.attempt) if current else (0, len(run.general_gates) + 1)
    run, next_move = orphans.died(run, at)
    gate = Gate(
        id=run.gate_id(step, attempt), step=step, attempt=attempt, sentence=event.sentence,
        next_move=next_move, words=_words(run), change=None, at=at, mentions=event.mentions,
    )  # fmt: skip
    return _with_gate(run, gate)


def _words(run: Run) -> tuple[Word, ...]:
    """Nobody aborts twice."""
    return ("retry",) if run.abort else ("retry", "abort")


def _aborted(run: Run, said: Said) -> Run:
    """Nothing is held up any more: nothing begins."""
    pauses = run.pauses
    if run.paused:
        pauses = (*pauses[:-1], replace(pauses[-1], aborted=said))
    return replace(run, abort=said, pauses=pauses)


def _paused(run: Run, said: Said) -> Run:
    coming = next((step.number for step in run.steps if step.is_due and step.state != "running"), 0)
    return replace(run, pauses=(*run.pauses, Pause(by=said, step=coming)))


def _resumed(run: Run, said: Said, seq: int) -> Run:
    """A step that runs meanwhile has a living stretch, which goes on; else the run rests, and a new one begins."""
    if run.paused is None:
        return run
    pauses = (*run.pauses[:-1], replace(run.pauses[-1], resumed=said))
    return replace(run, pauses=pauses, trigger=run.trigger if run.is_working else seq)


def _away(run: Run, event: e.WasAway) -> Run:
    """People get an hour more for what they could not answer; a question is asked anew. What a start told that failed
    is part of the absence that the next one tells of."""
    told = next((absence for absence in run.absences if absence.since == event.since), None)
    before = tuple(absence for absence in run.absences if absence != told)
    waits = run.expires is not None and not run.is_approved
    has_passed = waits and run.expires is not None and run.expires <= event.until
    again = waits and told is not None and run.expires == told.until + GRACE
    return replace(
        run, absences=(*before, Absence(since=event.since, until=event.until)),
        expires=event.until + GRACE if has_passed or again else run.expires,
        gate=run.gate and replace(run.gate, asked_anew=event.until),
    )  # fmt: skip


def _installers_ended(run: Run, event: e.InstallersEnded, at: datetime) -> Run:
    run = replace(run, end_attempts=event.n, ending=None, ended_on=(*run.ended_on, *event.hosts))
    if not event.sentence:
        return run
    told = f"The installer could not be ended. {event.sentence}"
    return _with_gate(run, replace(_general(run, at, told, LIVES), mentions=event.mentions))


def _general(run: Run, at: datetime, sentence: str, words: tuple[Word, ...], next_move: str = "") -> Gate:
    """A question about the run and none of its steps."""
    attempt = len(run.general_gates) + 1
    return Gate(
        id=run.gate_id(0, attempt), step=0, attempt=attempt, sentence=sentence, next_move=next_move, words=words,
        change=None, at=at,
    )  # fmt: skip


def _settled(run: Run, event: e.HostsSettled, said: Said) -> Run:
    run = replace(run, settle_attempts=event.n)
    if event.settled:
        return run
    run = _closed(run, said)
    gate = _general(run, said.at, event.sentence, _words(run), orphans.held(run))
    return _with_gate(run, replace(gate, mentions=event.mentions))


def _reminded(run: Run, event: e.Reminded, at: datetime) -> Run:
    gate = run.gate
    if gate is None or (gate.step, gate.attempt) != (event.step, event.attempt):
        return run
    told = Reminder(
        at=at, after=event.after, escalated=event.escalated, mentions=event.mentions, proposal=event.proposal
    )
    return _with_gate(run, replace(gate, reminders=(*gate.reminders, told)))


def _proposal(run: Run, event: e.Proposed | e.ProposalApproved | e.TurnedDown, said: Said) -> Gate | None:
    gate = run.gate
    if gate is None:
        return None
    match event:
        case e.Proposed():
            made = Proposal(
                word=event.word, reason=event.reason, hash=event.hash, wanted=event.approvals, by=said,
                mentions=event.mentions,
            )  # fmt: skip
            return replace(gate, proposal=made)
        case e.ProposalApproved():
            proposal = gate.proposal
            return replace(gate, proposal=proposal and replace(proposal, approvals=(*proposal.approvals, said)))
        case e.TurnedDown():
            lost = ((gate.proposal, said),) if gate.proposal else ()
            return replace(gate, proposal=None, turned_down=(*gate.turned_down, *lost))


def _closed(run: Run, said: Said) -> Run:
    """A question that nobody has answered, and that is none any more, is told as closed."""
    if run.gate is None:
        return run
    return replace(run, gate=None, general_gates=(*run.general_gates, replace(run.gate, decided=said)))


def _unasked(run: Run, said: Said) -> Gate:
    """The installer of an aborted run was let finish, and somebody has it ended all the same."""
    return _general(run, said.at, "The run is aborted, and its installer is not let finish after all.", LIVES)


def _decided(run: Run, event: e.Decided, said: Said) -> Run:
    gate = run.gate
    if gate is None and event.word == "end" and run.abort:
        gate = _unasked(run, said)
    if gate is None or (gate.step, gate.attempt) != (event.step, event.attempt):
        return run
    closed = replace(gate, decided=said, word=event.word)
    run = replace(run, gate=None)
    if event.word == "abort":
        run = _aborted(run, said)
    if event.word == "end":
        run = replace(run, ending=said)
    if event.word == "skip":
        run = replace(run, accepted=run.accepted | {concern.key for concern in gate.concerns})
    if gate.step == 0:
        return replace(run, general_gates=(*run.general_gates, closed))
    step = run.step(gate.step)
    gates = (*step.gates, closed)
    if event.word == "skip":
        return _with_step(run, gate.step, state="skipped", gates=gates, ended=said.at)
    if event.word == "abort":
        return _with_step(run, gate.step, gates=gates)
    fresh: dict[str, Any] = {"tries": 0, "begun": None, "ended": None, "end": None, "found_before": ""}
    return _with_step(
        run,
        gate.step,
        state="pending",
        attempt=step.attempt + 1,
        repairing=event.word == "repair",
        gates=gates,
        **fresh,
    )
