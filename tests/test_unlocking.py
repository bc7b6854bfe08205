"""A run of which nobody can say whether it has stopped: an admin's unlock ends it, and never a lock in its place."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from frontdesk import BEN, Desk
from judged import RIGHTS, allowed, denied, environment, held_events, kept, person
from worlds import ANA as ANNA
from worlds import BEN as BENNO
from worlds import Tale, begun

from bot import events as e
from bot.audit import Draft
from bot.texts import typed
from bot.view import Run

ADMIN = person("adm")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.audit.close()


def held() -> Run:
    """Aborted, and nobody can say whether its installer lives."""
    asked = e.AbortRequested(reason="x")
    lost = e.HostsSettled(n=1, settled=False, sentence="be01 can't be reached.")
    return Tale().started().then(begun(1), (asked, BENNO), lost).run


def test_an_admins_unlock_ends_a_run_whose_hosts_cant_be_asked() -> None:
    assert denied(kept("unlock prod-dmz", ADMIN, environment(), held())) == "no reason"
    assert denied(kept("unlock prod-dmz because it burnt", person("mia"), environment(), held())) == "not in admins"
    verdict = kept("unlock prod-dmz because it burnt", ADMIN, environment(), held())
    assert allowed(verdict) == ["AbortRequested", "Ended"]
    assert verdict.run == "prod-dmz-17"
    assert "it burnt. be01 can't be reached." in verdict.events[1].sentence


RUN_LINE = typed("unlock prod-dmz-17 because REASON")


@pytest.mark.parametrize("text", ["unlock prod-dmz because it burnt", "unlock prod-dmz"])
def test_a_lock_and_a_held_run_are_never_ended_for_one_another(text: str) -> None:
    verdict = kept(text, ADMIN, holder=held())
    assert denied(verdict) == "both"
    assert RUN_LINE in verdict.next_move
    assert "lock prod-dmz take because REASON" in verdict.next_move
    own = kept("unlock prod-dmz because it burnt", ANNA, holder=held(), rights=replace(RIGHTS, admins=("ana",)))
    assert denied(own) == "both"
    assert own.next_move.endswith("To end your lock, type: " + typed("unlock prod-dmz"))


def test_what_names_the_lock_or_the_run_ends_just_that() -> None:
    ends = [
        kept("unlock prod-dmz", ANNA, holder=held()),
        kept("unlock prod-dmz because x", ADMIN, holder=held(), gate="2"),
        kept("unlock prod-dmz because x", ADMIN, holder=Tale().at_gate().run),
        kept("unlock prod-dmz-17 because it burnt", ADMIN, holder=held(), named=held()),
    ]
    assert [allowed(verdict)[-1] for verdict in ends] == ["Unlocked", "Unlocked", "Unlocked", "Ended"]
    late = kept("unlock prod-dmz because x", ADMIN, environment(), held(), gate="2")
    assert denied(late) == "late", "the button was a lock's"


def test_a_run_that_is_named_is_ended_by_an_admin_with_a_reason_and_only_where_it_is_held() -> None:
    named: dict[str, Any] = {"view": environment(), "named": held()}
    assert denied(kept("unlock prod-dmz-17 because x", person("mia"), **named)) == "not in admins"
    asked = kept("unlock prod-dmz-17", ADMIN, **named)
    assert (denied(asked), asked.next_move) == ("no reason", f"An admin may end it: {RUN_LINE}")
    going = kept("unlock prod-dmz-17 because x", ADMIN, named=Tale().at_gate().run)
    assert (denied(going), going.next_move) == ("a run's", "Type: " + typed("abort prod-dmz-17 because REASON"))
    over = Tale().then(e.Ended(outcome="failed", sentence="Over.")).run
    assert denied(kept("unlock prod-dmz-17 because x", ADMIN, named=over)) == "ended"


def test_an_unlock_ends_the_held_run_and_says_so(desk: Desk) -> None:
    run = lost(desk)
    chris = replace(BEN, account="slack:U0ANA")
    told = desk.says("unlock prod-dmz because it burnt", chris)
    assert (told.kind, told.text) == ("recorded", f"*{run}* is ended.")
    assert desk.kinds()[-2:] == ["AbortRequested", "Ended"]


def test_the_runs_name_ends_the_held_run_and_leaves_the_lock(desk: Desk) -> None:
    run = lost(desk)
    desk.says("lock prod-dmz because CR-1", BEN)
    assert f"unlock {run} because REASON" in desk.says("unlock prod-dmz because it burnt").text
    assert desk.says(f"unlock {run} because it burnt").text == f"*{run}* is ended."
    assert desk.audit.environment("prod-dmz").lock
    assert desk.says("unlock prod-dmz-99 because x").kind == "bad"
    assert desk.says(f"lock {run} because x").kind == "bad"


def test_an_environment_that_is_gone_is_named_while_a_run_of_it_is_open(tmp_path: Path) -> None:
    before = Desk(tmp_path)
    run = lost(before, "test")
    before.audit.close()
    desk = Desk(tmp_path, ("[environments.test]", "[environments.other]"))
    desk.count = 10
    assert "Only admins of test" in desk.says("unlock test because it burnt", BEN).text
    assert desk.says("unlock test because it burnt").text == f"*{run}* is ended."
    assert "There is no environment" in desk.says("unlock test because it burnt").text, "nothing of it is open"
    desk.audit.close()


def lost(desk: Desk, environment: str = "prod-dmz") -> str:
    """A run of which nobody can say whether it has stopped."""
    run = desk.says(f"backup {environment}").run or ""
    for event in held_events():
        desk.audit.append(None, lambda _, event=event: [Draft(event=event, run=run)])
    return run
