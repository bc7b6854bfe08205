"""Whom Slack rings up: those who may decide, in the post that asks, and in no edit of it."""

from datetime import timedelta
from typing import Any

import pytest
from judged import PROPOSED
from worlds import ANA, BEN, Tale

from bot import events as e
from bot.messages import Message
from bot.slack.blocks import messages
from bot.texts import plain

WHO = ("S0OPS", "U0ANA")
RUNG = "<!subteam^S0OPS> <@U0ANA>"
ASKED = Tale().at_gate(mentions=WHO)
PROPOSAL: tuple[e.Event, Any] = e.Proposed(**PROPOSED, mentions=("S0LEADS",)), ANA
DECIDED: tuple[e.Event, Any] = e.Decided(step=3, attempt=1, word="retry", reason="seen"), BEN
LOST: tuple[e.Event, Any] = e.TurnedDown(step=3, attempt=1, hash="ab" * 32, reason="no"), BEN
ROLLED_ON = [
    DECIDED, (e.AbortRequested(reason="x"), BEN), e.HostsSettled(n=1, settled=False, sentence="Unknown.", mentions=WHO)
]  # fmt: skip


def reminded(escalated: bool) -> e.Reminded:
    after = timedelta(hours=2) if escalated else timedelta(minutes=30)
    return e.Reminded(step=3, attempt=1, escalated=escalated, after=after, mentions=("U0ADM",) if escalated else WHO)


def shown(tale: Tale) -> dict[str, Message]:
    return {message.name: message for message in messages(tale.run, {})}


def rings(message: Message) -> bool:
    return any(sign in str(message.body) for sign in ("<@", "<!subteam", "<!here", "<!channel"))


def test_a_gate_rings_up_those_who_may_decide_in_text_and_blocks() -> None:
    gate = shown(ASKED)["gate-3-1"]
    assert gate.body["text"].startswith(f"{RUNG} prod-dmz-17 waits for a decision.")
    assert gate.body["blocks"][0]["text"]["text"] == RUNG
    assert plain(gate.body["text"]).startswith("S0OPS U0ANA prod-dmz-17 waits")


def test_nobody_is_rung_up_by_anything_else_in_the_thread() -> None:
    told = shown(ASKED)
    assert [name for name, message in told.items() if rings(message)] == ["gate-3-1"]


@pytest.mark.parametrize("then", [[PROPOSAL], [PROPOSAL, LOST], [reminded(False)], [DECIDED]])
def test_an_edited_gate_rings_nobody_up(then: list[Any]) -> None:
    assert not rings(shown(ASKED.then(*then))["gate-3-1"])


@pytest.mark.parametrize("trouble", [e.StretchDied(trigger=2, sentence="Died.", mentions=WHO), *ROLLED_ON[2:]])
def test_questions_that_no_step_asks_ring_too(trouble: Any) -> None:
    [gate] = [m for m in messages(Tale().started().then(trouble).run, {}) if m.name.startswith("gate")]
    assert gate.body["text"].startswith(RUNG)


def test_a_proposal_rings_up_those_who_may_approve_it_until_one_has() -> None:
    assert shown(ASKED.then(PROPOSAL))["gate-3-1-proposal-ababab"].body["text"].startswith("<!subteam^S0LEADS> ")
    one = e.ProposalApproved(step=3, attempt=1, hash="ab" * 32), BEN
    assert not rings(shown(ASKED.then(PROPOSAL, one))["gate-3-1-proposal-ababab"])


def test_a_reminder_and_an_escalation_are_replies_of_their_own() -> None:
    told = shown(ASKED.then(reminded(False), reminded(True)))
    first, second = told["gate-3-1-reminded"], told["gate-3-1-escalated"]
    assert first.body["text"].startswith(f"{RUNG} prod-dmz-17 has been waiting for a decision for 30 min")
    assert second.body["text"].startswith("<@U0ADM> prod-dmz-17 has been waiting for a decision for 2 h")
    assert "The admins are asked now." in second.body["text"]
    assert "Step 3 failed." in first.body["text"]
    assert "Choices: Retry, Repair, Skip, Abort." in first.body["text"]
    assert [first.broadcast, second.broadcast] == [False, False]


def test_a_reminder_of_what_is_decided_says_so_and_rings_nobody_up() -> None:
    told = shown(ASKED.then(reminded(False), DECIDED))["gate-3-1-reminded"]
    assert "ben decided retry" in told.body["text"]
    assert not rings(told)


def test_many_people_are_no_wall_of_names() -> None:
    crowd = tuple(f"U0{n:04}" for n in range(500))
    text = shown(Tale().at_gate(mentions=crowd, sentence="x" * 5000))["gate-3-1"].body["text"]
    assert text.count("<@") == 25
    assert len(text) <= 3900
