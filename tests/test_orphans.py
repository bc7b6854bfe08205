"""A run that holds its environment while nothing carries it: its hosts are asked, and only their word frees it."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from desks import RUN, started
from judged import ALL, LOCKED, RIGHTS, allowed, denied, environment, kept, person
from test_engine import ANA
from worlds import ANA as ANNA
from worlds import BEN, NOW, Tale, begun, ended, stored

from bot import events as e
from bot import waiting
from bot.audit import Audit, Draft
from bot.commands import parse
from bot.lab.windows import PretendWindows, single
from bot.lab.windows.presets import PACKAGE_PATH, PACKAGE_SHA256
from bot.policy import decide
from bot.runs.dispatcher import Dispatcher
from bot.runs.logs import Logs
from bot.runs.settling import Settling
from bot.settings import Settings
from bot.view import Admit, EnvironmentView, Release, Rest, Run, Start, Work, fold_environment, next_move

DIED = e.StretchDied(trigger=2, sentence="It ended early.")
ASKED, FREE = e.OrphanAsked(n=1), e.OrphanAnswered(n=1, free=True)
AWAY = e.OrphanAnswered(n=1, free=False, sentence="be01 can't be reached.")


def orphan(*events: Any) -> Tale:
    return Tale().started().then(begun(1), DIED, *events)


# --- the fold -------------------------------------------------------------------------------------------------------


def test_a_run_whose_stretch_died_is_an_orphan_and_holds_its_environment() -> None:
    run = orphan().run
    assert run.orphan
    assert run.orphan.since == run.gate.at if run.gate else None
    assert (run.holds, next_move(run)) == (True, Rest())
    assert Tale().then(DIED).run.orphan is None, "it has no environment"


@pytest.mark.parametrize(("until", "is_away"), [(6, True), (4, False)])
def test_it_is_an_orphan_since_the_bot_went_away_where_it_is_found_right_after_that(until: int, is_away: bool) -> None:
    gone = NOW - timedelta(hours=6)
    away = e.WasAway(since=gone, until=NOW + timedelta(minutes=until))
    run = Tale().started().then(begun(1), away, DIED).run
    assert run.orphan
    assert run.gate
    assert run.orphan.since == (gone if is_away else run.gate.at)


def test_it_is_asked_about_in_a_stretch_of_its_own() -> None:
    run = orphan(ASKED).run
    assert next_move(run) == Release(1)
    assert run.trigger == stored(orphan(ASKED).events)[-1].seq


def test_only_the_hosts_word_frees_it() -> None:
    away = orphan(ASKED, AWAY).run
    assert (away.holds, next_move(away)) == (True, Rest())
    assert away.gate
    assert "be01 can't be reached. Until then it holds its environment." in away.gate.next_move
    assert "unlock prod-dmz because REASON" in away.gate.next_move
    free = orphan(ASKED, FREE).run
    assert (free.holds, next_move(free)) == (False, Rest())
    assert free.gate
    assert "its environment is free for other runs" in free.gate.next_move


@pytest.mark.parametrize("answer", [(), (ASKED,), (ASKED, AWAY), (ASKED, FREE)])
def test_a_retry_takes_the_environment_back_and_goes_on(answer: Any) -> None:
    run = orphan(*answer, (e.Decided(step=1, attempt=1, word="retry", reason=""), BEN)).run
    assert (run.orphan, run.holds, next_move(run)) == (None, True, Work(1, 2, False))


def test_an_answer_that_comes_after_the_decision_changes_nothing() -> None:
    retried = orphan(ASKED, (e.Decided(step=1, attempt=1, word="retry", reason=""), BEN))
    assert retried.then(FREE).run == replace(retried.run, head=retried.then(FREE).run.head)


def test_before_its_first_step_it_starts_again() -> None:
    tale = Tale().planned().approved().then(e.Admitted(n=1), DIED, ASKED, FREE)
    decision = e.Decided(step=0, attempt=1, word="retry", reason="")
    assert next_move(tale.then((decision, BEN)).run) == Start(1)


def test_who_waits_is_told_that_it_is_an_orphan_and_since_when() -> None:
    late = replace(Tale().planned().approved().run, id="prod-dmz-18")
    assert isinstance(next_move(late), Admit)
    told = waiting.sentence(late, [orphan().run, late], environment())
    assert told == "waits for prod-dmz-17, orphaned since 2026-01-31 12:06 UTC"
    assert waiting.sentence(late, [orphan(ASKED, FREE).run, late], environment()) == ""


# --- judged ---------------------------------------------------------------------------------------------------------


def around(last: str, *more: Any) -> Any:
    return fold_environment("prod-dmz", [*stored([e.Admitted(n=1)], run=last), *stored(more, run=None)])


def test_a_freed_run_goes_on_only_where_nobody_had_its_environment_since() -> None:
    free, locked = orphan(ASKED, FREE).run, around("prod-dmz-17", (LOCKED, ANNA))
    assert allowed(retried(free, around("prod-dmz-17"))) == ["Decided"]
    assert denied(retried(free, around("prod-dmz-18"))) == "taken"
    assert denied(retried(free, locked)) == "locked"
    assert allowed(retried(orphan(ASKED, AWAY).run, locked)) == ["Decided"], "it never let go"


def retried(run: Run, view: EnvironmentView) -> Any:
    return decide(parse("retry prod-dmz-17"), ANNA, ALL, run, view)


def test_an_admin_ends_an_orphan_that_nobody_can_ask_about() -> None:
    admin, free = person("adm"), environment()
    assert denied(kept("unlock prod-dmz because it burnt", admin, free, orphan(ASKED).run)) == "a run's"
    assert denied(kept("unlock prod-dmz because x", person("mia"), free, orphan(ASKED, AWAY).run)) == "not in admins"
    verdict = kept("unlock prod-dmz because it burnt", admin, free, orphan(ASKED, AWAY).run, RIGHTS)
    assert allowed(verdict) == ["AbortRequested", "Ended"]


# --- the dispatcher -------------------------------------------------------------------------------------------------


class Quiet:
    """An engine in which no stretch ever moves; it keeps what it was asked to start."""

    def __init__(self, status: str | None = None) -> None:
        self.started: list[tuple[str, int]] = []
        self.ended = status

    def status(self, run: str, trigger: int) -> str | None:
        return self.ended

    def has_living(self, run: str) -> bool:
        return False

    def start(self, run: str, trigger: int) -> None:
        self.started.append((run, trigger))

    def error(self, run: str, trigger: int) -> str:
        return "it broke"


class Trail:
    """A log with runs of prod-dmz in it, looked at by a dispatcher."""

    def __init__(self, folder: Path, settings: dict[str, Any] | None = None) -> None:
        self.clock = datetime.fromisoformat("2026-01-31T12:00:00+00:00")
        self.audit = Audit(folder / "audit.sqlite", now=lambda: self.clock)
        self.engine = Quiet()
        self.dispatcher = Dispatcher(Settings.model_validate(settings or {}), self.audit, self.engine)  # type: ignore[arg-type]

    def add(self, tale: Tale, run: str) -> None:
        for item in tale.events:
            self.tell(item, run)

    def tell(self, item: Any, run: str | None) -> None:
        event, actor = item if isinstance(item, tuple) else (item, ANA)
        self.audit.append(None, lambda _: [Draft(event=event, run=run, actor=actor)])

    def look(self) -> list[str]:
        """The kinds of the events that a look appends."""
        before = self.audit.last_seq()
        self.dispatcher.look()
        return [type(item.event).__name__ for item in self.audit.since(before)]

    def run(self, name: str) -> Run:
        found = self.audit.run(name)
        assert found
        return found


@pytest.fixture
def trail(tmp_path: Path) -> Iterator[Callable[..., Trail]]:
    made: list[Trail] = []

    def make(**settings: Any) -> Trail:
        made.append(Trail(tmp_path, settings))
        return made[-1]

    yield make
    for one in made:
        one.audit.close()


def test_hosts_are_asked_at_once_and_then_less_and_less_often(trail: Callable[..., Trail]) -> None:
    made = trail()
    made.add(orphan(), "prod-dmz-1")
    assert made.look() == ["OrphanAsked"]
    assert made.look() == [], "its stretch was started"
    assert made.engine.started == [("prod-dmz-1", made.run("prod-dmz-1").trigger)]
    waited = []
    for n in range(1, 12):
        made.tell(replace(AWAY, n=n), "prod-dmz-1")
        start = made.clock
        while made.look() != ["OrphanAsked"]:
            made.clock += timedelta(minutes=1)
        waited.append(int((made.clock - start).total_seconds() / 60))
    assert waited[:3] == [2, 3, 5], "the first whole minute after 1, 2 and 4"
    assert waited[-1] == waited[-2] == 65


def test_a_stretch_that_dies_while_it_asks_is_no_new_orphan(trail: Callable[..., Trail]) -> None:
    made = trail()
    made.add(orphan(ASKED), "prod-dmz-1")
    made.engine.ended = "ERROR"
    assert made.look() == ["OrphanAnswered"]
    assert made.look() == []
    assert made.run("prod-dmz-1").holds


def test_the_next_run_is_admitted_once_the_orphan_is_free_and_not_before(trail: Callable[..., Trail]) -> None:
    made = trail()
    made.add(orphan(ASKED, AWAY), "prod-dmz-1")
    made.add(Tale(0, "backup").planned(), "prod-dmz-2")
    assert made.look() == []
    made.tell(e.OrphanAsked(n=2), "prod-dmz-1")
    made.tell(replace(FREE, n=2), "prod-dmz-1")
    assert made.look() == ["Admitted"]
    assert made.audit.environment("prod-dmz").admitted == "prod-dmz-2"


def test_a_locked_environment_admits_no_run(trail: Callable[..., Trail]) -> None:
    made = trail()
    made.add(Tale(0, "backup").planned(), "prod-dmz-1")
    made.tell((LOCKED, ANNA), None)
    assert made.look() == []
    assert made.audit.told(made.run("prod-dmz-1")).waits == "waits until ana unlocks prod-dmz"
    made.tell((e.Unlocked(environment="prod-dmz", reason=""), ANNA), None)
    assert made.look() == ["Admitted"]


def test_a_lock_of_another_environment_keeps_nobody_out(trail: Callable[..., Trail]) -> None:
    made = trail()
    made.add(Tale(0, "backup").planned(), "prod-dmz-1")
    made.tell((replace(LOCKED, environment="prod"), ANNA), None)
    assert made.look() == ["Admitted"]


FROZEN = {
    "time_zone": "UTC", "from": datetime(2026, 1, 31), "to": datetime(2026, 2, 1), "environments": ["prod-dmz"],
    "reason": "stocktaking",
}  # fmt: skip


def test_an_upgrade_whose_turn_comes_in_a_freeze_ends_and_says_why(trail: Callable[..., Trail]) -> None:
    made = trail(freezes=[FROZEN])
    made.add(Tale().planned().approved(), "prod-dmz-1")
    made.add(Tale(0, "backup").planned(), "prod-dmz-2")
    assert made.look() == ["Ended", "Admitted"]
    ended_run = made.run("prod-dmz-1").ended
    assert ended_run
    assert ended_run.outcome == "expired"
    assert "prod-dmz is frozen until 2026-02-01 00:00 UTC: stocktaking." in ended_run.sentence
    assert made.run("prod-dmz-2").holds


def test_an_upgrade_begins_once_the_freeze_is_over(trail: Callable[..., Trail]) -> None:
    made = trail(freezes=[FROZEN])
    made.clock += timedelta(hours=12)
    made.add(Tale().planned().approved(), "prod-dmz-1")
    assert made.look() == ["Admitted"]


# --- at the host ----------------------------------------------------------------------------------------------------


def answer(folder: Path, server: PretendWindows, begin: bool) -> Any:
    """What the release operation appends for a run whose installer's step has begun, or has not."""
    read, audit, hosts, plan = started(folder, server, sha256=PACKAGE_SHA256, source=f"staged = '{PACKAGE_PATH}'")
    number = next(i for i, step in enumerate(plan.steps, 1) if step.state.kind == "installed")
    with closing(audit):
        done = [x for i in range(1, number) for x in (begun(i), ended(i))]
        for event in (*done, *([begun(number)] if begin else []), DIED, ASKED):
            audit.append(None, lambda _, event=event: [Draft(event=event, run=RUN)])
        Settling(read, audit, hosts, Logs(read.data, ())).release({"run": RUN, "trigger": 1, "n": 1})
        hosts.close(RUN)
        found = audit.last("OrphanAnswered")
        assert found
        return found.event


def test_a_host_that_says_that_nothing_lives_frees_it(tmp_path: Path) -> None:
    with PretendWindows(single(), password="s3cret") as server:
        assert answer(tmp_path, server, begin=True) == FREE
        assert server.counts.get("give_up") == 1, "what never began never can"


def test_a_run_whose_installer_was_not_begun_is_free_without_asking(tmp_path: Path) -> None:
    with PretendWindows(single(), password="s3cret") as server:
        assert answer(tmp_path, server, begin=False) == FREE
        assert server.counts == {}


def test_a_host_that_cant_be_asked_frees_nothing(tmp_path: Path) -> None:
    with PretendWindows(single(), password="s3cret") as server:
        server.faults.refuse_connections(100)
        told = answer(tmp_path, server, begin=True)
    assert not told.free
    assert told.sentence.startswith("Nobody knows whether it lives.")
