"""After a time without the bot each open run says so, asks anew, and gives people an hour for what they missed."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cases import load
from judged import PROPOSED, aborting
from worlds import ANA, BEN, FE, NOW, Tale, facts, plan, planned, requested, run_of, started

from bot import events as e
from bot.app import Bot, DataLock, SlackAccess
from bot.audit import Audit, Draft
from bot.errors import EngineFault
from bot.heartbeat import Heartbeat, tell_absence
from bot.messages import Message
from bot.runs.reminding import Reminders
from bot.settings import Settings
from bot.settings import load as load_settings
from bot.slack.blocks import messages
from bot.telling import full
from bot.view import Absence, Run

TEN, TWELVE = (datetime(2026, 1, 31, hour, tzinfo=UTC) for hour in (10, 12))
LATER = NOW + timedelta(days=1)
AWAY = e.WasAway(since=LATER - timedelta(hours=2), until=LATER)


class House:
    """A log with two open runs and one that has ended, and the file whose time is the last sign of life."""

    def __init__(self, folder: Path) -> None:
        self.now = NOW
        self.audit = Audit(folder / "audit.sqlite", now=lambda: self.now)
        self.heartbeat = Heartbeat(folder)
        self.file = folder / "heartbeat"
        for run in ("prod-dmz-1", "prod-dmz-2", "prod-dmz-3"):
            self.audit.append(None, lambda _, run=run: [Draft(event=requested(), run=run, actor=ANA)])
        ended = e.Ended(outcome="expired", sentence="Over.")
        self.audit.append(None, lambda _: [Draft(event=ended, run="prod-dmz-2")])

    def alive(self, at: datetime) -> None:
        self.file.touch()
        os.utime(self.file, (at.timestamp(), at.timestamp()))

    def told(self) -> list[str | None]:
        return [item.run for item in self.audit.since(0) if isinstance(item.event, e.WasAway)]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.mark.parametrize("case", load("away.toml", "absences"), ids=lambda case: str(case["alive"]))
def test_each_open_run_is_told_of_more_than_two_minutes(case: dict[str, Any], house: House) -> None:
    house.alive(NOW - timedelta(seconds=case["alive"]))
    tell_absence(house.audit, house.heartbeat, house.now)
    assert house.told() == (["prod-dmz-1", "prod-dmz-3"] if case["told"] else [])


def test_a_first_start_has_missed_nothing(house: House) -> None:
    tell_absence(house.audit, house.heartbeat, house.now)
    assert house.told() == []


def test_one_absence_is_told_once_although_the_next_start_comes_before_a_sign_of_life(house: House) -> None:
    house.alive(NOW - timedelta(hours=1))
    tell_absence(house.audit, house.heartbeat, house.now)
    house.now += timedelta(minutes=1)
    tell_absence(house.audit, house.heartbeat, house.now)
    assert len(house.told()) == 2


def test_a_start_after_one_that_failed_tells_the_absence_anew(house: House) -> None:
    house.alive(NOW - timedelta(hours=1))
    tell_absence(house.audit, house.heartbeat, house.now)
    house.now += timedelta(minutes=30)
    tell_absence(house.audit, house.heartbeat, house.now)
    assert len(house.told()) == 4
    run = house.audit.run("prod-dmz-1")
    assert run
    assert run.absences == (Absence(since=NOW - timedelta(hours=1), until=house.now),), "it is one absence"


def test_the_hour_more_begins_with_the_start_that_lasts() -> None:
    asked = planned(plan("upgrade", FE), facts(FE), expires=NOW)
    first = e.WasAway(since=TEN, until=NOW + timedelta(minutes=5))
    second = e.WasAway(since=TEN, until=NOW + timedelta(minutes=50))
    assert run_of((requested(), ANA), asked, first, second).expires == NOW + timedelta(minutes=110)
    later = e.WasAway(since=NOW + timedelta(minutes=40), until=NOW + timedelta(minutes=50))
    told = run_of((requested(), ANA), asked, first, later)
    assert told.expires == NOW + timedelta(minutes=65), "people had some of it, and have some left"


class Part:
    """A part of the bot that writes down when it starts; `fault` is why it can't."""

    def __init__(self, starts: list[str], name: str, fault: Exception | None = None) -> None:
        self.starts, self.name, self.fault = starts, name, fault

    def start(self) -> None:
        if self.fault:
            raise self.fault
        self.starts.append(self.name)

    launch = start

    @property
    def loop(self) -> "Part":
        return self


class Told(Part):
    """Writes down how many runs know of the absence by then."""

    def __init__(self, house: House) -> None:
        super().__init__([], "")
        self.house = house

    def start(self) -> None:
        self.starts.append(",".join(run or "" for run in self.house.told()))


def bot_of(house: House, engine: Part, dispatcher: Part) -> Bot:
    bot = Bot.__new__(Bot)
    rest = Part([], "")
    parts = {"_engine": engine, "_dispatcher": dispatcher, "_terminal": rest, "_clock": rest, "_parts": [rest]}
    bot.__dict__.update(parts | {"audit": house.audit, "_heartbeat": house.heartbeat})
    return bot


def test_a_start_without_an_engine_tells_nothing_and_one_that_lasts_tells_before_a_run_moves(
    house: House,
) -> None:
    house.alive(NOW - timedelta(hours=1))
    with pytest.raises(EngineFault):
        bot_of(house, Part([], "", EngineFault("It broke.")), Part([], "")).start()
    assert house.told() == []
    dispatcher = Told(house)
    bot_of(house, Part([], ""), dispatcher).start()
    assert dispatcher.starts == ["prod-dmz-1,prod-dmz-3"]


def test_a_bot_that_can_not_be_put_together_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for token in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"):
        monkeypatch.delenv(token, raising=False)
    (tmp_path / "nps.toml").write_text('[store]\naudit = "audit.sqlite"\nengine = "sqlite:///engine.sqlite"\n')
    (tmp_path / "engine.sqlite").write_text("no database, but long enough to be taken for one" * 9)
    house = House(tmp_path)
    house.alive(NOW - timedelta(days=300))
    settings = load_settings(tmp_path / "nps.toml")
    with pytest.raises(EngineFault):
        Bot(settings, SlackAccess(settings), {}, DataLock.__new__(DataLock))
    assert house.told() == []


def test_a_stop_counts_from_the_last_sign_of_life_and_leaves_none(house: House) -> None:
    house.alive(NOW - timedelta(hours=3))
    house.heartbeat.stop()
    assert not house.file.exists(), "a health check would think that it lives"
    assert house.heartbeat.last() == NOW - timedelta(hours=3)
    house.heartbeat.stop()
    tell_absence(house.audit, house.heartbeat, house.now)
    assert len(house.told()) == 2
    house.heartbeat.touch()
    last = house.heartbeat.last()
    assert last
    assert last > NOW


@pytest.mark.parametrize("case", load("away.toml", "deadlines"), ids=lambda case: str(case["expires"]))
def test_what_people_could_not_do_in_time_has_an_hour_more(case: dict[str, Any]) -> None:
    asked = planned(plan("upgrade", FE), facts(FE), expires=case["expires"])
    away = e.WasAway(since=TEN, until=TWELVE)
    assert run_of((requested(), ANA), asked, away).expires == case["then"]


def test_what_is_approved_needs_no_more_time() -> None:
    tale = Tale().planned().approved()
    assert tale.then(AWAY).run.expires == tale.run.expires


def test_a_question_is_put_again_by_the_time_of_the_return(tmp_path: Path) -> None:
    house = House(tmp_path)
    gone = e.WasAway(since=NOW, until=NOW + timedelta(hours=5))
    for event in (e.GateOpened(step=0, attempt=1, sentence="Why?", next_move="", words=("retry",)), gone):
        house.audit.append(None, lambda _, event=event: [Draft(event=event, run="prod-dmz-3")])
    reminders = Reminders(Settings(), house.audit)

    def reminded(minutes: int) -> int:
        house.now = gone.until + timedelta(minutes=minutes)
        run = house.audit.run("prod-dmz-3")
        assert run
        reminders.look(run)
        return sum(isinstance(item.event, e.Reminded) for item in house.audit.since(0))

    assert reminded(29) == 0
    assert reminded(30) == 1


# --- what is told ---------------------------------------------------------------------------------------------------


def away(run: Run) -> list[Message]:
    return [message for message in messages(run, {}) if message.name.startswith("away")]


def pressable(message: Message) -> list[str]:
    rows = [block["elements"] for block in message.body["blocks"] if block["type"] == "actions"]
    return [element["action_id"].removeprefix("nps:") for row in rows for element in row]


PROPOSAL: tuple[e.Event, Any] = e.Proposed(**PROPOSED), ANA
SHOWN: list[tuple[str, Tale, list[str], bool]] = [
    ("a plan waits", Tale().planned(), ["approve", "reject"], True),
    ("a gate is open", Tale().at_gate(), ["retry", "repair", "skip", "abort"], True),
    ("a proposal waits", Tale().at_gate().then(PROPOSAL), ["retry", "abort", "approve", "reject"], True),
    ("an installer of an aborted run lives", aborting(), ["wait", "end"], True),
    ("a run goes on", Tale().started(), ["pause", "abort"], False),
    ("a run is being planned", Tale(), [], False),
]


@pytest.mark.parametrize(("told", "tale", "buttons", "broadcast"), SHOWN, ids=[told for told, *_ in SHOWN])
def test_the_buttons_are_posted_anew(told: str, tale: Tale, buttons: list[str], broadcast: bool) -> None:
    [message] = away(tale.then(AWAY).run)
    assert pressable(message) == buttons, told
    assert message.broadcast == broadcast
    assert "What was pressed or typed meanwhile was not recorded." in message.body["text"]


def test_who_may_decide_is_mentioned_again() -> None:
    [message] = away(Tale().at_gate(mentions=("U0ANA",)).then(AWAY).run)
    assert "<@U0ANA>" in message.body["text"]
    assert "Step 3 failed." in message.body["text"]


def test_buttons_go_when_they_are_valid_no_more_and_an_older_reply_has_none() -> None:
    tale = Tale().at_gate().then(AWAY)
    decided = tale.then((e.Decided(step=3, attempt=1, word="abort", reason="no"), BEN))
    assert pressable(away(decided.run)[0]) == []
    twice = tale.then(e.WasAway(since=LATER + timedelta(hours=1), until=LATER + timedelta(hours=2)))
    assert [bool(pressable(message)) for message in away(twice.run)] == [False, True]
    over = tale.then(e.Ended(outcome="aborted", sentence="Over."))
    assert pressable(away(over.run)[0]) == []


ANSWERED: list[tuple[str, Tale, e.Event]] = [
    ("a gate", Tale().at_gate(), e.Decided(step=3, attempt=1, word="retry", reason="")),
    ("a plan", Tale().planned(), e.Approved(hash=Tale().hash)),
]


@pytest.mark.parametrize(("told", "tale", "answer"), ANSWERED, ids=[told for told, *_ in ANSWERED])
def test_a_reply_whose_question_is_answered_gains_no_other_buttons(told: str, tale: Tale, answer: e.Event) -> None:
    until = NOW + timedelta(minutes=len(tale.events))
    asked = tale.then(e.WasAway(since=NOW, until=until))
    assert pressable(away(asked.run)[0]) != []
    answered = asked.then((answer, BEN))
    for tale in (answered, answered.then(e.Admitted(n=1), started(facts(FE)))):
        assert pressable(away(tale.run)[0]) == []
    anew = answered.then(e.WasAway(since=LATER, until=LATER + timedelta(hours=1)))
    assert "abort" in pressable(away(anew.run)[1])


def test_a_question_of_later_has_its_own_buttons() -> None:
    early = e.WasAway(since=NOW - timedelta(hours=2), until=NOW - timedelta(hours=1))
    run = Tale().then(early).at_gate().run
    [message] = away(run)
    assert pressable(message) == []
    assert not message.broadcast


def test_show_tells_of_it() -> None:
    assert "nps-bot was away <!date^" in full(Tale().started().then(AWAY).run, None)
