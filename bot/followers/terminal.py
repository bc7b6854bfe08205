"""The terminal's door: a Unix socket in the data folder. The kernel names the caller; a request goes the same way as
one from Slack."""

import contextlib
import json
import logging
import os
import pwd
import select
import socket
import struct
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bot.audit import Audit
from bot.errors import BadInput, NpsError
from bot.events import Ended, Stored, to_data
from bot.intake import Answer, Caller, Intake
from bot.texts import clean, escape, short, untyped

NAME = "nps.sock"
LINE_LIMIT = 1024 * 1024
"""More than the kernel lets any argument of a program be, even as JSON."""
NOBODY: dict[str, Any] = {"waits": "", "locked": False}
CALLERS, PAUSE, HURRY = 64, 1.0, 0.2
TOO_LONG = Answer(text="That is no request, or far too long for one. Shorten it.", kind="bad")
FULL = Answer(text=f"{CALLERS} terminals are being served already; nothing was recorded. Try again soon.", kind="bad")
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
        self._room = threading.BoundedSemaphore(CALLERS)
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
            except OSError as fault:
                if not self._stopping.is_set():
                    log.error("No terminal can come in just now, the bot keeps trying: %s.", fault.strerror)
                self._stopping.wait(PAUSE)
                continue
            if self._room.acquire(blocking=False):
                threading.Thread(target=self._serve, args=(connection,), name="terminal caller", daemon=True).start()
            else:
                _refuse(connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._talk(connection)
            except OSError as fault:
                log.info("A terminal went away (%s).", type(fault).__name__)
            finally:
                self._room.release()

    def _talk(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        asked = _request(connection)
        answer = TOO_LONG if asked is None else self._guarded(asked, connection)
        events = self._audit.since(0, answer.run) if answer.kind == "recorded" and answer.run else []
        _answer(connection, answer, events[-1].seq if events else None)
        if asked and asked.get("follow") and events:
            self._follow(connection, answer)

    def _guarded(self, asked: dict[str, Any], connection: socket.socket) -> Answer:
        try:
            return self._intake.text(str(asked.get("text", "")), _caller(connection, asked))
        except BadInput as fault:
            return Answer(text=escape(str(fault)), kind="bad")
        except NpsError as fault:
            log.error("A request could not be recorded: %s", fault)
        except Exception:
            log.exception("A request could not be recorded")
        return Answer(text="That could not be recorded just now. Nothing was done; look at the bot's log.", kind="bad")

    def _follow(self, connection: socket.socket, answer: Answer) -> None:
        run, seq, version, waits = answer.run or "", 0, -1, NOBODY
        shown: dict[int, tuple[str, int | None]] = {}
        while not self._stopping.is_set() and not _has_left(connection):
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
            if (now := self._waits(run)) != waits:
                waits = now
                _send(connection, waits)

    def _waits(self, name: str) -> dict[str, Any]:
        """For whom the run waits for its environment, and whether that is a person; its own events can't tell."""
        run = self._audit.run(name)
        told = self._audit.told(run).waits if run else ""
        return {"waits": told, "locked": bool(run and told and self._audit.environment(run.request.environment).lock)}


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


def _answer(connection: socket.socket, answer: Answer, seq: int | None = None) -> None:
    _send(connection, {"answer": {"text": untyped(answer.text), "kind": answer.kind, "run": answer.run, "seq": seq}})


def _refuse(connection: socket.socket) -> None:
    """Takes in what the caller is about to send: one who still writes would find the door shut and read no sentence."""
    with connection, contextlib.suppress(OSError):
        connection.settimeout(HURRY)
        with contextlib.suppress(TimeoutError):
            connection.recv(LINE_LIMIT)
        _answer(connection, FULL)


def _has_left(connection: socket.socket) -> bool:
    """Whether the other side has closed; a run that waits for people writes nothing that would show it."""
    poll = select.poll()
    poll.register(connection, 0)  # a hang-up is always told
    return bool(poll.poll(0))


def _key(uid: int, asked: dict[str, Any]) -> str:
    """The act's name: the caller's own id, within what is the caller's, so that nobody takes up another's act."""
    try:
        return f"os:{uid}:{uuid.UUID(str(asked.get('id', '')))}"
    except ValueError:
        raise BadInput("The request has no id.", "Send a UUID of its own as id.") from None


def _caller(connection: socket.socket, asked: dict[str, Any]) -> Caller:
    """The kernel's word for who calls; only the bot's own account may claim to act for another (NPS_ACTOR, in a
    container)."""
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    key = _key(uid, asked)
    claimed = asked.get("actor")
    if isinstance(claimed, str) and claimed and uid == os.getuid():
        name = short(clean(claimed), 40)
        return Caller(account=f"os:{name}", shown=name, key=key, claimed=True)
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    return Caller(account=f"os:{name}", shown=name, key=key)
