"""The terminal's door: a Unix socket in the data folder. The kernel names the caller; a request goes the same way as
one from Slack."""

import contextlib
import json
import logging
import os
import pwd
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bot.audit import Audit
from bot.errors import NpsError
from bot.events import Ended, Stored, to_data
from bot.intake import Answer, Caller, Intake
from bot.texts import clean, short

NAME = "nps.sock"
LINE_LIMIT = 1024 * 1024
"""More than the kernel lets any argument of a program be, even as JSON."""
TOO_LONG = Answer(text="That is no request, or far too long for one. Shorten it.", kind="bad")
log = logging.getLogger("nps.terminal")


@contextlib.contextmanager
def address(folder: Path) -> Iterator[str]:
    """The socket's path by way of its folder's descriptor, for the kernel takes at most 107 characters."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)


class Terminal:
    """Serves each connection in a thread of its own: one request, its answer, and the run until it ends."""

    def __init__(self, folder: Path, audit: Audit, intake: Intake) -> None:
        self._audit, self._intake, self._path = audit, intake, folder / NAME
        self._path.unlink(missing_ok=True)  # the folder's lock is held: whoever left it is gone
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with address(folder) as path:
            self._socket.bind(path)
        self._path.chmod(0o666)
        self._socket.listen(16)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="terminal", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                if not self._stopping.is_set():
                    raise
                return
            threading.Thread(target=self._serve, args=(connection,), name="terminal caller", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                connection.settimeout(10)
                asked = _request(connection)
                answer = TOO_LONG if asked is None else self._guarded(asked, _caller(connection, asked))
                events = self._audit.since(0, answer.run) if answer.kind == "recorded" and answer.run else []
                told = {"text": answer.text, "kind": answer.kind, "run": answer.run}
                _send(connection, {"answer": told | {"seq": events[-1].seq if events else None}})
                if asked and asked.get("follow") and events:
                    self._follow(connection, answer)
            except OSError as fault:
                log.info("A terminal went away (%s).", type(fault).__name__)

    def _guarded(self, asked: dict[str, Any], caller: Caller) -> Answer:
        try:
            return self._intake.text(str(asked.get("text", "")), caller)
        except NpsError as fault:
            log.error("A request could not be recorded: %s", fault)
        except Exception:
            log.exception("A request could not be recorded")
        return Answer(text="That could not be recorded just now. Nothing was done; look at the bot's log.", kind="bad")

    def _follow(self, connection: socket.socket, answer: Answer) -> None:
        run, seq, version = answer.run or "", 0, -1
        shown: dict[int, tuple[str, int | None]] = {}
        while not self._stopping.is_set():
            version = self._audit.wait(version, 5.0)
            progress = self._audit.progress(run)
            if progress != shown:
                shown = progress
                _send(connection, {"progress": {str(step): value for step, value in progress.items()}})
            for item in self._audit.since(seq, run):
                seq = item.seq
                _send(connection, {"event": event_data(item)})
                if isinstance(item.event, Ended):
                    return


def event_data(item: Stored) -> dict[str, Any]:
    """A stored event as one JSON object, as `--json` and `audit show --json` print it."""
    return {
        "seq": item.seq, "run": item.run, "key": item.key, "at": item.at.isoformat(), "actor": to_data(item.actor),
        "kind": type(item.event).__name__, "data": to_data(item.event), "hash": item.hash,
    }  # fmt: skip


def _request(connection: socket.socket) -> dict[str, Any] | None:
    """None for what is no request, or longer than any command may be."""
    with connection.makefile("rb") as stream:
        line = stream.readline(LINE_LIMIT)
    try:
        asked = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return asked if isinstance(asked, dict) else None


def _send(connection: socket.socket, data: dict[str, Any]) -> None:
    connection.sendall(json.dumps(data).encode() + b"\n")


def _caller(connection: socket.socket, asked: dict[str, Any]) -> Caller:
    """The kernel's word for who calls; only the bot's own account may claim to act for another (NPS_ACTOR, in a
    container)."""
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    key = f"os:{asked.get('id', '')}"
    claimed = asked.get("actor")
    if isinstance(claimed, str) and claimed and uid == os.getuid():
        name = short(clean(claimed), 40)
        return Caller(account=f"os:{name}", shown=name, key=key, claimed=True)
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    return Caller(account=f"os:{name}", shown=name, key=key)
