"""A pause holds a run up between two steps, never within one, until somebody resumes it."""

from typing import Any

import pytest
from judged import allowed, decided, denied, person
from worlds import ANA, BEN, Tale, begun, ended, gate

from bot import events as e
from bot.do import _waits
from bot.slack.blocks import messages
from bot.telling import full, state, what_next
from bot.texts import plain
from bot.view import AskPeople, Finish, Move, Rest, Run, Settle, Work, next_move

PAUSED, RESUMED = (e.Paused(), ANA), (e.Resumed(), BEN)
GOING = Tale().started()
STEPS = len(GOING.run.steps)
AGAIN = ended(1, outcome="failed", again=True)
ABORT = e.AbortRequested(reason="x"), BEN
RETRY = e.Decided(step=3, attempt=1, word="retry", reason=""), BEN
LAST = [x for i in range(1, STEPS) for x in (begun(i), ended(i))] + [begun(STEPS)]

MOVES: list[tuple[str, Run, Move]] = [
    ("a paused run rests before its first step", GOING.then(PAUSED).run, Rest()),
    ("a step that runs goes on", GOING.then(begun(1), PAUSED).run, Work(1, 1, False)),
    ("and the next one does not begin", GOING.then(begun(1), PAUSED, ended(1)).run, Rest()),
    ("nor does a rule's next attempt", GOING.then(begun(1), PAUSED, AGAIN).run, Rest()),
    ("a step that fails asks all the same", GOING.then(begun(1), PAUSED, ended(1, outcome="failed")).run,
     AskPeople(1, 1)),
    ("a decision does not lift the pause", Tale().at_gate().then(PAUSED, RETRY).run, Rest()),
    ("after the last step there is nothing to hold up", GOING.then(*LAST, PAUSED, ended(STEPS)).run, Finish("done")),
    ("a resumed run goes on", GOING.then(begun(1), PAUSED, ended(1), RESUMED).run, Work(2, 1, False)),
    ("an abort ends the pause", GOING.then(PAUSED, ABORT).run, Settle(1)),
]  # fmt: skip


@pytest.mark.parametrize(("told", "run", "move"), MOVES, ids=[told for told, _, _ in MOVES])
def test_a_pause_holds_up_what_has_not_begun(told: str, run: Run, move: Move) -> None:
    assert next_move(run) == move, told


def test_resume_sets_a_stretch_going_only_where_none_lives() -> None:
    """Whoever paused and resumed within one step has changed nothing: its stretch goes on by itself."""
    working = GOING.then(begun(1))
    assert working.then(PAUSED, RESUMED).run.trigger == working.run.trigger
    resting = working.then(ended(1), PAUSED)
    assert resting.run.trigger == working.run.trigger
    assert resting.then(RESUMED).run.trigger == 2 + len(resting.events)


REFUSED = [
    ("pause", Tale().planned().run, "not started"), ("pause", GOING.then(PAUSED).run, "twice"),
    ("pause", GOING.then(begun(1), ABORT).run, "aborting"),
    ("resume", GOING.then(PAUSED, begun(1), ABORT).run, "aborting"), ("resume", GOING.run, "not paused"),
    ("resume", GOING.then(PAUSED, RESUMED).run, "not paused"),
    ("pause", GOING.then(e.Ended(outcome="done", sentence=".")).run, "ended"),
]  # fmt: skip


@pytest.mark.parametrize(("word", "run", "rule"), REFUSED)
def test_what_can_not_be_paused_or_resumed_is_refused(word: str, run: Run, rule: str) -> None:
    assert denied(decided(word, person("mia"), run)) == rule


@pytest.mark.parametrize("abort", [ABORT, (e.Decided(step=1, attempt=1, word="abort", reason="x"), BEN)])
def test_an_abort_ends_the_pause_and_is_told_as_its_end(abort: Any) -> None:
    failed = [gate(1)] if isinstance(abort[0], e.Decided) else []
    run = GOING.then(begun(1), PAUSED, ended(1, outcome="failed"), *failed, abort).run
    assert run.abort
    assert run.paused is None
    assert what_next(run) == ""
    assert "resume" not in str(messages(run, {})[0].body)
    assert "Paused by ana before step 2, aborted by ben <!date^" in full(run, None)


def test_a_run_is_paused_again_after_it_went_on() -> None:
    run = GOING.then(PAUSED, RESUMED).run
    assert allowed(decided("pause", person("mia"), run)) == ["Paused"]
    assert allowed(decided("pause", person("mia"), Tale().at_gate().run)) == ["Paused"]


def buttons(run: Run) -> list[str]:
    card = messages(run, {})[0]
    return [each["value"] for each in card.body["blocks"][-1].get("elements", []) if each["type"] == "button"]


def labels(run: Run) -> list[Any]:
    card = messages(run, {})[0]
    return [each["text"]["text"] for each in card.body["blocks"][-1]["elements"] if each["type"] == "button"]


def test_the_card_tells_of_the_pause_and_has_the_one_button_that_is_valid() -> None:
    assert labels(GOING.run) == ["Pause", "Abort"]
    run = GOING.then(begun(1), ended(1), PAUSED).run
    assert labels(run) == ["Resume", "Abort"]
    assert buttons(run) == ["prod-dmz-17", "prod-dmz-17"]
    card = messages(run, {})[0]
    assert f"Paused before step 2 of {STEPS}" in card.body["text"]
    assert "Paused by ana. To go on: `/nps resume prod-dmz-17`" in card.body["text"]
    assert state(GOING.then(begun(1), PAUSED).run) == f"paused after step 1 of {STEPS}"


def test_the_thread_and_show_tell_who_paused_and_who_went_on() -> None:
    run = GOING.then(begun(1), ended(1), PAUSED, RESUMED, begun(2), PAUSED).run
    told = {m.name: m for m in messages(run, {}) if m.name.startswith("pause")}
    assert [plain(m.body["text"]) for m in told.values()] == [
        "Paused by ana before step 2, resumed by ben, 2026-01-31 12:08 UTC",
        "Paused by ana before step 3, 2026-01-31 12:10 UTC",
    ]
    assert not any(m.broadcast for m in told.values())
    assert "Paused by ana before step 2, resumed by ben <!date^" in full(run, None)
    assert plain(what_next(run)) == "Paused by ana. To go on: resume prod-dmz-17"


def test_whoever_follows_without_a_terminal_learns_that_a_paused_run_waits_for_people() -> None:
    assert _waits(GOING.then(PAUSED).run)
    assert not _waits(GOING.then(begun(1), PAUSED).run)
    assert not _waits(GOING.then(PAUSED, RESUMED).run)


def test_a_question_of_a_paused_run_comes_first() -> None:
    run = GOING.then(begun(1), PAUSED, ended(1, outcome="failed"), gate(1)).run
    assert state(run) == "waits for a decision"
