"""The walker's own judgments: what it does again, how long it watches, when it gives a step up."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bot.runs import engine, patience, walker
from bot.runs.desk import FULL_PAUSE
from bot.runs.engine import Data
from bot.runs.walker import Walker

MOVE = {"do": "work", "run": "prod-1", "step": 1, "attempt": 1, "repairing": False}


class Told:
    """Answers in place of the operator, and keeps what it was asked; the engine's recording is left out."""

    def __init__(self, **answers: Callable[[int], Data]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, Data]] = []

    def operate(self, name: str, given: Data) -> Data:
        number = sum(asked == name for asked, _ in self.asked)
        self.asked.append((name, given))
        return self.answers.get(name, lambda _: {})(number)

    def close(self, run: str) -> None:
        self.asked.append(("close", {"run": run}))

    def count(self, name: str) -> int:
        return sum(asked == name for asked, _ in self.asked)

    def __getattr__(self, name: str) -> Any:
        return lambda given: self.operate(name, given)


@pytest.fixture
def walk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Told], None]]:
    def carry(told: Told) -> None:
        monkeypatch.setattr(engine, "operate", told.operate)
        monkeypatch.setattr(engine, "act", told.operate)
        Walker(told, told, told, told).stretch("prod-1", 2)  # type: ignore[arg-type]

    yield carry
    engine.OPERATIONS.body, engine.OPERATIONS.table = None, {}


def moves(times: int) -> Callable[[int], Data]:
    return lambda number: MOVE if number < times else {"do": "rest"}


def begun(number: int) -> Data:
    return {"on": True, "act": True, "acted": True, "installs": False, "delivers": False}


def installing(number: int) -> Data:
    return begun(number) | {"installs": True}


def watching(number: int) -> Data:
    return {"watch": {"mark_attempt": 1, "looks": number}}


def the_end(told: Told) -> Data:
    [given] = [given for name, given in told.asked if name == "end"]
    return dict(given["outcome"])


def test_an_act_that_came_too_late_is_done_again_once(walk: Callable[[Told], None]) -> None:
    told = Told(next=moves(2), begin=begun, do=lambda n: {"late": True} if n == 0 else {"facts": {}})
    walk(told)
    assert the_end(told) == {"facts": {}}
    assert told.count("look") == 2


def test_twice_too_late_is_a_failed_step_and_not_a_loop(walk: Callable[[Told], None]) -> None:
    told = Told(next=moves(2), begin=begun, do=lambda _: {"late": True})
    walk(told)
    assert the_end(told) == {"error": walker.LATE}


def delivering(number: int) -> Data:
    return begun(number) | {"delivers": True}


def test_a_delivery_goes_on_piece_by_piece_and_is_given_what_the_last_piece_left(
    walk: Callable[[Told], None],
) -> None:
    told = Told(
        next=moves(1), begin=delivering,
        deliver=lambda n: {"deliver": {"part": {"size": n + 1}}} if n < 9 else {"facts": {}},
    )  # fmt: skip
    walk(told)
    assert the_end(told) == {"facts": {}}
    asked = [given.get("part") for name, given in told.asked if name == "deliver"]
    assert asked == [None, *({"size": n} for n in range(1, 10))]


def test_a_delivery_that_brings_nothing_asks_people_after_a_while(walk: Callable[[Told], None]) -> None:
    """Only what is stalled in a row counts."""
    away = {"deliver": {}, "stalled": {"sentence": "be01 is away.", "next_move": "Look."}}
    told = Told(
        next=moves(1), begin=delivering, deliver=lambda n: {"deliver": {"part": {"size": 1}}} if n == 20 else away
    )
    walk(told)
    assert the_end(told) == {"error": away["stalled"]}
    assert told.count("deliver") == 21 + walker.MOST_STALLS + 1


def test_a_delivery_of_an_aborted_run_is_left(walk: Callable[[Told], None]) -> None:
    told = Told(next=moves(1), begin=delivering, deliver=lambda _: {"left": True})
    walk(told)
    assert told.count("end") == 0


def test_an_installer_without_end_asks_people(walk: Callable[[Told], None]) -> None:
    """Each look is given what the one before knew; what the last one asks is the end of the attempt, not of the
    installer."""
    late = {"sentence": "The installer has been running on be01 for 2 h.", "next_move": "Look."}
    told = Told(
        next=moves(1), begin=installing, install=watching,
        watch=lambda n: watching(n + 1) if n < 99 else {"error": late},
    )  # fmt: skip
    walk(told)
    assert the_end(told) == {"error": late}
    assert [given["watched"]["looks"] for name, given in told.asked if name == "watch"] == list(range(100))
    assert told.count("install") == 1


def test_after_an_abort_an_installer_is_left_to_the_settling_in_the_end(walk: Callable[[Told], None]) -> None:
    told = Told(next=moves(1), begin=installing, install=watching, watch=lambda _: {"left": True})
    walk(told)
    assert told.count("end") == 0
    assert told.asked[-1][0] == "close"


def waited(told: Told) -> list[float]:
    return [given["left"] for name, given in told.asked if name == "wait"]


def test_where_windows_installer_is_at_work_the_start_is_tried_again_and_again(walk: Callable[[Told], None]) -> None:
    busy = {"sentence": "Windows Installer is at work.", "next_move": "Wait."}
    told = Told(next=moves(9), begin=installing, install=lambda _: {"busy": busy}, wait=lambda _: {"left": 0.0})
    told.answers["next"] = lambda n: MOVE if told.count("end") == 0 else {"do": "rest"}
    walk(told)
    assert waited(told) == list(patience.PAUSES)
    assert told.count("install") == told.count("look") == len(patience.PAUSES) + 1
    assert the_end(told) == {"error": busy}


def test_once_windows_installer_is_free_the_installer_is_watched(walk: Callable[[Told], None]) -> None:
    told = Told(
        begin=installing, install=lambda n: {"busy": {}} if n < 2 else watching(0),
        watch=lambda _: {"facts": {}}, wait=lambda _: {"left": 0.0},
    )  # fmt: skip
    told.answers["next"] = lambda n: MOVE if told.count("end") == 0 else {"do": "rest"}
    walk(told)
    assert the_end(told) == {"facts": {}}
    assert waited(told) == list(patience.PAUSES[:2])


def test_after_another_installation_the_pause_comes_before_the_attempts_end(walk: Callable[[Told], None]) -> None:
    pieces = iter([20.0, 10.0, 0.0])
    told = Told(
        next=moves(1), begin=installing, install=watching, wait=lambda _: {"left": next(pieces)},
        watch=lambda _: {"facts": {}, "pause": 30.0},
    )  # fmt: skip
    walk(told)
    assert waited(told) == [30.0, 20.0, 10.0]
    assert [name for name, _ in told.asked][-3:] == ["end", "next", "close"]


def test_settling_counts_its_looks(walk: Callable[[Told], None]) -> None:
    told = Told(next=lambda n: {"do": "settle", "run": "prod-1", "n": 1} if n < 3 else {"do": "rest"})
    walk(told)
    assert [given["count"] for name, given in told.asked if name == "settle"] == [0, 1, 2]


FULL = {"full": {"sentence": "A WinRM quota of be01 is used up.", "next_move": "Wait."}}


@pytest.mark.parametrize("name", ["look", "do"])
def test_a_server_without_a_shell_to_give_is_asked_again_and_nobody_else(
    name: str, walk: Callable[[Told], None]
) -> None:
    told = Told(**{"next": moves(1), "begin": begun, name: lambda n: FULL if n < 20 else {"facts": {}}})
    walk(told)
    assert told.count(name) == 21
    assert told.count("end") == 1


def test_after_two_minutes_without_a_shell_people_are_asked(walk: Callable[[Told], None]) -> None:
    def without(given: Data) -> Data:
        return FULL if given.get("waits") else {"error": FULL["full"]}

    told = Told(next=moves(1), begin=begun)
    told.answers["do"] = lambda _: without(told.asked[-1][1])
    walk(told)
    assert the_end(told) == {"error": FULL["full"]}
    assert told.count("do") == walker.MOST_FULL_LOOKS + 1
    assert walker.MOST_FULL_LOOKS * FULL_PAUSE > 120, "the idle time of a killed bot's shells"
    assert walker.FULL_LOOKS["plan"] * FULL_PAUSE < 60, "a host that cannot be read within 60 s is named"
