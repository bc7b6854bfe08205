"""A pretend powershell.exe that speaks the loop's protocol: a script by its length, a ready line, then JSON
lines, which bytes may follow.

The script is taken in and not interpreted; what the verbs do is the machine's business.
"""

import json
import re
from typing import Any, Protocol

from bot.lab.windows.acts import Refusal
from bot.lab.windows.machine import Machine

_STARTS = re.compile(r"powershell(\.exe)?\s.*-EncodedCommand\s+\S", re.IGNORECASE | re.DOTALL)
CMD_LIMIT = 8191


class Pipes(Protocol):
    """A command's standard streams as the command itself sees them."""

    def read_line(self) -> bytes: ...
    def read(self, count: int) -> bytes: ...
    def write(self, data: bytes) -> None: ...
    def complain(self, data: bytes) -> None: ...


def run(line: str, pipes: Pipes, machine: Machine) -> int:
    """What cmd.exe does with a command line; the exit code."""
    if len(line) > CMD_LIMIT:
        pipes.complain(b"The command line is too long.\r\n")
        return 1
    if not _STARTS.match(line):
        pipes.complain(f"'{line.split(' ', 1)[0]}' is not a program of this host.\r\n".encode())
        return 1
    return _loop(pipes, machine)


def _loop(pipes: Pipes, machine: Machine) -> int:
    length = int(pipes.read_line())
    if len(pipes.read(length)) < length:
        pipes.complain(b"Standard input ended within the script.\r\n")
        return 1
    _say(pipes, {"id": 0, "ok": True, "result": [{"protocol": 1}]})
    while line := pipes.read_line():
        request = json.loads(line)
        _take(pipes, request["calls"])
        _say(pipes, {"id": request["id"], **_answer(request["calls"], machine)})
    return 0


def _take(pipes: Pipes, calls: list[dict[str, Any]]) -> None:
    """What follows a line that announces bytes; it becomes an argument of the call."""
    for call in calls:
        if call["verb"] == "receive_file":
            call["args"]["data"] = pipes.read(call["args"]["size"])


def _answer(calls: list[dict[str, Any]], machine: Machine) -> dict[str, Any]:
    results: list[dict[str, Any]] = []
    for call in calls:
        try:
            results.append(machine.perform(call["verb"], call.get("args") or {}))
        except Refusal as refusal:
            error = {"verb": call["verb"], "kind": refusal.kind, "message": refusal.message}
            return {"ok": False, "result": results, "error": error}
    return {"ok": True, "result": results}


def _say(pipes: Pipes, reply: dict[str, Any]) -> None:
    pipes.write(json.dumps(reply).encode("ascii") + b"\r\n")
