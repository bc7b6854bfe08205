"""Each press is answered with the reason and an event, whoever pressed, wherever, on whatever is left of a message."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from frontdesk import ANA, ANNA, BEN, EVE, Desk
from judged import PROPOSED
from worlds import ANA as WORLDS_ANA
from worlds import Tale

from bot import events as e
from bot.audit import Draft
from bot.commands import Command
from bot.events import BOT
from bot.intake import Answer

NOBODY_KNOWS = "is not known now"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.audit.close()


@pytest.fixture
def production(tmp_path: Path) -> Iterator[Desk]:
    """prod-dmz is marked production."""
    made = Desk(tmp_path, ("approvals = 1 ", "production = true\napprovals = 1 "))
    yield made
    made.audit.close()


def rule(desk: Desk) -> str:
    item = desk.last()
    assert isinstance(item.event, e.Refused)
    return str(item.actor.rule)


# --- presses ---------------------------------------------------------------------------------------------------------


def test_a_press_that_wants_a_reason_is_judged_before_it_is_asked_for(desk: Desk) -> None:
    run = desk.says("upgrade prod-dmz").run or ""
    pressed = Command(word="reject", run=run, hash=desk.plans(run))
    before = desk.audit.last_seq()
    asks = desk.presses(pressed, BEN)
    assert (asks.kind, asks.run, desk.audit.last_seq()) == ("asks", run, before), "nothing is recorded"
    assert "upgrade prod-dmz" in asks.text, "the modal says what it is about"
    assert "waits for approval" in asks.text

    assert desk.presses(replace(pressed, reason="not tonight"), BEN).kind == "recorded"
    late = desk.presses(pressed, ANA)
    assert late.kind == "refused", "no modal for what is decided"
    assert "ben has rejected" in late.text
    assert rule(desk) == "ended"


def told_so_far(desk: Desk, tale: Tale, run: str = "prod-dmz-17") -> None:
    """As if it had happened here."""
    for item in tale.events:
        event, actor = item if isinstance(item, tuple) else (item, BOT)
        desk.audit.append(None, lambda _, event=event, actor=actor: [Draft(event=event, run=run, actor=actor)])  # type: ignore[misc]


def test_a_modal_says_what_is_turned_down_and_what_is_rejected(desk: Desk) -> None:
    told_so_far(desk, Tale().at_gate().then((e.Proposed(**PROPOSED), WORLDS_ANA)))
    asks = desk.presses(Command(word="reject", run="prod-dmz-17", hash="ab" * 32), BEN)
    assert (asks.kind, asks.proposal) == ("asks", "repair")
    assert "ana proposes to repair" in asks.text
    told_so_far(desk, Tale().planned(), "prod-dmz-18")
    rejects = desk.presses(Command(word="reject", run="prod-dmz-18", hash=Tale().hash), BEN)
    assert (rejects.kind, rejects.proposal) == ("asks", "")


def test_the_late_one_is_told_when_in_each_readers_zone(desk: Desk) -> None:
    run = desk.says("upgrade prod-dmz").run or ""
    desk.says(f"reject {run} because no", BEN)
    told = desk.says(f"abort {run} because no")
    assert f"That was <!date^{int(desk.clock.timestamp())}^" in told.text


def test_the_same_request_again_is_told_since_when_it_is_there(desk: Desk) -> None:
    desk.says("upgrade prod-dmz")
    then = int(desk.clock.timestamp())
    desk.clock += timedelta(minutes=5)
    assert f"<!date^{then}^" in desk.says("upgrade prod-dmz", BEN).text


def test_a_button_of_another_version_is_refused_with_an_event(desk: Desk) -> None:
    run = desk.says("upgrade prod-dmz").run or ""
    for word in ("explode", "approve"):
        told = desk.presses(Command(word=word, run=run))
        assert (told.kind, rule(desk), desk.last().event.text) == ("refused", "gone", f"{word} {run}")


@pytest.mark.parametrize("people", [("ben",) * 6, ("ben", "chris") * 3])
def test_of_many_who_press_in_the_same_moment_one_decides_and_each_other_is_told_who_won(
    people: tuple[str, ...], desk: Desk
) -> None:
    run = desk.says("upgrade prod-dmz").run or ""
    pressed = Command(word="approve", run=run, hash=desk.plans(run))
    ready = threading.Barrier(len(people))

    def press(number: int) -> Answer:
        ready.wait()
        caller = replace(BEN, account=f"slack:U0{people[number].upper()}", shown=people[number], key=f"press-{number}")
        return desk.intake.press(pressed, caller)

    with ThreadPoolExecutor(len(people)) as pool:
        told = list(pool.map(press, range(len(people))))
    assert [answer.kind for answer in told].count("recorded") == desk.kinds().count("Approved") == 1
    [winner] = [people[i] for i, answer in enumerate(told) if answer.kind == "recorded"]
    for number, answer in enumerate(told):
        who = "You have" if people[number] == winner else f"{winner} has"
        assert answer.kind == "recorded" or f"{who} approved {run}. That was" in answer.text
    assert desk.kinds().count("Refused") == len(people) - 1


EVENING = [
    ("ana", "lock prod-dmz because CR-1", "Locked"), ("ben", "lock prod-dmz because CR-2", "Refused"),
    ("ana", "unlock prod-dmz", "Unlocked"), ("ana", "unlock prod-dmz", "Refused"),
    ("ben", "backup prod-dmz", "Requested"), ("ana", "backup prod-dmz", "Refused"),
    ("ana", "abort prod-dmz-1 because not now", "AbortRequested"), ("ben", "abort prod-dmz-1 because x", "Refused"),
    ("ana", "upgrade prod-dmz because CR-3", "Requested"), ("ana", "pause prod-dmz-2", "Refused"),
    ("ben", "review prod-dmz-2 because it is well", "Refused"), ("ben", "reject prod-dmz-2 because no", "Rejected"),
    ("eve", "verify prod-dmz", "Requested"), ("eve", "restart prod-dmz", "Refused"),
]  # fmt: skip


def test_an_evening_of_typed_words_each_delivered_twice_is_once_in_the_audit(desk: Desk) -> None:
    people = {"ana": ANA, "ben": BEN, "eve": EVE}
    for number, (who, text, kind) in enumerate(EVENING):
        before = desk.kinds()
        once, twice = (desk.says(text, people[who], key=f"slack:evening-{number}") for _ in range(2))
        assert once == twice
        assert desk.kinds()[len(before)] == kind
    acted = [item for item in desk.audit.since(1) if item.key]
    assert [type(item.event).__name__ for item in acted] == [kind for _, _, kind in EVENING]


# --- strangers -------------------------------------------------------------------------------------------------------


def test_somebody_of_another_organisation_is_refused_whatever_their_role(desk: Desk) -> None:
    run = desk.says("upgrade prod-dmz").run or ""
    stranger = replace(BEN, stranger=True)
    told = desk.presses(Command(word="approve", run=run, hash=desk.plans(run)), stranger)
    assert (told.kind, rule(desk), desk.last().run) == ("refused", "stranger", run)
    for text in ("upgrade prod-dmz", "status", "help", "no such word", "x" * 6000):
        assert desk.says(text, stranger).kind == "refused"
        assert rule(desk) == "stranger"
    assert desk.kinds().count("Refused") == 6
    assert "Approved" not in desk.kinds()


# --- channels that others read along in ------------------------------------------------------------------------------


def test_production_is_refused_where_another_organisation_reads_along(production: Desk) -> None:
    production.audit.set_channel("C0OPS", True)
    for caller in (ANA, ANNA):
        assert "C0OPS is shared with another organisation" in production.says("verify prod-dmz", caller).text
        assert rule(production) == "shared channel"
    assert production.says("verify test", replace(ANA, channel="C0TEST")).kind == "recorded", "no production"


def test_a_rollback_from_the_terminal_is_a_new_run_and_refused_like_one(production: Desk) -> None:
    production.audit.set_channel("C0OPS", False)
    run = production.says("backup prod-dmz").run
    production.audit.set_channel("C0OPS", True)
    production.says(f"rollback prod-dmz {run} because CR-9", ANNA)
    assert rule(production) == "shared channel"


def test_a_command_typed_in_a_shared_channel_is_refused_too(production: Desk) -> None:
    production.audit.set_channel("C0OPS", False)
    production.audit.set_channel("C0ALL", True)
    assert production.says("verify prod-dmz", replace(ANA, channel="C0ALL")).kind == "refused"
    assert production.says("verify prod-dmz", replace(ANA, channel="D0ANA")).kind == "recorded"


def test_what_is_not_known_or_was_read_too_long_ago_is_refused_in_slack_alone(production: Desk) -> None:
    assert NOBODY_KNOWS in production.says("upgrade prod-dmz").text
    production.audit.set_channel("C0OPS", False)
    assert production.says("upgrade prod-dmz").kind == "recorded"
    production.clock += timedelta(hours=25)
    assert NOBODY_KNOWS in production.says("verify prod-dmz").text
    assert rule(production) == "unknown channel"
    assert production.says("verify prod-dmz", ANNA).kind == "recorded"


def test_a_run_can_always_be_stopped_and_be_decided_in_the_terminal(production: Desk) -> None:
    production.audit.set_channel("C0OPS", False)
    run = production.says("upgrade prod-dmz").run or ""
    name = production.plans(run)[:6]
    production.audit.set_channel("C0OPS", True)
    assert production.says(f"approve {run} {name}", BEN).kind == "refused"
    assert production.last().run == run
    assert production.says(f"approve {run} {name}", replace(BEN, account="os:benno")).kind == "recorded"
    assert production.says(f"abort {run} because of the channel").kind == "recorded"


# --- groups ----------------------------------------------------------------------------------------------------------


def test_a_refusal_says_that_a_groups_members_are_not_known_now(desk: Desk) -> None:
    run = desk.says("upgrade prod-dmz").run or ""
    line, chris = f"approve {run} {desk.plans(run)[:6]}", replace(BEN, account="slack:U0CHRIS", shown="chris")
    assert "not known" not in desk.says(line, replace(BEN, account="slack:U0EVE")).text
    desk.clock += timedelta(hours=25)
    told = desk.says(line, chris)
    assert "The members of S0LEADS are not known now; only people named by id count." in told.text
    assert rule(desk) == "not in approvers"
    assert "not known" not in desk.says("upgrade prod-dmz").text, "that is refused for another reason"
