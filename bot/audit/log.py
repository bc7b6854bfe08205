"""The log itself: one writer, one short transaction an append, and whatever depends on the fold is judged inside it.

A key names the question, never the answer. Where it exists, `append` returns the stored event and writes nothing,
and the caller goes on
with the stored one.
"""

import json
import logging
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from bot import waiting
from bot.audit.chain import GENESIS, canonical, row_hash
from bot.audit.migrations import migrations
from bot.audit.reading import stored
from bot.errors import AuditFault
from bot.events import BOT, KINDS, Actor, Event, StoreCreated, Stored, adapter, to_data
from bot.plan import Plan
from bot.view import Admit, EnvironmentView, Run, fold, fold_environment, next_move
from bot.view.environment import ABOUT, REVIEWED

UNREAD = "Start the version of nps-bot that wrote them; until then nothing begins on that environment."


@dataclass(frozen=True, kw_only=True)
class Draft:
    """An event before it is stored."""

    event: Event
    run: str | None = None
    key: str | None = None
    actor: Actor = BOT


class World:
    """What a judgment inside the transaction may look at."""

    def __init__(self, audit: "Audit") -> None:
        self._audit = audit

    @property
    def now(self) -> datetime:
        return self._audit.now()

    def run(self, name: str) -> Run | None:
        return self._audit.run(name)

    def open_runs(self, environment: str) -> list[Run]:
        """Runs that have not ended, in the order of their requests; raises AuditFault where one can't be read, for
        nobody knows then what holds the environment."""
        return self._audit.open_runs(environment, strict=True)

    def environment(self, name: str) -> EnvironmentView:
        """Who has locked it."""
        return self._audit.environment(name)

    def next_run(self, environment: str) -> str:
        """The id that the next request for the environment gets."""
        return f"{environment}-{len(self._audit.run_names(environment)) + 1}"


log = logging.getLogger("nps.audit")
Judge = Callable[[World], Sequence[Draft]]


def _fixed(schema: Any) -> Iterator[str]:
    """Every word that a JSON schema fixes, such as the outcomes of a step."""
    if isinstance(schema, dict):
        yield from (word for word in (*schema.get("enum", ()), schema.get("const")) if isinstance(word, str))
    if isinstance(schema, dict | list):
        for part in schema.values() if isinstance(schema, dict) else schema:
            yield from _fixed(part)


FIXED = frozenset(word for cls in (*KINDS.values(), Plan) for word in _fixed(adapter(cls).json_schema()))


OF_IT = "json_extract(data, '$.environment') = :e"
ABOUT_AN_ENVIRONMENT = f"""
select * from events where (:until is null or seq <= :until) and seq in (
  select seq from events where kind in (select value from json_each(:about)) and {OF_IT}
  union select seq from events where kind in (select value from json_each(:reviewed))
    and run in (select run from events where kind = 'FreezeOverridden' and {OF_IT})
  union select max(seq) from events where kind = 'Admitted' and (:until is null or seq <= :until)
    and run in (select run from events where kind = 'Requested' and {OF_IT})
) order by seq"""
"""Few events, however many runs there were: those of a run are large."""


class Audit:
    """The only writer of the audit file; every method may be called from any thread."""

    def __init__(self, path: Path, secrets: Iterable[str] = (), now: Callable[[], datetime] | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.now = now or (lambda: datetime.now(UTC))
        self._secrets = sorted((s for s in secrets if len(s) >= 4), key=len, reverse=True)
        self._lock = threading.RLock()
        self.changed = threading.Condition(self._lock)
        self.version = 0
        connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
        try:
            connection.row_factory = sqlite3.Row
            self.db = Database(connection)
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = full")
            migrations.apply(self.db)
        except sqlite3.DatabaseError as fault:
            connection.close()
            raise AuditFault(
                f"{path} can't be opened as the audit log: {fault}.", "Restore it from a backup."
            ) from fault
        self._world = World(self)
        created = self.append("store", lambda _: [Draft(event=StoreCreated(store=uuid.uuid4().hex[:8]))])
        if not isinstance(created[0].event, StoreCreated):
            raise AuditFault(f"{path} is no audit log of nps-bot: its first event is not the store's.")
        self.store = created[0].event.store

    def close(self) -> None:
        with self._lock:
            self.db.conn.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """BEGIN IMMEDIATE to COMMIT; nothing of it stays where the body raises; changed rows wake who waits."""
        with self._lock:
            try:
                self.db.conn.execute("begin immediate")
                before = self.db.conn.total_changes
                try:
                    yield
                    self.db.conn.execute("commit")
                except BaseException:
                    self.db.conn.execute("rollback")
                    raise
            except sqlite3.DatabaseError as fault:
                raise AuditFault(f"The audit log could not be written: {fault}.", "Look at its disk.") from fault
            if self.db.conn.total_changes != before:
                self.touch()

    def touch(self) -> None:
        """Wakes everybody who waits for news."""
        with self.changed:
            self.version += 1
            self.changed.notify_all()

    def wait(self, version: int, seconds: float) -> int:
        """Returns the current version, at once where it is not the given one, else after news or the time."""
        with self.changed:
            self.changed.wait_for(lambda: self.version != version, seconds)
            return self.version

    def append(self, key: str | None, judge: Judge) -> tuple[Stored, ...]:
        """Stores what the judge returns, its first event under the key; where the key exists, that event alone is
        returned."""
        with self._lock:
            if key and (found := self.by_key(key)):
                return (found,)
            with self.transaction():
                drafts = judge(self._world)
                rows = [self._insert(draft, key if i == 0 else draft.key) for i, draft in enumerate(drafts)]
            return tuple(stored(row) for row in rows)

    def _insert(self, draft: Draft, key: str | None) -> dict[str, Any]:
        last = next(self.db.query("select seq, hash from events order by seq desc limit 1"), None)
        row: dict[str, Any] = {
            "seq": last["seq"] + 1 if last else 1,
            "run": draft.run,
            "key": key or draft.key,
            "at": self.now().isoformat(timespec="milliseconds"),
            "actor": canonical(self.masked(to_data(draft.actor))),
            "kind": type(draft.event).__name__,
            "data": canonical(self.masked(to_data(draft.event))),
            "previous": last["hash"] if last else GENESIS,
        }
        row["hash"] = row_hash(row, row["previous"])
        self.db.table("events").insert(row)
        return row

    def masked(self, data: Any) -> Any:
        """The same data with known secrets covered in its strings; the log's own words stay, or none could read it."""
        match data:
            case str() if data not in FIXED:
                for secret in self._secrets:
                    data = data.replace(secret, "•••")
                return data
            case dict():
                return {name: self.masked(value) for name, value in data.items()}
            case list():
                return [self.masked(value) for value in data]
            case _:
                return data

    # --- questions --------------------------------------------------------------------------------------------------

    def by_key(self, key: str) -> Stored | None:
        with self._lock:
            row = next(self.db.query("select * from events where key = ?", [key]), None)
        return stored(row) if row else None

    def since(self, seq: int, run: str | None = None) -> list[Stored]:
        """Events after `seq`, in order, of one run or of all."""
        where, values = ("seq > ? and run = ?", [seq, run]) if run else ("seq > ?", [seq])
        with self._lock:
            return [stored(row) for row in self.db.table("events").rows_where(where, values, order_by="seq")]

    def last_seq(self) -> int:
        with self._lock:
            return int(next(self.db.query("select max(seq) as seq from events"))["seq"] or 0)

    def last(self, kind: str) -> Stored | None:
        """The newest event of a kind."""
        with self._lock:
            row = next(self.db.query("select * from events where kind = ? order by seq desc limit 1", [kind]), None)
        return stored(row) if row else None

    def run(self, name: str) -> Run | None:
        """Raises AuditFault where another version of the bot has written what this one can't read."""
        try:
            return fold(self.since(0, name))
        except ValueError as fault:
            raise AuditFault(f"This version of the bot can't read the events of {name}: {fault}.", UNREAD) from fault

    def run_names(self, environment: str | None = None) -> list[str]:
        """Ids in the order of their requests."""
        with self._lock:
            rows = list(
                self.db.query(
                    "select run from events where kind = 'Requested'"
                    " and (:e is null or json_extract(data, '$.environment') = :e) order by seq",
                    {"e": environment},
                )
            )
        return [row["run"] for row in rows]

    def open_runs(self, environment: str | None = None, *, strict: bool = False) -> list[Run]:
        """Runs that have not ended, in the order of their requests; one that can't be read is left out, or raises."""
        with self._lock:
            rows = list(
                self.db.query(
                    "select run from events where kind = 'Requested'"
                    " and (:e is null or json_extract(data, '$.environment') = :e)"
                    " and run not in (select run from events where kind = 'Ended') order by seq",
                    {"e": environment},
                )
            )
        names = [row["run"] for row in rows]
        return [run for name in names if (run := self.run(name))] if strict else self.folded(names)

    def environment(self, name: str, until: int | None = None) -> EnvironmentView:
        """The environment as it looks now, or as it looked once the event at the place `until` was stored."""
        given = {"e": name, "until": until, "about": json.dumps(ABOUT), "reviewed": json.dumps(REVIEWED)}
        with self._lock:
            rows = list(self.db.query(ABOUT_AN_ENVIRONMENT, given))
        return fold_environment(name, map(stored, rows))

    def told(self, run: Run) -> Run:
        """The run with what it waits for, where it waits for its environment."""
        if not isinstance(next_move(run), Admit):
            return run
        name = run.request.environment
        return waiting.told(run, self.open_runs(name), self.environment(name))

    def folded(self, names: Iterable[str]) -> list[Run]:
        """The runs of these names, as they look now."""
        found = []
        for name in names:
            try:
                found.append(self.run(name))
            except AuditFault as fault:
                # the other runs go on
                log.error("%s", fault)
        return [run for run in found if run]

    # --- tables beside the log --------------------------------------------------------------------------------------

    def cursor(self, follower: str) -> int:
        with self._lock:
            row = next(self.db.query("select seq from cursors where follower = ?", [follower]), None)
        return int(row["seq"]) if row else 0

    def set_cursor(self, follower: str, seq: int) -> None:
        with self._lock:
            self.db.table("cursors").upsert({"follower": follower, "seq": seq}, pk="follower")

    def set_progress(self, run: str, step: int, attempt: int, line: str, percent: int | None) -> None:
        """One latest value per step; it is no event."""
        row = {"run": run, "step": step, "attempt": attempt, "line": self.masked(line), "percent": percent}
        with self._lock:
            self.db.table("progress").upsert(row | {"at": self.now().isoformat()}, pk=("run", "step"))
            self.touch()

    def progress(self, run: str) -> dict[int, tuple[str, int | None]]:
        """Step number to the installer's last line and percentage."""
        with self._lock:
            rows = list(self.db.table("progress").rows_where("run = ?", [run]))
        return {row["step"]: (row["line"], row["percent"]) for row in rows}

    def set_groups(self, groups: dict[str, list[str]]) -> None:
        """Members of user groups as Slack told them now."""
        at = self.now().isoformat()
        rows = [{"id": name, "members": json.dumps(members), "at": at} for name, members in groups.items()]
        with self._lock:
            self.db.table("groups").upsert_all(rows, pk="id")

    def set_channel(self, channel: str, shared: bool) -> None:
        """Whether another organisation reads along there, as Slack told now."""
        row = {"id": channel, "shared": shared, "at": self.now().isoformat()}
        with self._lock:
            self.db.table("channels").upsert(row, pk="id")

    def channels(self) -> dict[str, tuple[bool, datetime]]:
        with self._lock:
            rows = list(self.db.table("channels").rows)
        return {r["id"]: (bool(r["shared"]), datetime.fromisoformat(r["at"])) for r in rows}

    def groups(self) -> dict[str, tuple[frozenset[str], datetime]]:
        with self._lock:
            rows = list(self.db.table("groups").rows)
        return {r["id"]: (frozenset(json.loads(r["members"])), datetime.fromisoformat(r["at"])) for r in rows}
