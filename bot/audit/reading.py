"""Questions to the log that anybody may ask, from any process: a read-only connection, closed after each answer."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlite_utils import Database

from bot.errors import AuditFault
from bot.events import Actor, Stored, adapter, from_data


def stored(row: dict[str, Any]) -> Stored:
    """A row of the events table as the event it holds."""
    return Stored(
        seq=row["seq"],
        run=row["run"],
        key=row["key"],
        at=datetime.fromisoformat(row["at"]),
        actor=adapter(Actor).validate_python(json.loads(row["actor"])),
        event=from_data(row["kind"], json.loads(row["data"])),
        hash=row["hash"],
    )


class Reader:
    """Reads an audit file without ever writing to it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def rows(self, run: str | None = None) -> Iterator[dict[str, Any]]:
        """Raw rows in the log's order, as verify wants them."""
        if not self.path.exists():
            raise AuditFault(f"There is no audit log at {self.path}.", "Name another nps.toml with --config.")
        try:
            with closing(sqlite3.connect(f"file:{quote(str(self.path))}?mode=ro", uri=True)) as connection:
                db = Database(connection)
                if "events" not in db.table_names():
                    raise AuditFault(f"{self.path} is no audit log: it holds no events.", "Name another nps.toml.")
                where, values = ("run = ?", [run]) if run else (None, [])
                yield from db["events"].rows_where(where, values, order_by="seq")
        except sqlite3.DatabaseError as fault:
            raise AuditFault(f"{self.path} can't be read as an audit log: {fault}.") from fault

    def events(self, run: str | None = None) -> list[Stored]:
        try:
            return [stored(row) for row in self.rows(run)]
        except (ValueError, TypeError) as fault:
            raise AuditFault(f"{self.path} holds a row that can't be read.", "Type: nps audit verify") from fault
