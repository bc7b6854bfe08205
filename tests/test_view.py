"""The fold: each state of a run's life from its events alone, and the one move that comes next."""

from dataclasses import replace
from typing import Any

import pytest
from worlds import ANA, BEN, FE, Tale, begun, ended, facts, gate, plan, planned, requested, run_of, started, stored

from bot import events as e
from bot.view import (
    Admit,
    AskPeople,
    Finish,
    MakePlan,
    Move,
    Rest,
    Run,
    Settle,
    Start,
    Work,
    fold,
    next_move,
)

STEPS = len(plan("upgrade", FE).steps)
ALL_DONE = [x for i in range(1, STEPS + 1) for x in (begun(i), ended(i))]


def decision(step: int, word: Any, attempt: int = 1) -> tuple[e.Event, Any]:
    return e.Decided(step=step, attempt=attempt, word=word, reason="CR-9"), BEN


def simple(runbook: str, *events: Any, only_plan: bool = False) -> Run:
    """A run that needs no approval."""
    made = plan("upgrade" if only_plan else runbook, FE)
    return run_of((requested(runbook, 0, only_plan=only_plan), ANA), *(
        [planned(made, facts(FE)), *events] if events else []))  # fmt: skip


ABORT = e.AbortRequested(reason="x"), BEN
LIFE: list[tuple[str, Run, Move]] = [
    ("a request is planned", Tale().run, MakePlan(1)),
    ("a plan rests until it is approved", Tale().planned().run, Rest()),
    ("half approved rests", Tale(approvals=2).planned().approved().run, Rest()),
    ("an approved run waits for its environment", Tale().planned().approved().run, Admit(1)),
    ("an admitted run starts", Tale().planned().approved().then(e.Admitted(n=1)).run, Start(1)),
    ("a started run works on its first step", Tale().started().run, Work(1, 1, False)),
    ("a step that began is gone on with", Tale().started().then(begun(1)).run, Work(1, 1, False)),
    ("the next step follows", Tale().started().then(begun(1), ended(1)).run, Work(2, 1, False)),
    ("a failed step asks", Tale().started().then(begun(1), ended(1, outcome="failed")).run, AskPeople(1, 1)),
    ("an open gate rests", Tale().at_gate().run, Rest()),
    ("retry is a new attempt", Tale().at_gate().then(decision(3, "retry")).run, Work(3, 2, False)),
    ("repair is a new attempt that repairs", Tale().at_gate().then(decision(3, "repair")).run, Work(3, 2, True)),
    ("skip goes on", Tale().at_gate().then(decision(3, "skip")).run, Work(4, 1, False)),
    ("abort at a gate settles", Tale().at_gate().then(decision(3, "abort")).run, Settle(1)),
    ("abort while running settles", Tale().started().then(begun(1), ABORT).run, Settle(1)),
    ("all steps done finish", Tale().started().then(*ALL_DONE).run, Finish("done")),
    ("an end rests", Tale().started().then(*ALL_DONE, e.Ended(outcome="done", sentence=".")).run, Rest()),
    ("a plan alone finishes", simple("upgrade", e.Refused(text="x", sentence="."), only_plan=True), Finish("done")),
    ("a backup needs no approval, but the environment", simple("backup", e.Refused(text="x", sentence=".")), Admit(1)),
    ("a verify needs neither", simple("verify", e.Refused(text="x", sentence=".")), Start(1)),
]  # fmt: skip


@pytest.mark.parametrize(("told", "run", "move"), LIFE, ids=[told for told, _, _ in LIFE])
def test_the_next_move_is_told_by_the_events_alone(told: str, run: Run, move: Move) -> None:
    assert next_move(run) == move, told


def test_every_event_of_a_run_is_stored_json_and_folds_the_same_from_there() -> None:
    tale = Tale().at_gate().then(decision(3, "repair"), begun(3, 2), ended(3, 2))
    items = stored(tale.events)
    again = [replace(i, event=e.from_data(type(i.event).__name__, e.to_data(i.event))) for i in items]
    assert fold(again) == fold(items)


def test_a_failed_check_of_verify_opens_no_gate_and_ends_failed() -> None:
    made = plan("verify", FE)
    chapters = [x for i in range(1, len(made.steps) + 1) for x in (begun(i, act=False), ended(i))]
    chapters[3] = ended(2, outcome="failed")
    head = [planned(made, facts(FE)), started(facts(FE))]
    assert next_move(simple("verify", *head[1:], *chapters[:4])) == Work(3, 1, False)
    assert next_move(simple("verify", *head[1:], *chapters)) == Finish("failed")


def test_skipped_steps_are_no_failure() -> None:
    tale = Tale().at_gate().then(decision(3, "skip"), *(x for i in range(4, STEPS + 1) for x in (begun(i), ended(i))))
    assert next_move(tale.run) == Finish("done")
    step = tale.run.step(3)
    assert (step.state, step.gates[0].decided and step.gates[0].decided.by, step.gates[0].word) == (
        "skipped",
        BEN,
        "skip",
    )


def test_voided_returns_to_planned_and_waits_for_approval_again() -> None:
    admitted = Tale().planned().approved().then(e.Admitted(n=1))
    void = e.Voided(
        n=2, plan=admitted.plan.model_dump(mode="json"), foretold=admitted.plan.foretell(admitted.facts),
        hash="cd" * 32, changed=("the service was Running, is Stopped",),
    )  # fmt: skip
    run = admitted.then(void).run
    assert (run.admitted, run.approvals, run.is_approved, run.n) == (None, (), False, 2)
    assert (run.old_hash, run.hash, run.voided) == (admitted.hash, "cd" * 32, void.changed)
    assert next_move(run) == Rest()
    again = admitted.then(void, (e.Approved(hash=void.hash), BEN))
    assert next_move(again.run) == Admit(2)
    assert next_move(again.then(e.Admitted(n=2)).run) == Start(2)


def test_attempts_count_up_and_their_gates_are_kept() -> None:
    tale = Tale().at_gate()
    for attempt in (2, 3):
        tale = tale.then(
            decision(3, "retry", attempt - 1), begun(3, attempt), ended(3, attempt, "failed", sentence="Again."),
            gate(3, attempt),
        )  # fmt: skip
    run = tale.run
    assert run.step(3).attempt == 3
    assert [g.id for g in run.step(3).gates] == ["prod-dmz-17:3:1", "prod-dmz-17:3:2"]
    assert run.gate
    assert run.gate.id == "prod-dmz-17:3:3"


def test_a_proposal_lives_in_its_gate_until_it_is_decided_or_turned_down() -> None:
    proposed = e.Proposed(step=3, attempt=1, word="skip", reason="known", hash="ab" * 32, approvals=2)
    tale = Tale().at_gate().then((proposed, ANA))
    assert tale.run.gate
    assert tale.run.gate.proposal
    assert (tale.run.gate.proposal.by.by, tale.run.gate.proposal.reason) == (ANA, "known")
    approved = tale.then((e.ProposalApproved(step=3, attempt=1, hash="ab" * 32), BEN)).run
    assert approved.gate
    assert approved.gate.proposal
    assert [said.by for said in approved.gate.proposal.approvals] == [BEN]
    down = tale.then((e.TurnedDown(step=3, attempt=1, hash="ab" * 32, reason="no"), BEN)).run
    assert down.gate
    assert down.gate.proposal is None
    assert next_move(down) == Rest()
    assert tale.then(decision(3, "retry")).run.gate is None


def test_a_stretch_that_died_is_a_gate_and_retry_goes_on() -> None:
    died = e.StretchDied(trigger=4, sentence="The stretch ended early.")
    before = Tale().planned().approved().then(e.Admitted(n=1), died)
    assert before.run.gate
    assert (before.run.gate.step, before.run.gate.words) == (0, ("retry", "abort"))
    assert next_move(before.then(decision(0, "retry")).run) == Start(1)
    amid = Tale().started().then(begun(1), ended(1), begun(2), died)
    assert amid.run.gate
    assert amid.run.gate.step == 2
    assert next_move(amid.then(decision(2, "retry")).run) == Work(2, 2, False)
    after = Tale().started().then(*ALL_DONE, died)
    assert after.run.gate
    assert after.run.gate.step == 0
    assert next_move(after.then(decision(0, "retry")).run) == Finish("done")


def test_general_gates_have_ids_of_their_own() -> None:
    died = e.StretchDied(trigger=4, sentence="x")
    tale = Tale().then(died, decision(0, "retry"), died)
    assert tale.run.gate
    assert [g.id for g in (*tale.run.general_gates, tale.run.gate)] == ["prod-dmz-17:0:1", "prod-dmz-17:0:2"]


def test_an_abort_settles_until_each_host_has_said_that_nothing_lives() -> None:
    aborted = Tale().started().then(begun(1), (e.AbortRequested(reason="stop"), BEN))
    assert aborted.run.abort
    assert (aborted.run.abort.by, aborted.run.abort.text) == (BEN, "stop")
    held = aborted.then(e.HostsSettled(n=1, settled=False, sentence="be01 is away."))
    assert next_move(held.run) == Rest()
    assert held.run.gate
    assert held.run.gate.words == ("retry",)
    assert next_move(held.then(decision(0, "retry")).run) == Settle(2)


def test_the_trigger_is_the_newest_event_that_sets_a_stretch_going() -> None:
    seq = {type(item.event).__name__: item.seq for item in stored(Tale().at_gate().then(decision(3, "retry")).events)}
    assert Tale().planned().approved().run.trigger == seq["Requested"]
    assert Tale().started().run.trigger == seq["Admitted"]
    assert Tale().at_gate().run.trigger == seq["Admitted"]
    assert Tale().at_gate().then(decision(3, "retry")).run.trigger == seq["Decided"]


def test_the_facts_at_the_start_are_the_before_of_every_check() -> None:
    run = Tale().started().run
    assert run.before("fe01") == facts(FE)["fe01"]


def test_a_refused_request_in_a_runs_events_changes_nothing() -> None:
    tale = Tale().at_gate()
    refused = tale.then((e.Refused(text="approve", sentence="No."), ANA)).run
    assert refused.gate == tale.run.gate
    assert next_move(refused) == next_move(tale.run)


def test_what_does_not_begin_with_its_request_is_no_run() -> None:
    items = stored(Tale().at_gate().events)
    assert fold([]) is None
    assert fold(items[1:]) is None
    assert fold(reversed(items)) is None


# --- events of another order ----------------------------------------------------------------------------------------


def test_an_approval_of_another_hash_does_not_count() -> None:
    assert not Tale().planned().then((e.Approved(hash="00" * 32), BEN)).run.is_approved


def test_the_end_of_an_older_attempt_does_not_end_the_newer_one() -> None:
    tale = Tale().at_gate().then(decision(3, "retry"), ended(3, 1))
    assert next_move(tale.run) == Work(3, 2, False)


def test_an_attempt_that_a_rule_began_may_end_without_a_reading_and_then_people_are_asked() -> None:
    again = Tale().started().then(begun(1), ended(1, outcome="failed", again=True))
    assert next_move(again.run) == Work(1, 2, False)
    lost = again.then(ended(1, 2, outcome="failed", found="", sentence="be01 is away.", acted=False))
    assert next_move(lost.run) == AskPeople(1, 2)
    assert lost.run.step(1).tries == 1


def test_an_act_whose_end_nobody_read_is_remembered_until_somebody_has() -> None:
    lost = Tale().started().then(begun(1), ended(1, outcome="failed", found=""), gate(1), decision(1, "retry"))
    assert (lost.run.step(1).unread, lost.run.step(1).touched) == ((1,), True)
    later = lost.then(begun(1, 2), ended(1, 2, outcome="failed"))
    assert (later.run.step(1).unread, later.run.step(1).touched) == ((), True)


def test_a_decision_for_another_gate_does_not_close_the_open_one() -> None:
    assert Tale().at_gate().then(decision(2, "skip")).run.gate


def test_an_end_while_a_gate_is_open_keeps_the_gate_to_be_told() -> None:
    """Else its post in Slack keeps its buttons for ever: nothing wishes it changed."""
    died = e.StretchDied(trigger=2, sentence="x")
    run = Tale().then(died, (e.Rejected(reason="no"), BEN), e.Ended(outcome="rejected", sentence=".")).run
    assert [g.id for g in run.general_gates] == ["prod-dmz-17:0:1"]


def test_a_retry_keeps_nothing_of_the_attempt_before() -> None:
    step = Tale().at_gate().then(decision(3, "retry")).run.step(3)
    assert (step.attempt, step.begun, step.end, step.found_before) == (2, None, None, "")


def test_a_proposal_that_was_turned_down_is_remembered() -> None:
    turned = e.TurnedDown(step=3, attempt=1, hash="ab" * 32, reason="look first")
    made = e.Proposed(step=3, attempt=1, word="skip", reason="known", hash="ab" * 32, approvals=1)
    run = Tale().at_gate().then((made, ANA), (turned, BEN)).run
    assert run.gate
    assert run.gate.proposal is None
    [(proposal, said)] = run.gate.turned_down
    assert (proposal.word, said.by.person, said.text) == ("skip", "ben", "look first")


def test_a_host_that_can_not_be_asked_after_an_abort_holds_the_run() -> None:
    tale = (
        Tale()
        .started()
        .then((e.AbortRequested(reason="stop"), BEN), e.HostsSettled(n=1, settled=False, sentence="be01?"))
    )
    assert tale.run.gate
    assert next_move(tale.run) == Rest()
    retried = tale.then((e.Decided(step=0, attempt=1, word="retry", reason=""), BEN))
    assert next_move(retried.run) == Settle(2)
