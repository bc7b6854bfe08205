"""Policy at a gate: presses, proposals, and who decides them."""

from dataclasses import replace
from typing import Any

import pytest
from judged import ALL, PROPOSED, RIGHTS, allowed, decided, denied, person, situation
from worlds import ANA, BEN, CARL, FE, NOW, Tale, plan, planned, requested, run_of

from bot import events as e
from bot.commands import Command
from bot.events import Actor
from bot.policy import Allowed, Denied, admins_only, decide
from bot.settings import Settings


@pytest.mark.parametrize("word", ["retry", "repair", "skip", "abort"])
def test_a_press_for_a_gate_that_is_not_open_is_late(word: str) -> None:
    run = Tale().at_gate().run
    assert isinstance(decided(word, person("mia"), run, gate="prod-dmz-17:3:1"), Allowed)
    assert denied(decided(word, person("mia"), run, gate="prod-dmz-17:3:2")) == "late"
    assert denied(decided(word, person("mia"), Tale().started().run, gate="prod-dmz-17:3:1")) == "late"


@pytest.mark.parametrize("word", ["retry", "repair", "skip"])
def test_words_of_a_gate_need_an_open_one_that_offers_them(word: str) -> None:
    assert denied(decided(word, person("mia"), Tale().started().run)) == "no gate"
    others = tuple(w for w in ("retry", "repair", "skip", "abort") if w != word)
    verdict = decided(word, person("mia"), Tale().at_gate(words=others).run)
    assert denied(verdict) == "not offered"
    assert ", ".join(others) in verdict.next_move


@pytest.mark.parametrize("word", ["repair", "skip"])
def test_repair_and_skip_are_proposals_where_others_must_approve(word: str) -> None:
    run = Tale().at_gate().run
    verdict = decided(word, person("mia"), run)
    assert allowed(verdict) == ["Proposed"]
    proposed = verdict.events[0]
    assert (proposed.step, proposed.attempt, proposed.word, proposed.approvals) == (3, 1, word, 1)
    alone = decided(word, person("mia"), run, replace(RIGHTS, approvals=0))
    assert allowed(alone) == ["Decided"]
    assert allowed(decided("retry", person("mia"), run)) == ["Decided"]


def test_the_hash_of_a_proposal_covers_gate_word_reason_and_change() -> None:
    def proposed(word: str, reason: str, **more: Any) -> str:
        run = Tale().at_gate(**more).run
        verdict = decide(Command(word=word, run=run.id, reason=reason), person("mia"), RIGHTS, run)
        assert isinstance(verdict, Allowed)
        event = verdict.events[0]
        assert isinstance(event, e.Proposed)
        return event.hash

    variants = [
        proposed("skip", "a"), proposed("skip", "b"), proposed("repair", "a"), proposed("skip", "a", step=4),
        proposed("skip", "a", change="set another"),
    ]  # fmt: skip
    assert len(set(variants)) == len(variants)
    assert proposed("skip", "a") == variants[0]


def test_a_proposal_is_approved_by_others_than_its_proposer_and_then_decided() -> None:
    tale = Tale().at_gate().then((e.Proposed(**PROPOSED), BEN))
    assert denied(decided("approve", BEN, tale.run, ALL, hash="ab" * 3)) == "own request"
    assert denied(decided("approve", ANA, tale.run, ALL, hash=tale.run.hash)) == "another hash"
    verdict = decided("approve", ANA, tale.run, ALL, hash="ab" * 3)
    assert allowed(verdict) == ["ProposalApproved", "Decided"]
    assert verdict.events[1].word == "repair"


def test_a_proposal_waits_for_as_many_approvals_as_it_wants() -> None:
    rights = replace(ALL, approvers=("U0ANA", "U0CARL"), approvals=2)
    tale = Tale().at_gate().then((e.Proposed(**(PROPOSED | {"approvals": 2})), BEN))
    assert allowed(decided("approve", ANA, tale.run, rights, hash="ab" * 3)) == ["ProposalApproved"]
    once = tale.then((e.ProposalApproved(step=3, attempt=1, hash="ab" * 32), ANA))
    assert denied(decided("approve", ANA, once.run, rights, hash="ab" * 3)) == "twice"
    assert allowed(decided("approve", CARL, once.run, rights, hash="ab" * 3)) == ["ProposalApproved", "Decided"]


def test_beside_a_proposal_retry_and_abort_stay_and_a_second_one_waits() -> None:
    run = Tale().at_gate().then((e.Proposed(**PROPOSED), BEN)).run
    assert allowed(decided("retry", person("mia"), run)) == ["Decided"]
    assert allowed(decided("abort", person("mia"), run)) == ["Decided"]
    assert denied(decided("skip", person("mia"), run)) == "one proposal at a time"
    assert allowed(decided("reject", person("app"), run)) == ["TurnedDown"]


@pytest.mark.parametrize("word", ["approve", "reject", "abort", "retry", "repair", "skip"])
def test_a_run_that_has_ended_takes_no_decision(word: str) -> None:
    run = Tale().at_gate().then(e.Ended(outcome="aborted", sentence="Aborted.")).run
    assert denied(decided(word, person("mia"), run)) == "ended"


@pytest.mark.parametrize("word", ["approve", "reject", "abort", "retry", "repair", "skip"])
def test_what_is_allowed_changes_the_run_that_the_log_tells(word: str) -> None:
    """Allowed events, folded again, never leave the same question open."""
    run = situation(word)
    actor = person("app") if word in ("approve", "reject") else person("mia")
    verdict = decided(word, actor, run)
    assert allowed(verdict)
    tale = Tale().planned() if word in ("approve", "reject") else Tale().at_gate()
    after = tale.then(*((event, actor) for event in verdict.events)).run
    assert isinstance(decided(word, actor, after), Denied)


def test_a_voided_plan_wants_its_approvals_again() -> None:
    tale = Tale().planned().approved().then(e.Admitted(n=1))
    now = planned(plan("upgrade", FE, package=tale.plan.package), tale.facts, n=2)
    void = e.Voided(n=2, plan=now.plan, foretold=now.foretold, hash="cd" * 32, changed=("x",))
    run = tale.then(void).run
    assert denied(decided("approve", person("app"), run, hash=tale.hash)) == "another hash"
    assert allowed(decided("approve", person("app"), run, hash="cd" * 3)) == ["Approved"]
    assert run_of(*tale.events).is_approved


def test_who_asked_before_people_joined_their_accounts_still_approves_nothing() -> None:
    """Ana asked as a bare Slack account; nps.toml has mapped it since."""
    bare = Actor(person="slack:U0APP", account="slack:U0APP", shown="app")
    run = run_of((requested(), bare), planned(plan("upgrade", FE), Tale().facts))
    for actor in (person("app"), Actor(person="app", account="os:app", shown="app")):
        verdict = decided("approve", actor, run)
        assert isinstance(verdict, Denied)
        assert verdict.rule == "own request"


def test_who_was_renamed_in_the_file_since_still_approves_nothing_of_their_own() -> None:
    """Ana asked in a terminal as `ana`; [people] calls her `anna` since."""
    was = Actor(person="ana", account="os:ana", shown="ana")
    run = run_of((requested(), was), planned(plan("upgrade", FE), Tale().facts))
    accounts = {"os:ana": "anna", "slack:U0APP": "anna"}
    now = Actor(person="anna", account="slack:U0APP", shown="anna")
    verdict = decided("approve", now, run, replace(RIGHTS, accounts=accounts))
    assert isinstance(verdict, Denied)
    assert verdict.rule == "own request"


def test_a_turn_down_of_another_proposal_is_late() -> None:
    run = (
        Tale()
        .at_gate()
        .then((e.Proposed(step=3, attempt=1, word="skip", reason="", hash="ab" * 32, approvals=1), ANA))
        .run
    )
    late = decided("reject", person("app"), run, hash="cd" * 32)
    assert isinstance(late, Denied)
    assert late.rule == "late"
    assert allowed(decided("reject", person("app"), run, hash="ab" * 32)) == ["TurnedDown"]


def test_a_reject_of_a_plan_that_was_voided_since_is_late() -> None:
    run = Tale().planned().run
    assert isinstance(decided("reject", person("app"), run, hash="cd" * 32), Denied)
    assert allowed(decided("reject", person("app"), run, hash=run.hash)) == ["Rejected", "Ended"]


def test_of_an_environment_that_is_gone_its_admins_decide() -> None:
    settings = Settings.model_validate({"slack": {"channel": "C0OPS", "admins": ["U0ADM"]}})
    rights = admins_only(settings, {}, NOW)
    run = Tale().at_gate().run
    assert allowed(decided("abort", Actor(person="x", account="slack:U0ADM", shown="x"), run, rights)) == ["Decided"]
    assert isinstance(decided("abort", person("mia"), run, rights), Denied)
