"""The audit trail: append-only, chained, exactly once, without secrets; every tampering is found and named."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trails import filled, refused, tampered
from worlds import ANA, Tale, requested

from bot import events as e
from bot.audit import Audit, Draft, Reader, World, verify
from bot.audit.chain import GENESIS, canonical, row_hash
from bot.errors import AuditFault
from bot.events import KINDS, Stored, from_data, to_data


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var/audit.sqlite"


@pytest.fixture
def audit(path: Path) -> Iterator[Audit]:
    made = Audit(path)
    yield made
    made.close()


# --- the chain ------------------------------------------------------------------------------------------------------


def test_an_untouched_log_verifies_from_its_first_row(path: Path) -> None:
    rows = filled(path)
    assert [row["seq"] for row in rows] == list(range(1, 8))
    assert (rows[0]["kind"], rows[0]["previous"]) == ("StoreCreated", GENESIS)
    assert list(verify(rows)) == []
    assert list(verify(rows, [(7, rows[6]["hash"]), (3, rows[2]["hash"][:12])])) == []


@pytest.mark.parametrize(
    ("column", "value"),
    [("data", "'{}'"), ("actor", "'{}'"), ("kind", "'Ended'"), ("run", "'test-1'"), ("run", "null"), ("key", "'x'"),
     ("at", "'2026-01-01'"), ("data", "x'00ff'"), ("seq", "400"), ("previous", "'00'"), ("hash", "'00'"),
     ("hash", "x'00'")],
)  # fmt: skip
def test_an_edited_row_is_named(column: str, value: str, path: Path) -> None:
    filled(path)
    told = tampered(path, f"update events set {column} = {value} where seq = 4")
    assert told
    assert any("4" in sentence for sentence in told)


def test_an_edited_row_is_told_by_its_kind_and_run(path: Path) -> None:
    filled(path)
    told = tampered(path, "update events set data = replace(data, 'text 2', 'text 9') where seq = 4")
    assert told == ["row 4 (Refused, run prod-dmz-0) was changed after it was written"]


def test_an_edited_row_whose_hash_was_made_anew_breaks_at_the_next_row(path: Path) -> None:
    rows = filled(path)
    row = rows[3] | {"data": canonical({"text": "y", "sentence": "z"})}
    told = tampered(
        path, f"update events set data = '{row['data']}', hash = '{row_hash(row, row['previous'])}' where seq = 4"
    )
    assert told == ["row 5 does not follow row 4: rows were exchanged or rewritten"]


@pytest.mark.parametrize(
    ("where", "told"),
    [("seq = 1", "row 1 missing: the log goes from 0 to 2"), ("seq = 4", "row 4 missing: the log goes from 3 to 5"),
     ("seq in (3, 4)", "rows 3 to 4 missing: the log goes from 2 to 5")],
)  # fmt: skip
def test_a_deleted_row_is_named(where: str, told: str, path: Path) -> None:
    filled(path)
    assert tampered(path, f"delete from events where {where}") == [told]


def test_a_deleted_row_whose_followers_moved_up_is_named(path: Path) -> None:
    filled(path)
    told = tampered(path, "delete from events where seq = 4", "update events set seq = seq - 1 where seq > 4")
    assert told[0] == "row 4 does not follow row 3: rows were exchanged or rewritten"


def test_exchanged_rows_are_named(path: Path) -> None:
    filled(path)
    told = tampered(
        path, "update events set seq = 99 where seq = 3", "update events set seq = 3 where seq = 4",
        "update events set seq = 4 where seq = 99",
    )  # fmt: skip
    assert told[0] == "row 3 does not follow row 2: rows were exchanged or rewritten"
    assert any(sentence.startswith("row 4 ") for sentence in told)


@pytest.mark.parametrize("seq", [-1, 0, 9])
def test_an_inserted_row_is_named(seq: int, path: Path) -> None:
    filled(path)
    told = tampered(
        path,
        f"insert into events (seq, at, actor, kind, data, previous, hash)"
        f" select {seq}, at, actor, kind, data, previous, hash from events where seq = 3",
    )
    assert told
    assert f"row {seq}" in told[0] or f"to {seq}" in told[0]


def test_a_cut_tail_is_found_by_a_head_known_from_outside(path: Path) -> None:
    rows = filled(path)
    assert tampered(path, "delete from events where seq > 5") == []
    told = [found.sentence for found in verify(Reader(path).rows(), [(7, rows[6]["hash"])])]
    assert told == ["row 7, known from outside, is missing: the log ends at 5"]


def test_a_log_written_anew_is_found_by_a_head_known_from_outside(path: Path, tmp_path: Path) -> None:
    head = filled(path)[6]["hash"]
    other = filled(tmp_path / "other.sqlite")
    told = [found.sentence for found in verify(other, [(7, head[:12])])]
    assert told == [f"row 7 is not the one known from outside: its hash is {other[6]['hash'][:12]}"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_single_change_of_a_stored_character_goes_unseen(data: Any, tmp_path: Path) -> None:
    path = tmp_path / "one.sqlite"
    rows = list(Reader(path).rows()) if path.exists() else filled(path, 3)
    place = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.sampled_from(["run", "key", "at", "actor", "kind", "data", "previous", "hash"]))
    value = str(rows[place][column])
    at = data.draw(st.integers(0, len(value) - 1))
    letter = data.draw(st.characters(codec="utf-8").filter(lambda c: c != value[at]))
    changed = [dict(row) for row in rows]
    changed[place][column] = value[:at] + letter + value[at + 1 :]
    assert list(verify(changed))


# --- append-only ----------------------------------------------------------------------------------------------------


SAME_SEQ = "select seq, run, key, at, actor, kind, '{}', previous, hash from events where seq = 2"
SAME_KEY = SAME_SEQ.replace("select seq", "select 99")


@pytest.mark.parametrize(
    "statement",
    ["update events set data = '{}' where seq = 2", "update or replace events set seq = 1 where seq = 2",
     "delete from events where seq = 2", "delete from events", f"insert or replace into events {SAME_SEQ}",
     f"replace into events {SAME_SEQ}", f"insert or replace into events {SAME_KEY}",
     f"insert or ignore into events {SAME_SEQ}", f"insert into events {SAME_SEQ} on conflict do update set data = ''"],
)  # fmt: skip
def test_the_database_itself_refuses_to_change_a_row(statement: str, path: Path) -> None:
    rows = filled(path)
    with closing(sqlite3.connect(path)) as db, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.execute(statement)
    assert list(Reader(path).rows()) == rows


# --- keys -----------------------------------------------------------------------------------------------------------


def test_the_second_append_with_a_key_gets_the_first_ones_event_and_is_not_judged(audit: Audit) -> None:
    first = audit.append("k", lambda _: [refused("first"), refused("beside")])

    def judge(_: World) -> list[Draft]:
        raise AssertionError("a key that exists is not judged again")

    assert audit.append("k", judge) == (first[0],)
    assert [item.key for item in first] == ["k", None]
    assert audit.last_seq() == first[-1].seq


def test_without_a_key_every_append_is_stored(audit: Audit) -> None:
    for _ in range(2):
        audit.append(None, lambda _: [refused("same")])
    assert [item.key for item in audit.since(1)] == [None, None]


def test_a_judge_that_returns_nothing_takes_no_key(audit: Audit) -> None:
    assert audit.append("k", lambda _: []) == ()
    assert audit.append("k", lambda _: [refused("now")])[0].key == "k"


def test_what_a_judge_raises_leaves_nothing_behind(audit: Audit) -> None:
    def judge(_: World) -> list[Draft]:
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        audit.append("k", judge)
    assert audit.last_seq() == 1
    assert audit.by_key("k") is None
    assert audit.append("k", lambda _: [refused("after")])[0].seq == 2
    assert list(verify(raw_rows(audit))) == []


def raw_rows(audit: Audit) -> list[dict[str, Any]]:
    return list(audit.db.query("select * from events order by seq"))


def test_events_of_one_append_are_stored_all_or_none(audit: Audit) -> None:
    second = replace(refused("second"), key="store")
    with pytest.raises(AuditFault, match="append-only"):
        audit.append("k", lambda _: [refused("first"), second])
    assert audit.last_seq() == 1
    assert audit.by_key("k") is None


def test_a_process_killed_inside_a_judge_leaves_nothing_behind(path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from bot.audit import Audit, Draft; from bot import events as e\n"
        "audit = Audit(Path(sys.argv[1]))\n"
        "def judge(world):\n"
        "    audit._insert(Draft(event=e.Refused(text='x', sentence='.')), 'k')\n"
        "    os.kill(os.getpid(), 9)\n"
        "audit.append('k', judge)\n"
    )
    died = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert died.returncode == -9
    audit = Audit(path)
    assert audit.by_key("k") is None
    assert audit.append("k", lambda _: [refused("again")])[0].seq == 2
    audit.close()
    assert list(verify(Reader(path).rows())) == []


def test_appends_of_eight_threads_are_one_chain_and_each_key_is_stored_once(audit: Audit, path: Path) -> None:
    def work(thread: int) -> list[int]:
        own = [audit.append(f"t{thread}:{i}", lambda _: [refused("x")])[0].seq for i in range(25)]
        return own + [audit.append(f"shared:{i}", lambda _: [refused(f"by {thread}")])[0].seq for i in range(25)]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(work, range(8)))
    rows = list(Reader(path).rows())
    assert len(rows) == 1 + 8 * 25 + 25
    assert list(verify(rows)) == []
    assert len({tuple(seqs[25:]) for seqs in found}) == 1, "all threads go on with the same stored events"


def test_two_processes_files_of_one_log_never_fork_the_chain(path: Path) -> None:
    one, two = Audit(path), Audit(path)
    assert one.store == two.store
    for i in range(10):
        (one, two)[i % 2].append(None, lambda _: [refused("x")])
    assert one.append("k", lambda _: [refused("one")]) == two.append("k", lambda _: [refused("two")])
    one.close()
    two.close()
    assert list(verify(Reader(path).rows())) == []


def test_numbers_of_runs_are_given_inside_the_transaction(audit: Audit) -> None:
    def judge(world: World) -> list[Draft]:
        return [Draft(event=requested(), run=world.next_run("prod-dmz"), actor=ANA)]

    with ThreadPoolExecutor(8) as pool:
        runs = [item.run for (item,) in pool.map(lambda _: audit.append(None, judge), range(16))]
    assert sorted(runs, key=lambda name: int(name.rpartition("-")[2])) == [f"prod-dmz-{i}" for i in range(1, 17)]


# --- secrets --------------------------------------------------------------------------------------------------------

SECRETS = [
    'pass"word\\',
    "Grüße-aus-Köln",
    "tab\tand\nline",
    "emoji🔥secret",
    "</script>'--",
    "plain-secret",
    "x" * 300,
]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_enters_no_event_in_any_spelling(secret: str, path: Path) -> None:
    audit = Audit(path, [secret])
    actor = e.Actor(person="ana", account="slack:U0ANA", shown=f"ana {secret}")
    event = e.Refused(text=f"upgrade because {secret}{secret}", sentence=json.dumps(secret))
    (item,) = audit.append(None, lambda _: [Draft(event=event, actor=actor)])
    audit.set_progress("prod-dmz-1", 1, 1, f"installing with {secret}", 5)
    assert audit.progress("prod-dmz-1") == {1: ("installing with •••", 5)}
    audit.close()
    assert isinstance(item.event, e.Refused)
    assert item.event.text == "upgrade because ••••••"
    assert item.actor.shown == "ana •••"
    for row in Reader(path).rows():
        for spelled in (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
            assert spelled not in row["data"] + row["actor"]
    assert list(verify(Reader(path).rows())) == []


def test_a_run_that_this_version_cannot_read_keeps_others_out(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(Audit(path)) as audit:
        audit.append("r", lambda _: [Draft(event=requested(), run="prod-dmz-1", actor=ANA)])
        audit.append("a", lambda _: [Draft(event=e.Admitted(n=1), run="prod-dmz-1")])
        monkeypatch.delitem(KINDS, "Admitted")
        assert audit.open_runs("prod-dmz") == [], "what is shown goes on"
        for ask in (lambda: audit.run("prod-dmz-1"), lambda: audit.append("x", lambda w: w.open_runs("prod-dmz"))):
            with pytest.raises(AuditFault, match="can't read the events of prod-dmz-1"):
                ask()
        assert audit.by_key("x") is None
        assert audit.append("y", lambda w: [] if w.open_runs("test") else [refused("more")])


def test_the_longer_of_two_secrets_is_masked_whole(path: Path) -> None:
    audit = Audit(path, ["secret", "secret-of-corp"])
    (item,) = audit.append(None, lambda _: [refused("it is secret-of-corp")])
    audit.close()
    assert isinstance(item.event, e.Refused)
    assert item.event.text == "it is •••"


def test_a_secret_that_is_a_word_of_the_log_does_not_break_it(path: Path) -> None:
    audit = Audit(path, ["sentence", "done"])
    try:
        audit.append("k", lambda _: [Draft(event=e.Ended(outcome="done", sentence="All steps are done."))])
        assert audit.by_key("k")
    finally:
        audit.close()


# --- what comes back ------------------------------------------------------------------------------------------------


def test_events_come_back_as_they_were_stored(audit: Audit) -> None:
    events = [item if isinstance(item, tuple) else (item, e.BOT) for item in Tale().at_gate().events]
    audit.append(None, lambda _: [Draft(event=event, run="prod-dmz-17", actor=actor) for event, actor in events])
    back = audit.since(0, "prod-dmz-17")
    assert [(item.event, item.actor) for item in back] == events
    run = audit.run("prod-dmz-17")
    assert run
    assert run.gate
    assert [r.id for r in audit.open_runs()] == ["prod-dmz-17"]
    assert run.head == f"{back[-1].seq}:{back[-1].hash}"


def test_every_kind_of_event_has_a_name_of_its_own_and_no_other_is_known() -> None:
    assert len(KINDS) == len({to_kind for to_kind in KINDS.values()})
    with pytest.raises(ValueError, match="no event is called Exec"):
        from_data("Exec", {})
    with pytest.raises(ValueError, match="outcome"):
        from_data("Ended", {"outcome": "exploded", "sentence": "."})
    assert from_data("Approved", to_data(e.Approved(hash="x"))) == e.Approved(hash="x")


def test_waiters_wake_at_news_and_the_version_counts_up(audit: Audit) -> None:
    version = audit.wait(-1, 0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(audit.wait, version, 30)
        audit.append(None, lambda _: [refused("x")])
        assert waiting.result() > version
    assert audit.wait(-1, 0) == waiting.result()


def test_an_append_that_stores_nothing_wakes_nobody(audit: Audit) -> None:
    version = audit.wait(-1, 0)
    audit.append("k", lambda _: [])
    assert audit.wait(-1, 0) == version


def test_a_stored_event_shows_no_hash_in_its_repr(audit: Audit) -> None:
    item: Stored = audit.since(0)[0]
    assert item.hash not in repr(item)
