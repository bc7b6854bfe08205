"""How long an installer is waited for, told by clocks alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from worlds import PACKAGE

from bot.lab.windows.presets import backend
from bot.runs import patience
from bot.windows.facts import Mark, Watched

START = datetime(2026, 1, 31, 22, 0, tzinfo=UTC)


def clock(minutes: float = 0) -> str:
    return (START + timedelta(minutes=minutes)).isoformat()


def mark(**more: Any) -> Mark:
    given = {"name": "m", "store": "s", "run": "r", "step": 4, "attempt": 1, "state": "started", "started": clock()}
    return Mark.model_validate(given | more)


def look(minutes: float, *, offset: int = 0, cpu: float = 0.0, children: int = 1) -> Watched:
    return Watched(mark=mark(), log=b"", offset=offset, clock=clock(minutes), children=children, cpu=cpu)


def asked(*looks: Watched, known: dict[str, Any] | None = None) -> str:
    """What people are asked after the last of these looks; none of them before that."""
    known = known or patience.first(mark(), clock(), True)
    told = None
    for seen in looks:
        assert told is None
        known = patience.after(known, seen)
        told = patience.overdue("be01", PACKAGE, known, seen.clock)
    return told["sentence"] if told else ""


def busy(until: int) -> list[Watched]:
    return [look(minutes, offset=minutes) for minutes in range(10, until, 10)]


def test_an_installer_that_goes_on_has_its_deadline_and_no_more() -> None:
    assert asked(*busy(120), look(119.9, offset=1)) == ""
    assert asked(*busy(120), look(120, offset=1)) == "The installer has been running on be01 for 2 h."


def test_an_installer_that_stands_still_is_asked_about_before_its_deadline() -> None:
    told = "The installer on be01 has written nothing and used no CPU for 30 min; a wizard may wait."
    assert asked(look(1, offset=5), look(30.9, offset=5)) == ""
    assert asked(look(1, offset=5), look(31, offset=5)) == told


@pytest.mark.parametrize(
    ("second", "moves"),
    [
        (look(25, offset=9), True),
        (look(25, cpu=1.5), True),
        (look(25, children=2), True),
        (look(25, cpu=0.4), False),
        (look(25), False),
    ],
    ids=["log", "cpu", "children", "hardly any cpu", "nothing"],
)
def test_log_cpu_and_processes_are_movement(second: Watched, moves: bool) -> None:
    last = look(31, offset=second.offset, cpu=second.cpu, children=second.children)
    assert (asked(look(0.1), second, last) == "") == moves


def test_a_little_cpu_adds_up() -> None:
    looks = [look(minutes, cpu=minutes * 0.1) for minutes in range(5, 100, 5)]
    assert asked(look(0.1), *looks) == ""


def test_limits_are_the_packages_own() -> None:
    package = PACKAGE.model_copy(update={"deadline": timedelta(minutes=5), "inactivity": timedelta(minutes=3)})
    known = patience.after(patience.first(mark(), clock(), True), look(4, offset=1))
    assert patience.overdue("be01", package, known, clock(4)) is None
    told = patience.overdue("be01", package, known, clock(5))
    assert told
    assert told["sentence"].endswith("running on be01 for 5 min.")


def test_one_that_is_watched_on_after_a_retry_has_the_same_time_again() -> None:
    known = patience.first(mark(), clock(121), False)
    assert known["mark_attempt"] == 1
    looks = [look(minutes, offset=minutes) for minutes in range(125, 240, 20)]
    assert asked(*looks, look(240.9, offset=240), known=known) == ""
    assert asked(*looks, look(241, offset=240), known=known).endswith("for 2 h.")


def test_a_look_that_succeeds_forgets_that_the_server_was_away() -> None:
    known = patience.first(mark(), clock(), True) | {"away": clock()}
    assert "away" not in patience.after(known, look(1))


def test_a_restart_is_waited_for_until_the_server_is_up_anew_or_ten_minutes() -> None:
    ended = mark(state="finished", code=1641, finished=clock(5))
    old, new = (backend().model_copy(update={"booted": clock(at)}) for at in (-60, 7))
    soon, late = ({"clock": clock(at)} for at in (8, 16))
    assert patience.waits_for_restart(ended, old.model_copy(update=soon))
    assert not patience.waits_for_restart(ended, old.model_copy(update=late))
    assert patience.restarts(ended, old.model_copy(update=late))
    assert not patience.waits_for_restart(ended, new.model_copy(update=soon))
    assert not patience.restarts(mark(state="finished", code=3010, finished=clock(5)), old)


def test_pauses_grow_and_end() -> None:
    pauses = [patience.pause(tries) for tries in range(len(patience.PAUSES) + 1)]
    assert pauses[-1] is None
    assert pauses[:-1] == sorted(patience.PAUSES)
