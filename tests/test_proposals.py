"""What is proposed at a gate, as Slack is shown it: a message of its own, until it is decided or falls."""

from typing import Any

import pytest
from test_blocks import RUNS, buttons, proposed, shown, values
from worlds import BEN, Tale

from bot import events as e

SKIP = "gate-3-1-proposal-ababab"
REPAIR = "gate-3-1-proposal-cdcdcd"


def test_a_proposal_is_told_in_the_channel_with_buttons_that_carry_its_hash() -> None:
    told = shown(RUNS["proposed"])
    assert told[SKIP].broadcast
    assert buttons(told[SKIP]) == ["approve", "reject"]
    assert values(told[SKIP]) == [f"prod-dmz-17|{'ab' * 32}"] * 2
    assert told[SKIP].body["text"] == (
        "prod-dmz-17: ana proposes to skip; somebody else approves: `/nps approve prod-dmz-17 ababab`. "
        "Their reason: known. Step 3 failed.\n"
        "Choices: Approve, Turn down.\n"
        "ana proposes to skip because known\n"
        "prod-dmz-17, proposal ababab\n"
        "0 of 1 approvals. Somebody other than ana decides."
    )


def test_a_gate_with_a_proposal_keeps_retry_and_abort_and_says_who_proposed_what() -> None:
    message = shown(RUNS["proposed"])["gate-3-1"]
    assert buttons(message) == ["retry", "abort"]
    assert "ana proposes to skip" in message.body["text"]
    assert "*ana proposes to skip* because known" in str(message.body["blocks"])


def test_a_repair_is_proposed_with_what_it_would_change() -> None:
    message = shown(RUNS["turned down"])[REPAIR]
    assert "Repair would set it." in message.body["text"]
    assert "Repair would set it." in str(message.body["blocks"])


def test_a_proposal_turned_down_says_by_whom_and_why_and_the_next_has_a_message_of_its_own() -> None:
    told = shown(RUNS["turned down"])
    assert buttons(told[SKIP]) == []
    assert told[SKIP].body["text"].endswith("ana proposed to skip because known. ben turned it down: look first.")
    assert not told[SKIP].broadcast, "one that is decided before its post leaves is told in the thread only"
    assert buttons(told[REPAIR]) == ["approve", "reject"]


def test_the_same_proposed_again_waits_again() -> None:
    lost = e.TurnedDown(step=3, attempt=1, hash="ab" * 32, reason="look first")
    message = shown(Tale().at_gate().then(proposed(), (lost, BEN), proposed()).run)[SKIP]
    assert buttons(message) == ["approve", "reject"]
    assert message.broadcast


APPROVAL = (e.ProposalApproved(step=3, attempt=1, hash="ab" * 32), BEN)
FATES: dict[str, tuple[list[Any], str]] = {
    "approved": ([APPROVAL, (e.Decided(step=3, attempt=1, word="skip", reason="known"), BEN)], "Approved by ben."),
    "overtaken": ([(e.Decided(step=3, attempt=1, word="retry", reason=""), BEN)], "ben decided retry."),
    "aborted": ([(e.Decided(step=3, attempt=1, word="abort", reason="late"), BEN)], "ben decided abort: late."),
    "ended": ([e.Ended(outcome="failed", sentence="Over.")], "The run ended before it was decided."),
}  # fmt: skip


@pytest.mark.parametrize("fate", FATES)
def test_a_proposal_that_waits_no_longer_says_what_became_of_it(fate: str) -> None:
    events, said = FATES[fate]
    message = shown(Tale().at_gate().then(proposed(), *events).run)[SKIP]
    assert buttons(message) == []
    assert message.body["text"] == f"prod-dmz-17: ana proposed to skip because known. {said}"
    assert said in str(message.body["blocks"])
    assert not message.broadcast
