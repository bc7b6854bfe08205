"""Whoever answers late, twice or as an older message asked is told who decided instead, and when."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from judged import ALL, PROPOSED, RIGHTS, decided, denied, person
from worlds import ANA, BEN, NOW, Tale, planned

from bot import events as e
from bot.events import Actor
from bot.policy import Denied
from bot.view import Run

MIA = person("mia")
GATE = "prod-dmz-17:3:1"
PROPOSAL = "ab" * 3
RETRIED = Tale().at_gate().then((e.Decided(step=3, attempt=1, word="retry", reason=""), BEN))
PROPOSING = Tale().at_gate().then((e.Proposed(**PROPOSED), ANA))
APPROVED = PROPOSING.then(
    (e.ProposalApproved(step=3, attempt=1, hash="ab" * 32), BEN),
    (e.Decided(step=3, attempt=1, word="repair", reason=""), BEN),
)
TURNED_DOWN = PROPOSING.then((e.TurnedDown(step=3, attempt=1, hash="ab" * 32, reason="let us look."), BEN))
SKIPPED = PROPOSING.then((e.Decided(step=3, attempt=1, word="retry", reason=""), BEN))
REJECTED = (
    Tale().planned().then((e.Rejected(reason="not tonight"), BEN), (e.Ended(outcome="rejected", sentence="."), BEN))
)
ABORTED = (
    Tale()
    .planned()
    .then((e.AbortRequested(reason="wrong night"), BEN), (e.Ended(outcome="aborted", sentence="."), BEN))
)
DONE = RETRIED.then(e.Ended(outcome="done", sentence="."))
HASH = Tale().hash


@pytest.mark.parametrize(
    ("tale", "word", "more", "told"),
    [
        (RETRIED, "retry", {"gate": GATE}, "ben has decided retry."),
        (RETRIED, "retry", {}, "ben has decided retry."),
        (RETRIED, "abort", {"gate": GATE}, "ben has decided retry."),
        (DONE, "retry", {"gate": GATE}, "has ended (done). ben has decided retry."),
        (Tale().planned().approved(), "approve", {"hash": HASH}, "ben has approved prod-dmz-17."),
        (Tale().started(), "approve", {"hash": HASH}, "ben has approved prod-dmz-17."),
        (Tale().started(), "reject", {"hash": HASH}, "ben has approved prod-dmz-17."),
        (REJECTED, "approve", {"hash": HASH}, "has ended (rejected). ben has rejected prod-dmz-17: not tonight."),
        (REJECTED, "reject", {"hash": HASH}, "has ended (rejected). ben has rejected prod-dmz-17: not tonight."),
        (ABORTED, "abort", {}, "has ended (aborted). ben has aborted prod-dmz-17: wrong night."),
        (APPROVED, "approve", {"hash": PROPOSAL}, "ben has approved the repair."),
        (APPROVED, "reject", {"hash": PROPOSAL}, "ben has approved the repair."),
        (TURNED_DOWN, "reject", {"hash": PROPOSAL}, "ben has turned down the repair: let us look."),
        (SKIPPED, "approve", {"hash": PROPOSAL}, "ben has decided retry."),
    ],
)
def test_the_late_one_is_told_who_won(tale: Tale, word: str, more: dict[str, Any], told: str) -> None:
    verdict = decided(word, MIA if word != "approve" else person("app"), tale.run, **more)
    assert denied(verdict)
    assert verdict.sentence.endswith(told)
    assert verdict.since in moments(tale.run, BEN)


def moments(run: Run, actor: Actor) -> set[Any]:
    """When that person decided something."""
    gates = [gate for step in run.steps for gate in step.gates]
    said = [gate.decided for gate in gates] + [run.rejected, run.abort, *run.approvals]
    said += [turned for gate in (*gates, *([run.gate] if run.gate else [])) for _, turned in gate.turned_down]
    said += [one for gate in gates if gate.proposal for one in gate.proposal.approvals]
    return {one.at for one in said if one and one.by == actor}


def test_who_decided_oneself_is_told_so() -> None:
    tale = Tale().at_gate().then((e.Decided(step=3, attempt=1, word="retry", reason=""), ANA))
    verdict = decided("retry", replace(ANA, account="os:anna"), tale.run, ALL, gate=GATE)
    assert verdict.sentence == "That question has been decided already. You have decided retry."


def test_an_approval_by_whom_the_run_had_one_already_is_told_since_when() -> None:
    rights = replace(RIGHTS, approvers=("U0BEN",), approvals=2)
    tale = Tale(approvals=2).planned().approved()
    verdict = decided("approve", BEN, tale.run, rights)
    assert (denied(verdict), verdict.since) == ("twice", NOW + timedelta(minutes=2))


def test_a_second_abort_is_told_who_aborts() -> None:
    tale = Tale().started().then((e.AbortRequested(reason="wrong night"), BEN))
    verdict = decided("abort", MIA, tale.run)
    assert denied(verdict) == "twice"
    assert verdict.sentence == "prod-dmz-17 is being aborted already. ben has aborted prod-dmz-17: wrong night."


def test_an_approval_of_an_older_plan_names_nobody_as_its_winner() -> None:
    tale = Tale().planned().approved()
    new = planned(tale.plan, tale.facts, n=2)
    voided = e.Voided(n=2, plan=new.plan, foretold=new.foretold, hash="cd" * 32, changed=("fe01: DCOM",))
    verdict = decided("approve", person("app"), tale.then(voided).run, hash=HASH)
    assert denied(verdict) == "another hash"
    again = tale.then(voided, (e.Approved(hash="cd" * 32), BEN)).run
    late = decided("approve", person("app"), again, hash=HASH)
    assert (denied(late), late.since) == ("nothing to approve", None)


def test_a_question_that_the_runs_end_closed_was_decided_by_nobody() -> None:
    tale = Tale().at_gate().then((e.Ended(outcome="aborted", sentence="."), BEN))
    verdict = decided("retry", MIA, tale.run, gate=GATE)
    assert isinstance(verdict, Denied)
    assert (verdict.rule, verdict.since) == ("ended", None)
