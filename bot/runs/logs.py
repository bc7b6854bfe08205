"""Installers' logs as files of a run; a byte of the host's log has the same place here, so that writing it again
changes nothing."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

OVERLAP = 4096


class Logs:
    """Known secrets are covered by asterisks of the same length before a log is left on disk."""

    def __init__(self, folder: Path, secrets: Iterable[str]) -> None:
        self._folder = folder
        self._secrets = [s.encode(code) for s in secrets if len(s) >= 4 for code in ("utf-8", "utf-16-le")]

    def name(self, run: str, step: int, attempt: int) -> str:
        """The file's name below the data folder, as an event keeps it."""
        return f"runs/{run}/{step}-{attempt}.log"

    def write(self, name: str, offset: int, data: bytes) -> None:
        """Puts a piece at its place; what straddles two pieces is masked with the second."""
        if not data:
            return
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("r+b" if path.exists() else "w+b") as file:
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
        data = path.read_bytes()
        return name, hashlib.sha256(data).hexdigest(), _tail(data)


def _tail(data: bytes) -> str:
    text = data.decode("utf-16" if data[:2] == b"\xff\xfe" else "utf-8", errors="replace")
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-5:])[-1000:]
