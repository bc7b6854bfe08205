"""Who may do what: the table of the design as data, and people compared across accounts."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cases import load
from judged import ALL, PROPOSED, RIGHTS, allowed, asked, command, decided, denied, environment, kept, person
from worlds import ANA, BEN, CARL, NOW, Tale, begun, claimed, ended, requested

from bot import events as e
from bot.commands import USAGES
from bot.errors import BadInput
from bot.events import Actor
from bot.policy import KEEPS, NEEDS, READS, RUNBOOK, Access, Allowed, Around, access, ask
from bot.settings import Settings
from bot.texts import typed
from bot.view import Run

ROLES = {
    "nobody": CARL, "unmapped": Actor(person="os:carl", account="os:carl", shown="carl"), "may_run": person("mia"),
    "approver": person("app"), "admin": person("adm"), "requester": ANA,
}  # fmt: skip
TABLE = {case["command"]: case["allowed"] for case in load("policy.toml", "who")}


def test_the_table_speaks_of_every_command_that_exists() -> None:
    assert set(TABLE) == set(USAGES) - READS
    deciding = {"approve", "reject", "abort", "retry", "repair", "skip", "pause", "resume", "review", "wait", "end"}
    assert set(RUNBOOK) | READS | KEEPS | deciding == set(USAGES)
    assert set(NEEDS) <= set(RUNBOOK)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("word", TABLE)
def test_each_role_may_what_the_table_says_and_no_more(word: str, role: str) -> None:
    verdict = judged(word, ROLES[role])
    if role in TABLE[word]:
        assert allowed(verdict)
        assert verdict.rule
    else:
        assert denied(verdict).startswith("not in ")


def judged(word: str, actor: Actor) -> Any:
    """In a situation where the word has something to say."""
    if word in RUNBOOK:
        return asked(word, actor)
    if word in KEEPS:
        return kept(f"{word} prod-dmz because CR-2", actor, environment() if word == "lock" else None)
    return decided(word, actor)


def test_the_rule_names_the_entry_that_matched() -> None:
    assert asked("upgrade", person("mia")).rule == "may_run: U0MIA"
    assert asked("plan", CARL).rule == "anyone"
    assert decided("reject", ANA).rule == "requester"
    grouped = replace(RIGHTS, may_run=("S0OPS", "U0MIA"), groups={"S0OPS": frozenset({"U0MIA"})})
    assert asked("upgrade", person("mia"), grouped).rule == "may_run: S0OPS"


# --- people, not accounts -------------------------------------------------------------------------------------------

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
    around = Around(others=others or [], environment=environment(), target=target)
    return ask(command("rollback"), actor, RIGHTS, request, around)


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
    around = Around(others=[Tale().planned().run], environment=environment())
    verdict = ask(command("upgrade"), person("mia"), RIGHTS, requested(package="9.4"), around)
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
    assert (denied(verdict), verdict.next_move) == ("started", "Type: " + typed("abort prod-dmz-17 because REASON"))


def test_an_abort_ends_the_run_at_once_before_the_start_and_asks_for_it_later() -> None:
    assert allowed(decided("abort", person("mia"), Tale().planned().run)) == ["AbortRequested", "Ended"]
    assert allowed(decided("abort", person("mia"), Tale().started().run)) == ["AbortRequested"]
    assert allowed(decided("abort", person("mia"), Tale().at_gate().run)) == ["Decided"]
    again = Tale().started().then((e.AbortRequested(reason="x"), ANA)).run
    assert denied(decided("abort", person("mia"), again)) == "twice"
