"""Files that are no audit log, or none any more: a sentence, and never a trace."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from trails import filled, refused

from bot.audit import Audit, Reader
from bot.errors import AuditFault


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var/audit.sqlite"


def garbage(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("content", [b"garbage " * 1000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_of_garbage_is_a_fault_with_a_sentence(content: bytes, path: Path) -> None:
    garbage(path, content)
    with pytest.raises(AuditFault, match=r"audit\.sqlite can't be opened as the audit log") as caught:
        Audit(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(AuditFault, match=r"audit\.sqlite can't be read as an audit log"):
        list(Reader(path).rows())


def test_a_reader_of_no_file_is_told_so_and_makes_none(path: Path) -> None:
    with pytest.raises(AuditFault, match="There is no audit log at"):
        list(Reader(path).rows())
    assert not path.exists()


def test_a_database_without_events_is_no_audit_log_to_verify(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as db:
        db.execute("create table other (x)")
    with pytest.raises(AuditFault):
        list(Reader(path).rows())


def test_a_reader_never_writes(path: Path) -> None:
    filled(path)
    before = path.read_bytes()
    list(Reader(path).rows())
    assert Reader(path).events("prod-dmz-1")
    assert path.read_bytes() == before


def test_a_log_that_is_opened_again_keeps_its_store_and_its_chain(path: Path) -> None:
    first = Audit(path)
    first.close()
    second = Audit(path)
    second.append(None, lambda _: [refused("x")])
    assert second.store == first.store
    assert second.last_seq() == 2
    second.close()
