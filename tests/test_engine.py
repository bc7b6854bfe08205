"""The engine's rules (facts/dbos-3.4.md): what its database holds, and a stretch that dies becomes a question."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from dbos import DBOS

import runbooks  # noqa: F401  (registers them)
from bot import events as e
from bot.audit import Audit, Draft
from bot.events import Actor
from bot.runs import engine
from bot.runs.dispatcher import Dispatcher
from bot.runs.engine import Data, Engine
from bot.settings import Settings

ANA = Actor(person="ana", account="slack:U0ANA", shown="ana")
REQUEST = e.Requested(
    runbook="upgrade", environment="prod", package="9.3", reason="", text="upgrade prod", approvals=0, channel=None
)


@pytest.fixture
def audit(tmp_path: Path) -> Iterator[Audit]:
    audit = Audit(tmp_path / "audit.sqlite")
    audit.append("r", lambda world: [Draft(event=REQUEST, run=world.next_run("prod"), actor=ANA)])
    yield audit
    audit.close()


@pytest.fixture
def launched(tmp_path: Path, audit: Audit) -> Iterator[Engine]:
    engine.OPERATIONS.stopping = False
    made = Engine(tmp_path / "engine.sqlite", audit.store)
    made.launch()
    yield made
    DBOS.destroy()


def carried(launched: Engine, trigger: int = 2) -> None:
    """Waits until the stretch is over."""
    DBOS.retrieve_workflow(launched.id("prod-1", trigger)).get_result()


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.execute(query))


def test_the_same_stretch_started_twice_runs_once(launched: Engine) -> None:
    seen: list[tuple[str, int]] = []
    engine.OPERATIONS.body = lambda run, trigger: seen.append((run, trigger))
    for _ in range(2):
        launched.start("prod-1", 2)
        carried(launched)
    assert seen == [("prod-1", 2)]
    assert launched.status("prod-1", 2) == "SUCCESS"
    assert not launched.has_living("prod-1")


def test_the_database_holds_plain_json_under_fixed_names(launched: Engine, tmp_path: Path) -> None:
    engine.OPERATIONS.table = {"x": lambda given: {"answer": given["question"]}}

    def body(run: str, trigger: int) -> None:
        assert engine.operate("x", {"question": 1}) == {"answer": 1}
        assert engine.act("x", {"question": 2}) == {"answer": 2}

    engine.OPERATIONS.body = body
    launched.start("prod-1", 2)
    carried(launched)
    path = tmp_path / "engine.sqlite"
    [(name, version, executor, kind)] = rows(
        path, "select name, application_version, executor_id, serialization from workflow_status"
    )
    assert (name, version, executor, kind) == ("nps.stretch", engine.VERSION, "bot", "portable_json")
    assert rows(path, "pragma journal_mode") == [("wal",)]
    steps = [str(row[0]) for row in rows(path, "select function_name from operation_outputs order by function_id")]
    assert [step for step in steps if step.startswith("nps.")] == ["nps.operation", "nps.act"]


def test_an_act_is_marked_before_it_is_done(launched: Engine, tmp_path: Path) -> None:
    marks: list[int] = []

    def look(_: Data) -> Data:
        marks.append(len(rows(tmp_path / "engine.sqlite", "select key from workflow_events")))
        return {}

    engine.OPERATIONS.table = {"x": look}
    engine.OPERATIONS.body = lambda run, trigger: engine.act("x", {}) and None
    launched.start("prod-1", 2)
    carried(launched)
    assert marks == [1]


def test_a_stretch_that_dies_is_told_and_asks_people(launched: Engine, audit: Audit) -> None:
    def body(run: str, trigger: int) -> None:
        raise RuntimeError("nobody expected this")

    engine.OPERATIONS.body = body
    dispatcher = Dispatcher(Settings(), audit, launched)
    dispatcher.look()
    with pytest.raises(Exception, match="nobody expected this"):
        carried(launched)
    dispatcher.look()
    dispatcher.look()

    run = audit.run("prod-1")
    assert run
    assert run.gate
    assert run.gate.words == ("retry", "abort")
    assert [type(i.event).__name__ for i in audit.since(0, "prod-1")] == ["Requested", "StretchDied"]
    assert launched.status("prod-1", 2) == "ERROR"

    seen: list[int] = []
    engine.OPERATIONS.body = lambda run, trigger: seen.append(trigger)
    decided = e.Decided(step=run.gate.step, attempt=run.gate.attempt, word="retry", reason="")
    [stored] = audit.append("d", lambda _: [Draft(event=decided, run="prod-1", actor=ANA)])
    dispatcher.look()
    carried(launched, stored.seq)
    assert seen == [stored.seq]
