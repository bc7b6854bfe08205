"""A question that stands is put again: once to those who may decide, once to the admins, never to others."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cases import FOLDER, load
from judged import PROPOSED
from worlds import ANA, NOW, Tale

from bot import events as e
from bot import settings
from bot.audit import Audit, Draft
from bot.policy import whom
from bot.runs.reminding import Reminders
from bot.settings import Settings
from bot.slack.blocks import messages
from bot.view import Run

GOOD = (FOLDER / "nps.toml").read_text(encoding="utf-8")


def read(folder: Path, text: str = GOOD) -> Settings:
    (folder / "nps.toml").write_text(text, encoding="utf-8")
    return settings.load(folder / "nps.toml")


class Night:
    """A run at its gate in a log of its own, and a clock that is set."""

    def __init__(self, folder: Path, text: str = GOOD) -> None:
        self.minute = 0.0
        self.audit = Audit(folder / "audit.sqlite", now=lambda: NOW + timedelta(minutes=self.minute))
        for item in Tale().at_gate().events:
            event, actor = item if isinstance(item, tuple) else (item, ANA)
            self.add(event, actor=actor)
        self.reminders = Reminders(read(folder, text), self.audit)

    def add(self, event: e.Event, **more: Any) -> None:
        self.audit.append(None, lambda _: [Draft(event=event, run="prod-dmz-17", **more)])

    @property
    def run(self) -> Run:
        run = self.audit.run("prod-dmz-17")
        assert run
        return run

    def look(self, minute: float) -> None:
        self.minute = minute
        self.reminders.look(self.run)

    @property
    def told(self) -> list[e.Reminded]:
        return [item.event for item in self.audit.since(0) if isinstance(item.event, e.Reminded)]


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(tmp_path)


@pytest.mark.parametrize("case", load("reminders.toml", "looks"), ids=lambda case: str(case["at"]))
def test_a_reminder_and_an_escalation_are_told_once_when_due(case: dict[str, Any], night: Night) -> None:
    for minute in case["at"]:
        night.look(minute)
    assert ["escalate" if told.escalated else "remind" for told in night.told] == case["told"]


def test_a_look_at_an_older_fold_tells_nothing_twice(night: Night) -> None:
    old = night.run
    night.look(31)
    night.reminders.look(old)
    assert len(night.told) == 1


def test_a_question_decided_meanwhile_is_not_put_again(night: Night) -> None:
    old = night.run
    night.minute = 40
    night.add(e.Decided(step=3, attempt=1, word="retry", reason=""))
    night.reminders.look(old)
    night.reminders.look(night.run)
    assert night.told == []


def test_the_next_question_is_put_again_by_its_own_time(night: Night) -> None:
    night.look(31)
    night.add(e.Decided(step=3, attempt=1, word="retry", reason=""))
    night.add(e.GateOpened(step=3, attempt=2, sentence="Again.", next_move="", words=("retry",)))
    night.look(60)
    assert len(night.told) == 1
    night.look(61)
    assert [told.attempt for told in night.told] == [1, 2]


def test_a_proposal_is_a_question_of_its_own_to_those_who_may_approve_it(night: Night) -> None:
    night.look(31)
    night.add(e.Proposed(**PROPOSED, mentions=("S0LEADS",)), actor=ANA)
    night.look(60)
    assert len(night.told) == 1
    night.look(61)
    night.look(62)
    assert [(told.proposal, told.mentions) for told in night.told] == [
        ("", ("S0OPS", "U0ANA")), (PROPOSED["hash"], ("S0LEADS",))
    ]  # fmt: skip
    night.look(31 + 120)
    assert (night.told[-1].escalated, night.told[-1].mentions) == (True, ("U0ANA",))
    names = [message.name for message in messages(night.run, {}) if "remind" in message.name or "escal" in message.name]
    assert names == ["gate-3-1-reminded", "gate-3-1-reminded-ababab", "gate-3-1-escalated-ababab"]


def test_first_those_who_may_decide_are_mentioned_and_then_the_admins(night: Night) -> None:
    night.look(30)
    night.look(120)
    assert [told.mentions for told in night.told] == [("S0OPS", "U0ANA"), ("U0ANA",)]
    assert [told.after for told in night.told] == [timedelta(minutes=30), timedelta(hours=2)]


@pytest.mark.parametrize(
    ("environment", "due"),
    [('remind_after = "5m"\n', {"remind": 5, "escalate": 120}), ('escalate_after = "40s"\n', {"escalate": 1})],
)
def test_an_environment_may_have_its_own_times(environment: str, due: dict[str, int], tmp_path: Path) -> None:
    night = Night(tmp_path, GOOD.replace("approvals = 1 ", f"{environment}approvals = 1 "))
    for minute in range(125):
        night.look(minute)
    made = {
        "escalate" if item.event.escalated else "remind": round((item.at - NOW).total_seconds() / 60)
        for item in night.audit.since(0)
        if isinstance(item.event, e.Reminded)
    }
    assert made == due


def test_people_are_mentioned_by_their_slack_id_and_only_where_they_have_one(tmp_path: Path) -> None:
    read_settings = read(
        tmp_path, GOOD.replace('may_run = ["S0OPS", "ana"]', 'may_run = ["S0OPS", "ana", "U0X", "U0X"]')
    )
    assert whom(read_settings, "prod-dmz", "may_run") == ("S0OPS", "U0ANA", "U0X")
    assert whom(read_settings, "gone", "may_run") == read_settings.slack.admins
