"""Audit logs for tests: filled, and changed by somebody with the file in hand."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from worlds import ANA

from bot import events as e
from bot.audit import Audit, Draft, Reader, verify


def filled(path: Path, count: int = 6) -> list[dict[str, Any]]:
    """A closed log with its store's event and so many refusals."""
    audit = Audit(path)
    for i in range(count):
        audit.append(f"k{i}", lambda _, i=i: [refused(f"text {i}", run=f"prod-dmz-{i % 2}")])
    audit.close()
    return list(Reader(path).rows())


def refused(text: str, run: str | None = None) -> Draft:
    return Draft(event=e.Refused(text=text, sentence="No."), run=run, actor=ANA)


def tampered(path: Path, *statements: str) -> list[str]:
    """What verify says after somebody with the file in hand changed it, triggers and all."""
    with closing(sqlite3.connect(path)) as db:
        for trigger in ("events_no_update", "events_no_delete", "events_no_replace"):
            db.execute(f"drop trigger {trigger}")
        for statement in statements:
            db.execute(statement)
        db.commit()
    return [found.sentence for found in verify(Reader(path).rows())]
