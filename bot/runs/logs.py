"""Installers' logs as files of a run; a byte of the host's log has the same place here, so that writing it again
changes nothing. A host's word for a place is believed up to a limit only."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

OVERLAP = 4096
LIMIT = 64 * 1024 * 1024
KEPT = LIMIT - OVERLAP
"""What stays of a log that passes the limit: a secret that begins before it has been seen whole, and is masked."""
CUT = "\n[nps-bot keeps the first 64 MiB of a log; the rest of this one is dropped.]\n"
TAIL = 8192
UTF_16 = b"\xff\xfe"


class Logs:
    """Known secrets are covered by asterisks of the same length before a log is left on disk."""

    def __init__(self, folder: Path, secrets: Iterable[str]) -> None:
        self._folder = folder
        self._secrets = [s.encode(code) for s in secrets if len(s) >= 4 for code in ("utf-8", "utf-16-le")]

    def name(self, run: str, step: int, attempt: int) -> str:
        """The file's name below the data folder, as an event keeps it."""
        return f"runs/{run}/{step}-{attempt}.log"

    def write(self, name: str, offset: int, data: bytes) -> None:
        """Puts a piece at its place; what straddles two pieces is masked with the second, what is over the limit is
        dropped."""
        if not data:
            return
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("r+b" if path.exists() else "w+b") as file:
            if offset < LIMIT:
                self._put(file, offset, data)
            if offset + len(data) > LIMIT:
                _cut(file)

    def _put(self, file: BinaryIO, offset: int, data: bytes) -> None:
        start = max(0, offset - OVERLAP)
        file.seek(start)
        piece = file.read(offset - start).ljust(offset - start, b" ") + data
        for secret in self._secrets:
            piece = piece.replace(secret, b"*" * len(secret))
        file.seek(start)
        file.write(piece)

    def closed(self, name: str) -> tuple[str | None, str | None, str]:
        """The file's name, its SHA-256 and its last lines; nothing where no log was written."""
        path = self._folder / name
        if not path.exists():
            return None, None, ""
        with path.open("rb") as file:
            return name, hashlib.file_digest(file, "sha256").hexdigest(), _tail(file)


def _cut(file: BinaryIO) -> None:
    code = _code(file)
    file.seek(KEPT)
    file.write(CUT.encode(code))
    file.truncate()


def _code(file: BinaryIO) -> str:
    file.seek(0)
    return "utf-16-le" if file.read(2) == UTF_16 else "utf-8"


def _tail(file: BinaryIO) -> str:
    code = _code(file)
    start = max(0, file.seek(0, os.SEEK_END) - TAIL)
    file.seek(start - start % 2)  # an even place is where a character of UTF-16 may begin
    text = file.read().decode(code, errors="replace").removeprefix("\ufeff")
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-5:])[-1000:]
