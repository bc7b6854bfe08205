"""Installers' logs as files of a run; a byte of the host's log has the same place here, so that writing it again
changes nothing. A host's word for a place is believed up to a limit only."""

import codecs
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
UTF_16, UTF_16_CODE = b"\xff\xfe", "utf-16-le"
CODES = ("utf-8", UTF_16_CODE, "cp1252", "cp850")
"""How a Windows server may write a secret into a log."""


class Logs:
    """Known secrets are covered by asterisks of the same length before a log is left on disk."""

    def __init__(self, folder: Path, secrets: Iterable[str]) -> None:
        self._folder = folder
        self._masks = dict(_mask(secret, code) for secret in secrets if len(secret) >= 4 for code in CODES)
        self._masks.pop(b"", None)

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
        for secret, mask in self._masks.items():
            piece = piece.replace(secret, mask)
        file.seek(start)
        file.write(piece)

    def closed(self, name: str) -> tuple[str | None, str | None, str]:
        """The file's name, its SHA-256 and its last lines; nothing where no log was written. What came as UTF-16 is
        UTF-8 from now on, for people and their tools."""
        path = self._folder / name
        if not path.exists():
            return None, None, ""
        _to_utf8(path)
        with path.open("rb") as file:
            return name, hashlib.file_digest(file, "sha256").hexdigest(), _tail(file)


def _mask(secret: str, code: str) -> tuple[bytes, bytes]:
    """The secret's bytes and as many that hide them; none where the code page lacks its characters."""
    data = secret.encode(code, "ignore")
    if data.decode(code) != secret:
        return b"", b""
    return data, ("*" * (len(data) // 2)).encode(code) if code == UTF_16_CODE else b"*" * len(data)


def _to_utf8(path: Path) -> None:
    with path.open("rb") as file:
        if _code(file) != UTF_16_CODE:
            return
        file.seek(len(UTF_16))
        aside = path.with_name(f"{path.name}.tmp")
        with aside.open("wb") as other:
            decoder = codecs.getincrementaldecoder(UTF_16_CODE)("replace")
            while piece := file.read(OVERLAP):
                other.write(decoder.decode(piece).encode("utf-8", "replace"))
            other.write(decoder.decode(b"", True).encode("utf-8", "replace"))
    aside.replace(path)


def _cut(file: BinaryIO) -> None:
    code = _code(file)
    file.seek(KEPT)
    file.write(CUT.encode(code))
    file.truncate()


def _code(file: BinaryIO) -> str:
    file.seek(0)
    return UTF_16_CODE if file.read(2) == UTF_16 else "utf-8"


def _tail(file: BinaryIO) -> str:
    file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
    data = file.read()
    while data and data[0] & 0xC0 == 0x80:  # the rest of a character
        data = data[1:]
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-5:])[-1000:]
