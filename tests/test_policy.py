"""Who may do what: the table of the design as data, and people compared across accounts."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cases import load
from judged import RIGHTS, allowed, asked, command, decided, denied, person, situation
from worlds import ANA, BEN, CARL, FE, NOW, Tale, begun, claimed, ended, plan, planned, requested, run_of

from bot import events as e
from bot.commands import USAGES, Command
from bot.errors import BadInput
from bot.events import Actor
from bot.policy import NEEDS, READS, RUNBOOK, Access, Allowed, Denied, access, admins_only, ask, decide
from bot.settings import Settings
from bot.view import Run

ROLES = {
    "nobody": CARL, "unmapped": Actor(person="os:carl", account="os:carl", shown="carl"), "may_run": person("mia"),
    "approver": person("app"), "admin": person("adm"), "requester": ANA,
}  # fmt: skip
TABLE = {case["command"]: case["allowed"] for case in load("policy.toml", "who")}


def test_the_table_speaks_of_every_command_that_exists() -> None:
    assert set(TABLE) == set(USAGES) - READS
    assert set(RUNBOOK) | READS | {"approve", "reject", "abort", "retry", "repair", "skip"} == set(USAGES)
    assert set(NEEDS) <= set(RUNBOOK)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("word", TABLE)
def test_each_role_may_what_the_table_says_and_no_more(word: str, role: str) -> None:
    verdict = asked(word, ROLES[role]) if word in RUNBOOK else decided(word, ROLES[role])
    if role in TABLE[word]:
        assert allowed(verdict)
        assert verdict.rule
    else:
        assert denied(verdict).startswith("not in ")


def test_the_rule_names_the_entry_that_matched() -> None:
    assert asked("upgrade", person("mia")).rule == "may_run: U0MIA"
    assert asked("plan", CARL).rule == "anyone"
    assert decided("reject", ANA).rule == "requester"
    grouped = replace(RIGHTS, may_run=("S0OPS", "U0MIA"), groups={"S0OPS": frozenset({"U0MIA"})})
    assert asked("upgrade", person("mia"), grouped).rule == "may_run: S0OPS"


# --- people, not accounts -------------------------------------------------------------------------------------------

ALL = replace(RIGHTS, may_run=("ana", "ben"), approvers=("U0ANA", "U0BEN"))
ANA_AT_TERMINAL = Actor(person="ana", account="os:anna", shown="ana")


@pytest.mark.parametrize("actor", [ANA, ANA_AT_TERMINAL])
def test_nobody_approves_their_own_request_from_any_side(actor: Actor) -> None:
    assert denied(decided("approve", actor, rights=ALL)) == "own request"


def test_another_approves_from_either_side() -> None:
    assert allowed(decided("approve", BEN, rights=ALL)) == ["Approved"]
    assert allowed(decided("approve", replace(BEN, account="os:benno"), rights=ALL)) == ["Approved"]


def test_a_request_from_the_terminal_is_not_approved_by_the_same_person_in_slack() -> None:
    tale = Tale()
    tale.events[0] = (requested(), ANA_AT_TERMINAL)
    assert denied(decided("approve", ANA, tale.planned().run, ALL)) == "own request"


def test_a_claimed_actor_never_approves() -> None:
    assert denied(decided("approve", claimed(BEN), rights=ALL)) == "claimed"
    proposal = Tale().at_gate().then((e.Proposed(**PROPOSED), ANA)).run
    assert denied(decided("approve", claimed(BEN), proposal, ALL, hash="ab" * 3)) == "claimed"


def test_a_claimed_actor_may_ask_and_what_they_asked_for_is_theirs() -> None:
    assert allowed(asked("upgrade", claimed(BEN), ALL)) == ["Requested"]
    tale = Tale()
    tale.events[0] = (requested(), claimed(BEN))
    assert denied(decided("approve", BEN, tale.planned().run, ALL)) == "own request"


def test_a_role_of_a_person_holds_at_the_terminal_too() -> None:
    grouped = replace(RIGHTS, may_run=("S0OPS",), groups={"S0OPS": frozenset({"U0BEN"})})
    at_terminal = replace(BEN, account="os:benno")
    assert asked("upgrade", at_terminal, grouped).rule == "may_run: S0OPS"
    assert denied(asked("upgrade", Actor(person="os:ben", account="os:ben", shown="ben"), grouped)) == "not in may_run"


def test_an_account_that_is_named_like_an_entry_is_nobody() -> None:
    pretender = Actor(person="os:U0MIA", account="os:U0MIA", shown="U0MIA")
    assert denied(asked("upgrade", pretender)) == "not in may_run"
    group = Actor(person="slack:S0OPS", account="slack:S0OPS2", shown="x")
    assert denied(asked("upgrade", group, replace(RIGHTS, may_run=("S0OPS",)))) == "not in may_run"


# --- what the settings give -----------------------------------------------------------------------------------------


def rights_from(groups: dict[str, Any] | None = None, **environment: Any) -> Access:
    section = {"backend": "be01", "package": "9.3"} | environment
    read = Settings.model_validate(
        {"slack": {"admins": ["U0ADM"]}, "people": {"ana": {"slack": "U0ANA"}}, "environments": {"prod-dmz": section}}
    )
    return access(read, "prod-dmz", groups or {}, NOW)


def test_a_left_out_may_run_means_admins_only() -> None:
    rights = rights_from()
    assert (rights.may_run, rights.approvers, rights.approvals) == (("U0ADM",), ("U0ADM",), 1)
    assert denied(asked("upgrade", person("mia"), rights)) == "not in may_run"
    assert allowed(asked("upgrade", person("adm"), rights)) == ["Requested"]


def test_left_out_approvers_are_those_in_may_run() -> None:
    rights = rights_from(may_run=["U0BEN", "ana"])
    assert rights.approvers == ("U0BEN", "ana")
    assert allowed(decided("approve", BEN, rights=rights)) == ["Approved"]


def test_an_environment_may_have_admins_of_its_own() -> None:
    assert rights_from(admins=["U0MIA"]).admins == ("U0MIA",)
    assert rights_from(admins=[]).admins == ()


@pytest.mark.parametrize(("hours", "counts"), [(0, True), (23.9, True), (24, False), (1000, False)])
def test_members_of_a_group_count_while_they_are_fresh(hours: float, counts: bool) -> None:
    groups = {"S0OPS": (frozenset({"U0BEN"}), NOW - timedelta(hours=hours))}
    verdict = asked("upgrade", BEN, rights_from(groups, may_run=["S0OPS", "U0MIA"]))
    assert isinstance(verdict, Allowed) == counts
    assert allowed(asked("upgrade", person("mia"), rights_from(groups, may_run=["S0OPS", "U0MIA"])))


# --- requests -------------------------------------------------------------------------------------------------------


def test_the_same_request_is_refused_with_the_run_that_does_it() -> None:
    going = Tale().planned().run
    verdict = asked("upgrade", person("mia"), others=[going])
    assert denied(verdict) == "same run"
    assert (verdict.run, "ana" in verdict.sentence) == ("prod-dmz-17", True)
    assert allowed(asked("backup", person("mia"), others=[going])) == ["Requested"]
    assert allowed(asked("plan", person("mia"), others=[going])) == ["Requested"]


def rolled_back(actor: Actor, target: Run | None, others: list[Run] | None = None) -> Any:
    request = requested("rollback", package=None, target="prod-dmz-17")
    return ask(command("rollback"), actor, RIGHTS, request, others or [], target)


def test_a_rollback_needs_a_run_of_the_environment_that_has_left_a_proven_backup() -> None:
    tale = Tale().started().then(begun(1))
    assert allowed(rolled_back(person("mia"), tale.then(ended(1)).run)) == ["Requested"]
    assert denied(rolled_back(person("mia"), tale.run)) == "no backup"
    failed = tale.then(ended(1, outcome="failed", sentence="Torn."))
    assert denied(rolled_back(person("mia"), failed.run)) == "no backup"
    assert denied(rolled_back(person("mia"), Tale().run)) == "no backup"
    assert denied(rolled_back(person("mia"), None)) == "another environment"
    assert denied(rolled_back(person("app"), tale.then(ended(1)).run)) == "not in may_run"


def test_a_rollback_to_a_run_of_another_environment_is_refused() -> None:
    done = Tale().started().then(begun(1), ended(1)).run
    elsewhere = replace(done, request=replace(done.request, environment="test"))
    verdict = rolled_back(person("mia"), elsewhere)
    assert denied(verdict) == "another environment"
    assert "a run of test, not of prod-dmz" in verdict.sentence


def test_a_rollback_to_another_run_is_another_request() -> None:
    done = Tale().started().then(begun(1), ended(1)).run
    going = replace(Tale(runbook="rollback").run, request=requested("rollback", package=None, target="prod-dmz-16"))
    assert allowed(rolled_back(person("mia"), done, [going])) == ["Requested"]
    same = replace(going, request=replace(going.request, target="prod-dmz-17"))
    assert denied(rolled_back(person("mia"), done, [same])) == "same run"


def test_another_package_is_another_request() -> None:
    verdict = ask(command("upgrade"), person("mia"), RIGHTS, requested(package="9.4"), [Tale().planned().run])
    assert allowed(verdict) == ["Requested"]


# --- approvals ------------------------------------------------------------------------------------------------------


def test_without_a_hash_the_line_to_type_is_told() -> None:
    run = Tale().planned().run
    with pytest.raises(BadInput, match=f"approve prod-dmz-17 {run.hash[:6]}"):
        decided("approve", person("app"), run, hash=None)


@pytest.mark.parametrize("wrong", ["000000", "f" * 64, "", "x"])
def test_another_hash_approves_nothing(wrong: str) -> None:
    run = Tale().planned().run
    if not wrong:
        with pytest.raises(BadInput):
            decided("approve", person("app"), run, hash=wrong)
    else:
        assert denied(decided("approve", person("app"), run, hash=wrong)) == "another hash"


def test_less_than_six_characters_of_the_hash_approve_nothing() -> None:
    run = Tale().planned().run
    assert denied(decided("approve", person("app"), run, hash=run.hash[:5])) == "another hash"
    assert allowed(decided("approve", person("app"), run, hash=run.hash[:6])) == ["Approved"]
    assert allowed(decided("approve", person("app"), run, hash=run.hash)) == ["Approved"]
    assert denied(decided("approve", person("app"), run, hash=run.hash + "0")) == "another hash"


def test_two_approvals_are_by_two_others() -> None:
    rights = replace(ALL, approvers=("U0ANA", "U0BEN", "U0CARL"), approvals=2)
    once = Tale(approvals=2).planned().approved(BEN)
    assert not once.run.is_approved
    assert denied(decided("approve", BEN, once.run, rights)) == "twice"
    assert denied(decided("approve", replace(BEN, account="os:benno"), once.run, rights)) == "twice"
    assert denied(decided("approve", ANA, once.run, rights)) == "own request"
    assert allowed(decided("approve", CARL, once.run, rights)) == ["Approved"]
    assert once.approved(CARL).run.is_approved


@pytest.mark.parametrize(
    ("tale", "why"),
    [
        (Tale(), "nothing to approve"), (Tale(approvals=0).planned(), "nothing to approve"),
        (Tale().planned().approved(), "nothing to approve"), (Tale().started(), "nothing to approve"),
        (Tale().at_gate(), "nothing to approve"), (Tale().then(e.Ended(outcome="rejected", sentence=".")), "ended"),
    ],
)  # fmt: skip
def test_what_waits_for_no_approval_takes_none(tale: Tale, why: str) -> None:
    assert denied(decided("approve", person("app"), tale.run, hash=tale.hash)) == why


# --- reject and abort -----------------------------------------------------------------------------------------------


def test_a_reject_ends_the_run_until_it_has_started() -> None:
    for tale in (
        Tale(),
        Tale().planned(),
        Tale().planned().approved(),
        Tale().planned().approved().then(e.Admitted(n=1)),
    ):
        assert allowed(decided("reject", person("app"), tale.run)) == ["Rejected", "Ended"]
    verdict = decided("reject", person("app"), Tale().started().run)
    assert (denied(verdict), verdict.next_move) == ("started", "Type: abort prod-dmz-17 because REASON")


def test_an_abort_ends_the_run_at_once_before_the_start_and_asks_for_it_later() -> None:
    assert allowed(decided("abort", person("mia"), Tale().planned().run)) == ["AbortRequested", "Ended"]
    assert allowed(decided("abort", person("mia"), Tale().started().run)) == ["AbortRequested"]
    assert allowed(decided("abort", person("mia"), Tale().at_gate().run)) == ["Decided"]
    again = Tale().started().then((e.AbortRequested(reason="x"), ANA)).run
    assert denied(decided("abort", person("mia"), again)) == "twice"


# --- gates ----------------------------------------------------------------------------------------------------------

PROPOSED: dict[str, Any] = {
    "step": 3, "attempt": 1, "word": "repair", "reason": "", "hash": "ab" * 32, "approvals": 1
}  # fmt: skip


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


def test_an_admin_ends_an_aborted_run_whose_host_is_gone() -> None:
    held = e.HostsSettled(n=1, settled=False, sentence="Nobody knows whether an installer still runs.")
    run = Tale().started().then(begun(1), (e.AbortRequested(reason="x"), ANA), held).run
    refused = decided("abort", person("mia"), run)
    assert isinstance(refused, Denied)
    verdict = decided("abort", person("adm"), run)
    assert allowed(verdict) == ["AbortRequested", "Ended"]
    assert "Nobody knows" in verdict.events[1].sentence


def test_of_an_environment_that_is_gone_its_admins_decide() -> None:
    settings = Settings.model_validate({"slack": {"channel": "C0OPS", "admins": ["U0ADM"]}})
    rights = admins_only(settings, {}, NOW)
    run = Tale().at_gate().run
    assert allowed(decided("abort", Actor(person="x", account="slack:U0ADM", shown="x"), run, rights)) == ["Decided"]
    assert isinstance(decided("abort", person("mia"), run, rights), Denied)
