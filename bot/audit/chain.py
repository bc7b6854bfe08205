"""The hash chain: how a row is closed, and how a log is verified without trusting its database."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

GENESIS = "0" * 64
COLUMNS = ("seq", "run", "key", "at", "actor", "kind", "data")


@dataclass(frozen=True, kw_only=True)
class Break:
    """A place where the log is not what was written, in a sentence."""

    seq: int
    sentence: str


def canonical(data: Any) -> str:
    """The one spelling of JSON data that is stored and hashed."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def row_hash(row: Mapping[str, Any], previous: str) -> str:
    """SHA-256 over the row as it is stored, and the hash of the row before it; only text and numbers are ours."""
    values = [*(row[column] for column in COLUMNS), previous]
    text = canonical([value if isinstance(value, str | int | None) else repr(value) for value in values])
    return hashlib.sha256(text.encode()).hexdigest()


def verify(rows: Iterable[Mapping[str, Any]], heads: Iterable[tuple[int, str]] = ()) -> Iterator[Break]:
    """Yields every break; `heads` are (seq, hash) known from elsewhere, such as a run's thread, and show a cut tail."""
    expected, previous, last = 1, GENESIS, 0
    seen: dict[int, str] = {}
    for row in rows:
        seq = row["seq"]
        if seq < expected:
            yield Break(seq=seq, sentence=f"row {seq} does not belong here: the log begins with row 1")
        elif seq != expected:
            missing = f"row {expected}" if seq == expected + 1 else f"rows {expected} to {seq - 1}"
            yield Break(seq=expected, sentence=f"{missing} missing: the log goes from {last} to {seq}")
        elif row["previous"] != previous:
            yield Break(seq=seq, sentence=f"row {seq} does not follow row {last}: rows were exchanged or rewritten")
        if row_hash(row, row["previous"]) != row["hash"]:
            yield Break(
                seq=seq, sentence=f"row {seq} ({row['kind']}, run {row['run'] or '-'}) was changed after it was written"
            )
        seen[seq] = str(row["hash"])
        expected, previous, last = seq + 1, row["hash"], seq
    for seq, value in heads:
        if seq not in seen:
            yield Break(seq=seq, sentence=f"row {seq}, known from outside, is missing: the log ends at {last}")
        elif not seen[seq].startswith(value):
            yield Break(seq=seq, sentence=f"row {seq} is not the one known from outside: its hash is {seen[seq][:12]}")
