"""The front desk: a text or a press is judged, recorded once, and answered; bad input is answered and not recorded."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from frontdesk import ANA, ANNA, BEN, EVE, Desk
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from worlds import begun, ended

from bot import events as e
from bot.audit import Draft, Reader, verify
from bot.commands import USAGES, Command
from bot.intake import Caller


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    assert list(verify(Reader(tmp_path / "var/audit.sqlite").rows())) == []
    made.audit.close()


def test_an_upgrade_is_recorded_with_what_an_auditor_asks(desk: Desk) -> None:
    told = desk.says("upgrade “prod-dmz” because CR-1234")
    assert (told.kind, told.run) == ("recorded", "prod-dmz-1")
    item = desk.last()
    assert item.event == e.Requested(
        runbook="upgrade", environment="prod-dmz", package="9.3", reason="CR-1234",
        text="upgrade prod-dmz because CR-1234", approvals=1, channel="C0OPS",
    )  # fmt: skip
    assert (item.actor.person, item.actor.account, item.actor.rule) == ("ana", "slack:U0ANA", "may_run: ana")


@pytest.mark.parametrize(("text", "approvals"), [("plan prod-dmz", 0), ("verify prod-dmz", 0), ("backup prod-dmz", 0)])
def test_what_changes_little_needs_no_approval(text: str, approvals: int, desk: Desk) -> None:
    assert desk.says(text).kind == "recorded"
    assert desk.last().event.approvals == approvals


def test_a_rollback_names_a_run_with_a_backup_and_needs_others(desk: Desk) -> None:
    unknown = desk.says("rollback prod-dmz prod-dmz-7")
    assert (unknown.kind, "There is no run “prod-dmz-7”" in unknown.text) == ("bad", True)
    run = desk.says("upgrade prod-dmz").run or ""
    desk.plans(run)
    refused = desk.says(f"rollback prod-dmz {run}")
    assert (refused.kind, "has left no proven backup" in refused.text) == ("refused", True)
    done = [begun(1), ended(1)]
    desk.audit.append(f"{run}:told", lambda _: [Draft(event=event, run=run) for event in done])
    assert desk.says(f"rollback prod-dmz {run} because CR-9").kind == "recorded"
    event = desk.last().event
    assert (event.runbook, event.target, event.package, event.approvals) == ("rollback", run, None, 1)
    assert event.text == f"rollback prod-dmz {run} because CR-9"


def test_the_same_delivery_twice_is_one_act_and_gets_the_same_answer(desk: Desk) -> None:
    first = desk.says("upgrade prod-dmz", key="slack:once")
    again = desk.says("upgrade prod-dmz", key="slack:once")
    assert again == first
    assert desk.kinds() == ["Requested"]
    refused = desk.says("upgrade prod-dmz", EVE, key="slack:eve")
    assert desk.says("upgrade prod-dmz", EVE, key="slack:eve") == refused
    assert desk.kinds() == ["Requested", "Refused"]


def test_a_refusal_is_recorded_with_the_rule(desk: Desk) -> None:
    told = desk.says("backup prod-dmz", EVE)
    assert (told.kind, told.run) == ("refused", None)
    item = desk.last()
    assert isinstance(item.event, e.Refused)
    assert (item.actor.person, item.actor.rule) == ("slack:U0EVE", "not in may_run")
    assert item.event.text == "backup prod-dmz"


def test_the_requesters_own_approval_is_refused_from_both_sides_with_an_event(desk: Desk) -> None:
    desk.audit.set_groups({"S0LEADS": ["U0ANA", "U0CHRIS"]})
    run = desk.says("upgrade prod-dmz").run or ""
    name = desk.plans(run)
    for caller in (ANA, ANNA):
        told = desk.says(f"approve {run} {name[:6]}", caller)
        assert told.kind == "refused"
        assert "somebody else" in told.text
        assert desk.last().actor.rule == "own request"
        assert desk.last().run == run
    assert desk.says(f"approve {run} {name[:6]}", BEN).kind == "recorded"
    assert desk.kinds() == ["Requested", "Planned", "Refused", "Refused", "Approved"]


def test_members_of_a_group_that_is_not_fresh_count_no_more(desk: Desk) -> None:
    run = desk.says("upgrade prod-dmz").run or ""
    name = desk.plans(run)
    desk.clock += timedelta(hours=25)
    chris = replace(BEN, account="slack:U0CHRIS", shown="chris")
    assert desk.says(f"approve {run} {name[:6]}", chris).kind == "refused"
    assert desk.says(f"approve {run} {name[:6]}", BEN).kind == "recorded", "named by id"


def test_an_unmapped_user_of_the_machine_may_read_and_no_more(desk: Desk) -> None:
    carl = Caller(account="os:carl", shown="carl", key="")
    assert desk.says("status", carl).kind == "told"
    assert desk.says("plan prod-dmz", carl).kind == "recorded"
    assert desk.says("upgrade prod-dmz", carl).kind == "refused"


def test_a_claimed_actor_is_recorded_as_claimed_and_never_approves(desk: Desk) -> None:
    run = desk.says("upgrade prod-dmz").run or ""
    name = desk.plans(run)
    benno = Caller(account="os:benno", shown="benno", key="", claimed=True)
    assert desk.says(f"approve {run} {name[:6]}", benno).kind == "refused"
    assert (desk.last().actor.person, desk.last().actor.claimed) == ("ben", True)


def test_reading_is_not_recorded(desk: Desk) -> None:
    desk.says("upgrade prod-dmz because <!here> & more")
    before = desk.audit.last_seq()
    for text in ("help", "help upgrade", "status", "status prod-dmz", "history", "history test", "show prod-dmz-1"):
        told = desk.says(text)
        assert told.kind == "told", text
        assert told.text
        assert "<!here>" not in told.text
    assert desk.audit.last_seq() == before


def test_an_environment_is_told_about_in_its_channel_and_to_those_with_a_role(desk: Desk) -> None:
    desk.says("verify test", replace(EVE, channel="C0TEST"))
    machine = Caller(account="os:x", shown="x", key="")
    for caller, sees in ((replace(EVE, channel="C0TEST"), True), (EVE, False), (ANA, True), (machine, True)):
        assert ("*test*" in desk.says("status", caller).text) == sees
        assert (desk.says("show test-1", caller).kind == "told") == sees
    told = desk.says("verify test", EVE)
    assert told.kind == "refused"
    assert desk.last().actor.rule == "another channel"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("upgrade prod-dnz", "There is no environment “prod-dnz”. Did you mean “prod-dmz”?"),
        ("upgrade prod-dmz 9.4", "There is no package “9.4”. Did you mean “9.3”?"),
        ("upgrade prod-dmz zzz", "There is no package “zzz”. There are: 9.3, client."),
        ("retry prod-dmz-99", "There is no run “prod-dmz-99”. None is open; history lists the last ones."),
        ("show prod-dmz-99", "There is no run “prod-dmz-99”. history lists them."),
        ("status prod", "There is no environment “prod”. Did you mean “prod-dmz”?"),
    ],
)
def test_what_names_nothing_known_is_told_the_nearest_word_and_not_recorded(text: str, said: str, desk: Desk) -> None:
    told = desk.says(text)
    assert (told.kind, told.text) == ("bad", said)
    assert desk.kinds() == []


def test_a_press_on_what_is_gone_is_answered_and_recorded(desk: Desk) -> None:
    for value in ("", "prod-dmz-99", "<!here>", "x" * 5000, "'; drop table events", "\ud800"):
        told = desk.presses(Command(word="retry", run=value, gate="prod-dmz-99:1:1"))
        assert told.kind == "refused"
        assert len(told.text) < 300
        assert "<!here>" not in told.text
        assert (desk.last().run, desk.last().actor.rule, len(desk.last().event.text) <= 500) == (None, "gone", True)


def test_a_shown_name_of_any_kind_stays_one_short_line(desk: Desk) -> None:
    caller = replace(EVE, shown="eve\n\u202e<!here>" + "x" * 500)
    desk.says("upgrade prod-dmz", caller)
    shown = desk.last().actor.shown
    assert len(shown) <= 80
    assert "\n" not in shown
    assert "\u202e" not in shown


HOSTILE = [
    "", "$(reboot)", "`id`", "; rm -rf /", "<!here>", "<@U0BEN>", "\u202e", "\x00", "\ud800", "🔥", "'" * 50, "“", "\n",
    "%n", "{0}", "prod-dmz", "prod-dmz-1", "9.3", "because", " because x", "because <!channel> &amp;", "3f9a1c", "--",
    "a" * 5000,
]  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    word=st.sampled_from(sorted(USAGES)),
    rest=st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=30)), max_size=5),
)
@example(word="upgrade", rest=["prod-dmz", "because", "\ud800\x00x"])
@example(word="reject", rest=["prod-dmz-1", "because", "<!here>"])
def test_any_argument_of_any_command_is_answered_in_text(desk: Desk, word: str, rest: list[str]) -> None:
    before = desk.audit.last_seq()
    told = desk.says(" ".join([word, *rest]))
    assert told.text
    assert "Traceback" not in told.text
    if told.kind == "bad":
        assert len(told.text) < 300
        assert "\n" not in told.text
        assert desk.audit.last_seq() == before, "nothing is recorded"


@pytest.mark.parametrize("text", ["<!here>", "plan <!here>", "show &lt;!here&gt;", "approve prod-dmz-1 <!here>"])
def test_an_answer_to_bad_input_mentions_nobody(text: str, desk: Desk) -> None:
    assert "<!here>" not in desk.says(text).text


def test_the_answer_names_the_other_channel_as_a_link(desk: Desk) -> None:
    assert "<#C0TEST>" in desk.says("verify test", EVE).text


def test_runs_of_environments_that_one_may_not_see_are_not_offered(desk: Desk) -> None:
    desk.says("verify test", replace(EVE, channel="C0TEST"))
    assert "test-1" not in desk.says("retry test-2", EVE).text
