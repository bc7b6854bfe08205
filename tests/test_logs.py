"""Installers' logs: pieces at their places, secrets masked, and a host that lies about them costs no disk and no
memory."""

import hashlib
import tracemalloc
from pathlib import Path

import pytest

from bot.runs.logs import KEPT, LIMIT, OVERLAP, Logs

SECRET = "hunter2-hunter2"
PIECE = 64 * 1024


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    return Logs(tmp_path, [SECRET])


def last_line(path: Path, code: str = "utf-8") -> str:
    return path.read_bytes()[-400:].decode(code, "replace").splitlines()[-1]


def test_pieces_come_together_and_a_piece_written_again_changes_nothing(logs: Logs, tmp_path: Path) -> None:
    for offset, data in [(0, b"one\n"), (4, b"two\n"), (4, b"two\n"), (8, b"three\n")]:
        logs.write("a.log", offset, data)
    assert (tmp_path / "a.log").read_bytes() == b"one\ntwo\nthree\n"
    assert logs.closed("a.log") == ("a.log", hashlib.sha256(b"one\ntwo\nthree\n").hexdigest(), "one\ntwo\nthree")
    assert logs.closed("none.log") == (None, None, "")


@pytest.mark.parametrize("code", ["utf-8", "utf-16-le"])
def test_a_secret_in_two_pieces_is_masked_in_its_place(code: str, logs: Logs, tmp_path: Path) -> None:
    data = f"before {SECRET} after".encode(code)
    logs.write("a.log", 0, data[:21])
    logs.write("a.log", 21, data[21:])
    assert (tmp_path / "a.log").read_bytes() == f"before {'*' * len(SECRET)} after".encode(code)


@pytest.mark.parametrize("code", ["utf-8", "utf-16-le", "cp1252", "cp850"])
def test_a_secret_is_masked_in_every_code_page_that_a_server_writes(code: str, tmp_path: Path) -> None:
    logs = Logs(tmp_path, ["Schlüßel-ä1"])
    logs.write("a.log", 0, "before Schlüßel-ä1 after".encode(code))
    left = (tmp_path / "a.log").read_bytes().decode(code)
    assert "ä1" not in left
    assert left.replace("*", "") == "before  after"


def test_a_log_in_utf_16_is_kept_as_utf_8_that_hides_its_secrets(logs: Logs, tmp_path: Path) -> None:
    """As msiexec writes it, in pieces that cut characters; what is closed again stays as it is."""
    text = "".join(f"MSI (s) Größe 🔥 {n} PASSWORD={SECRET}\r\n" for n in range(3000))
    data = f"\ufeff{text}".encode("utf-16-le")
    for offset in range(0, len(data), 4097):
        logs.write("a.log", offset, data[offset : offset + 4097])
    name, sha256, tail = logs.closed("a.log")
    kept = (tmp_path / "a.log").read_bytes()
    assert kept.decode("utf-8") == text.replace(SECRET, "*" * len(SECRET))
    assert sha256 == hashlib.sha256(kept).hexdigest()
    assert tail.splitlines()[-1] == f"MSI (s) Größe 🔥 2999 PASSWORD={'*' * len(SECRET)}"
    assert logs.closed("a.log") == (name, sha256, tail)
    assert [path.name for path in tmp_path.iterdir()] == ["a.log"]


def test_the_last_lines_of_a_log_in_a_code_page_of_its_own_are_readable(logs: Logs, tmp_path: Path) -> None:
    logs.write("a.log", 0, "Größe geändert\r\n".encode("cp1252"))
    assert logs.closed("a.log")[2] == "Größe geändert"


@pytest.mark.parametrize("offset", [LIMIT - 3, LIMIT, 100 * 10**9, 2**62])
def test_a_host_that_claims_a_huge_log_fills_no_disk(offset: int, logs: Logs, tmp_path: Path) -> None:
    logs.write("a.log", 0, b"begins\n")
    logs.write("a.log", offset, b"far away\n")
    path = tmp_path / "a.log"
    assert path.stat().st_size <= LIMIT
    assert path.read_bytes().startswith(b"begins\n")
    assert "keeps the first 64 MiB" in last_line(path)


@pytest.mark.parametrize(("mark", "code"), [(b"", "utf-8"), (b"\xff\xfe", "utf-16-le")])
def test_what_is_over_the_limit_is_dropped_and_said_once(mark: bytes, code: str, logs: Logs, tmp_path: Path) -> None:
    logs.write("a.log", 0, mark + "begins\n".encode(code))
    line = "the log goes on and on\n".encode(code)
    piece = (line * (PIECE // len(line) + 1))[:PIECE]
    for offset in (LIMIT - PIECE, LIMIT, LIMIT + PIECE, LIMIT + PIECE):
        logs.write("a.log", offset, piece)
    path = tmp_path / "a.log"
    said = "keeps the first 64 MiB"
    assert path.read_bytes().count(said.encode(code)) == 1
    assert said in last_line(path, code)
    assert path.stat().st_size <= LIMIT
    lines = logs.closed("a.log")[2].splitlines()
    assert said in lines[-1]
    assert lines[-3] == "the log goes on and on"


def test_a_log_of_exactly_the_limit_is_whole(logs: Logs, tmp_path: Path) -> None:
    logs.write("a.log", LIMIT - 4, b"end\n")
    assert (tmp_path / "a.log").stat().st_size == LIMIT
    assert last_line(tmp_path / "a.log").endswith("end")


@pytest.mark.parametrize("shift", range(-len(SECRET), OVERLAP + len(SECRET), 517))
def test_no_half_of_a_secret_is_left_where_the_log_is_cut(shift: int, logs: Logs, tmp_path: Path) -> None:
    """The secret comes in two pieces, anywhere around the cut."""
    at, half = KEPT + shift, len(SECRET) // 2
    data = SECRET.encode()
    logs.write("a.log", at, data[:half])
    logs.write("a.log", at + half, data[half:] + b"x" * PIECE)
    with (tmp_path / "a.log").open("rb") as file:
        file.seek(KEPT - PIECE)
        assert data[:4] not in file.read()


def test_a_big_log_is_closed_without_reading_it_whole(logs: Logs, tmp_path: Path) -> None:
    logs.write("a.log", 0, b"begins\n")
    logs.write("a.log", LIMIT - 9, b"\nthe end\n")
    tracemalloc.start()
    try:
        _, sha256, tail = logs.closed("a.log")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert tail.endswith("the end")
    assert sha256 == hashlib.sha256((tmp_path / "a.log").read_bytes()).hexdigest()
    assert peak < 2_000_000


@pytest.mark.parametrize("more", [0, 1, 2, 3])
def test_the_tail_of_a_long_log_in_utf_16_is_text(more: int, logs: Logs) -> None:
    """However long, and with half a character at its end."""
    text = "".join(f"Zeile {n} ü\r\n" for n in range(2000)) + "Ende"
    data = b"\xff\xfe" + ("x" * more + text).encode("utf-16-le")
    logs.write("a.log", 0, data[: len(data) - more % 2])
    lines = logs.closed("a.log")[2].splitlines()
    assert lines[:4] == [f"Zeile {n} ü" for n in range(1996, 2000)]
    assert lines[4].startswith("End")


def test_a_short_log_in_utf_16_has_no_mark_in_its_tail(logs: Logs) -> None:
    logs.write("a.log", 0, b"\xff\xfe" + "eins\r\n\r\nzwei\r\n".encode("utf-16-le"))
    assert logs.closed("a.log")[2] == "eins\nzwei"
