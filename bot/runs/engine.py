"""DBOS, and every rule that its traps ask for (facts/dbos-3.4.md, N1 to N16); nothing else imports it.

A workflow gets ids only, its steps return plain dicts and do not raise for what can be expected, and nothing is
parked in it.
"""

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSPortableJSONSerializer, SetWorkflowID
from dbos._error import DBOSException

from bot.errors import EngineFault

VERSION = "stretch-2"
QUEUE = "runs"
ALIVE = ("PENDING", "ENQUEUED", "DELAYED")
Data = dict[str, Any]
Operation = Callable[[Data], Data]


class Operations:
    """What a stretch may do, by name; `walker` fills it. A step begun during a shutdown waits for the end of the
    process."""

    def __init__(self) -> None:
        self.table: dict[str, Operation] = {}
        self.body: Callable[[str, int], None] | None = None
        self._gate = threading.Condition()
        self._running = 0
        self.stopping = False

    @contextmanager
    def running(self) -> Iterator[None]:
        with self._gate:
            self._gate.wait_for(lambda: not self.stopping)
            self._running += 1
        try:
            yield
        finally:
            with self._gate:
                self._running -= 1
                self._gate.notify_all()

    def stop(self, seconds: float) -> bool:
        """Lets the running steps end and holds back all others; False where one was still running after the time."""
        with self._gate:
            self.stopping = True
            return self._gate.wait_for(lambda: self._running == 0, seconds)


OPERATIONS = Operations()


@DBOS.step(name="nps.operation")
def _operation(name: str, given: Data) -> Data:
    with OPERATIONS.running():
        return {"operation": name, "answer": OPERATIONS.table[name](given)}


@DBOS.step(name="nps.act")
def _act(name: str, given: Data) -> Data:
    # N3: committed before the act, and refused where another execution owns the row
    DBOS.set_event("attempt", DBOS.step_id)
    with OPERATIONS.running():
        return {"operation": name, "answer": OPERATIONS.table[name](given)}


def operate(name: str, given: Data) -> Data:
    """Carries out an operation once, from a workflow's body; a recovered workflow gets the recorded answer."""
    return _answer(name, _operation(name, given))


def act(name: str, given: Data) -> Data:
    """The same for what changes a host."""
    return _answer(name, _act(name, given))


def _answer(name: str, recorded: Data) -> Data:
    """A recording of another operation means that the code has changed under the stretch: it ends, and people are
    asked."""
    if recorded["operation"] != name:
        raise EngineFault(f"The stretch was recorded doing {recorded['operation']} where it now does {name}.")
    answer: Data = recorded["answer"]
    return answer


@DBOS.workflow(name="nps.stretch", max_recovery_attempts=None)
def _stretch(run: str, trigger: int) -> None:
    if OPERATIONS.body is None:
        raise EngineFault("The engine took up a stretch before the walker was there.")
    OPERATIONS.body(run, trigger)


class Engine:
    """The engine of one bot on one data folder; the caller holds the folder's lock."""

    def __init__(self, path: Path, store: str) -> None:
        self._store = store
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with sqlite3.connect(path) as connection:
                connection.execute("pragma journal_mode = wal")
            connection.close()
        except sqlite3.DatabaseError as fault:
            raise EngineFault(
                f"{path} can't be opened by the engine: {fault}.", "Move it away; the audit log is the history."
            ) from fault
        DBOS(
            config={
                "name": "nps-bot", "system_database_url": f"sqlite:///{path}", "application_version": VERSION,
                "executor_id": "bot", "serializer": DBOSPortableJSONSerializer(), "log_level": "ERROR",
                "notification_listener_polling_interval_sec": 1.0,
            }
        )  # fmt: skip

    def launch(self) -> None:
        """Takes up what was interrupted."""
        DBOS.launch()
        DBOS.set_latest_application_version(VERSION)  # N8
        for left in DBOS.list_workflows(status=list(ALIVE), load_input=False, load_output=False):
            if left.app_version not in (None, VERSION):  # never taken up again: its run then asks people
                DBOS.cancel_workflow(left.workflow_id)
        DBOS.register_queue(QUEUE, polling_interval_sec=0.1, on_conflict="always_update")

    def id(self, run: str, trigger: int) -> str:
        return f"{self._store}/{run}@{trigger}"

    def start(self, run: str, trigger: int) -> None:
        """Enqueues the stretch; the same run and trigger are one workflow for ever."""
        try:
            with SetWorkflowID(self.id(run, trigger)):
                DBOS.enqueue_workflow(QUEUE, _stretch, run, trigger)
        except DBOSException as fault:
            raise EngineFault(f"The engine did not take {run}: {fault}.") from fault

    def status(self, run: str, trigger: int) -> str | None:
        """DBOS' word for the stretch; None where it was never started."""
        found = DBOS.get_workflow_status(self.id(run, trigger))
        return found.status if found else None

    def error(self, run: str, trigger: int) -> str:
        """What ended a stretch, in the engine's words."""
        found = DBOS.get_workflow_status(self.id(run, trigger))
        return f"{type(found.error).__name__}: {found.error}" if found and found.error else "no reason was recorded"

    def has_living(self, run: str) -> bool:
        """Whether any stretch of the run is not over."""
        prefix = f"{self._store}/{run}@"
        found = DBOS.list_workflows(workflow_id_prefix=prefix, status=list(ALIVE), load_input=False, load_output=False)
        # an underscore in the prefix is a wildcard to the database
        return any(workflow.workflow_id.startswith(prefix) for workflow in found)

    def stop(self, seconds: float = 20) -> None:
        """Lets running steps end, then closes; afterwards the process must end hard, for DBOS' threads do not (N9,
        N10)."""
        OPERATIONS.stop(seconds)
        DBOS.destroy()


def plain(data: Any) -> Any:
    """JSON data that is the same live and replayed (N12)."""
    return json.loads(json.dumps(data))


def end_process(code: int) -> None:
    """Ends the process without joining the engine's threads."""
    os._exit(code)
