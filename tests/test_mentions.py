"""Whom Slack rings up: those who may decide, in the post that asks, and in no edit of it."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import frontdesk
import pytest
from judged import PROPOSED
from worlds import ANA, BEN, FE, Tale, facts, plan, planned

from bot import events as e
from bot.messages import Message
from bot.runs.desk import Desk
from bot.settings import load
from bot.slack.blocks import messages
from bot.texts import plain
from bot.view import MakePlan

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


# --- approvals --------------------------------------------------------------------------------------------------------

LEADS, RUNG_LEADS = ("S0LEADS",), "<!subteam^S0LEADS>"


def waiting(approvals: int = 1) -> Tale:
    tale = Tale(approvals)
    return tale.then(planned(tale.plan, tale.facts, mentions=LEADS))


def void(tale: Tale, n: int = 2) -> e.Voided:
    made, told = tale.plan.model_dump(mode="json"), tale.plan.foretell(tale.facts)
    return e.Voided(n=n, plan=made, foretold=told, hash=f"{n:02}" * 32, changed=("it was a, is b",), mentions=LEADS)


def asks(tale: Tale) -> list[str]:
    """Which messages ask in the channel, and ring."""
    return [name for name, message in shown(tale).items() if rings(message) and message.broadcast]


def test_a_plan_that_waits_rings_up_those_who_may_approve_it() -> None:
    message = shown(waiting())["approval-1"]
    assert message.broadcast
    assert message.body["text"].startswith(f"{RUNG_LEADS} prod-dmz-17 waits for approval: upgrade prod-dmz from 9.2")
    assert f"approve prod-dmz-17 {Tale().hash[:6]}" in message.body["text"]
    assert "Reason: CR-1234" in message.body["text"]
    assert asks(waiting()) == ["approval-1"], "and nothing else does"


ANSWERS: list[tuple[str, list[Any], str]] = [
    ("approved", [(e.Approved(hash=Tale().hash), BEN)], "Approved by ben"),
    ("rejected", [(e.Rejected(reason="no"), BEN), e.Ended(outcome="rejected", sentence="No.")], "ended: rejected."),
    ("expired", [e.Ended(outcome="expired", sentence="Late.")], "It has ended: expired."),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "then", "told"), ANSWERS, ids=[answer for answer, *_ in ANSWERS])
def test_what_is_answered_rings_nobody_and_has_no_buttons(answer: str, then: list[Any], told: str) -> None:
    tale = waiting().then(*then)
    message = shown(tale)["approval-1"]
    assert told in message.body["text"], answer
    assert asks(tale) == []
    assert not rings(message)
    assert "actions" not in str(message.body["blocks"])


def test_one_approval_of_two_rings_nobody_again() -> None:
    message = shown(waiting(2).approved())["approval-1"]
    assert not rings(message)
    assert "1 of 2 approvals." in message.body["text"]


def test_a_void_plan_rings_up_approvers_once_more_and_the_first_question_is_closed() -> None:
    tale = waiting().approved().then(e.Admitted(n=1), void(Tale()))
    assert asks(tale) == ["voided-2"]
    assert "void now" in shown(tale)["approval-1"].body["text"]
    again = tale.then((e.Approved(hash="02" * 32), BEN))
    assert asks(again) == []
    assert not rings(shown(again)["voided-2"])


def test_the_plan_as_it_is_stored_names_those_who_may_approve_it(tmp_path: Path) -> None:
    front = frontdesk.Desk(tmp_path)
    desk = Desk(load(tmp_path / "nps.toml"), front.audit, cast(Any, None), cast(Any, None))
    with closing(front.audit) as audit:
        for text, wanted in (("upgrade prod-dmz", ("S0LEADS", "U0BEN")), ("verify prod-dmz", ())):
            run = front.says(text).run or ""
            made = planned(plan("upgrade", FE, run=run), facts(FE))
            desk._tell(run, run, MakePlan(1), lambda _, made=made: [made])  # type: ignore[misc]
            found = audit.run(run)
            assert found
            assert found.mentions == wanted, text
