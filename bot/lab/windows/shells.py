"""WinRS shells and the commands in them: WS-Management operations in, bodies or faults out.

A shell's end is the end of its commands; an installer belongs to the machine and stays.
"""

import threading
import time
import traceback
import uuid
from collections.abc import Callable

from bot.lab.windows import soap

ENVELOPE_ROOM = 2500
DEFAULT_IDLE = 7200.0
LONGEST_LIFE = 28_800.0
"""MaxShellRunTime, which nobody can change: eight hours."""
Program = Callable[[str, "Command"], int]


class Command:
    """A running command: its standard streams from both sides, and its exit code once it has one."""

    def __init__(self, line: str, program: Program) -> None:
        self._moved = threading.Condition()
        self._stdin = bytearray()
        self._is_ended = False
        self._is_killed = False
        self._out = {"stdout": bytearray(), "stderr": bytearray()}
        self._code: int | None = None
        threading.Thread(target=self._run, args=(line, program), daemon=True).start()

    def _run(self, line: str, program: Program) -> None:
        try:
            code = program(line, self)
        except Exception:
            # The client reads it, as it would read a script's uncaught error.
            self.complain(traceback.format_exc().encode())
            code = 1
        with self._moved:
            self._code = code
            self._moved.notify_all()

    # The command's side

    def read_line(self) -> bytes:
        """The next line with its end; what there is when the input has ended."""
        with self._moved:
            self._moved.wait_for(lambda: b"\n" in self._stdin or self._is_ended)
            found = self._stdin.find(b"\n")
            return self._take(found + 1 if found >= 0 else len(self._stdin))

    def read(self, count: int) -> bytes:
        with self._moved:
            self._moved.wait_for(lambda: len(self._stdin) >= count or self._is_ended)
            return self._take(count)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._stdin[:count])
        del self._stdin[:count]
        return taken

    def write(self, data: bytes) -> None:
        self._put("stdout", data)

    def complain(self, data: bytes) -> None:
        self._put("stderr", data)

    def _put(self, stream: str, data: bytes) -> None:
        with self._moved:
            self._out[stream] += data
            self._moved.notify_all()

    # The client's side

    def send(self, data: bytes, is_end: bool) -> None:
        with self._moved:
            self._stdin += data
            self._is_ended |= is_end
            self._moved.notify_all()

    def receive(self, seconds: float, room: int) -> tuple[dict[str, bytes], int | None] | None:
        """New output, up to `room` bytes, and the exit code once all was handed out; None when nothing came in time."""
        with self._moved:
            self._moved.wait_for(lambda: any(self._out.values()) or self._code is not None or self._is_killed, seconds)
            if self._is_killed or not (any(self._out.values()) or self._code is not None):
                return None
            streams = {}
            for name, waiting in self._out.items():
                streams[name] = bytes(waiting[:room])
                del waiting[:room]
                room -= len(streams[name])
            return streams, None if any(self._out.values()) else self._code

    def kill(self) -> None:
        with self._moved:
            self._is_killed = self._is_ended = True
            self._stdin.clear()
            self._moved.notify_all()

    @property
    def is_killed(self) -> bool:
        return self._is_killed


class Shell:
    """One WinRS shell; unused for longer than its idle time, it is gone."""

    def __init__(self, idle: float) -> None:
        self.idle = idle
        self.used = self.born = time.monotonic()
        self.commands: dict[str, Command] = {}

    def is_idle(self, now: float) -> bool:
        return now - self.used > self.idle

    def is_old(self, now: float) -> bool:
        return now - self.born > LONGEST_LIFE

    def kill(self) -> None:
        for command in self.commands.values():
            command.kill()


class Shells:
    """All shells of a pretend server, under Windows' quota for one user."""

    def __init__(self, program: Program, owner: str, limit: int = 30) -> None:
        self._program = program
        self._owner = owner
        self._lock = threading.Lock()
        self._open: dict[str, Shell] = {}
        self.limit = limit
        self._actions: dict[str, Callable[[soap.Request], str]] = {
            "Create": self._create,
            "Command": self._command,
            "Send": self._send,
            "Receive": self._receive,
            "Signal": self._signal,
            "Delete": self._delete,
        }

    def answer(self, request: soap.Request) -> str:
        """The body of the answer; a refusal is raised as `soap.Fault`."""
        if request.action not in self._actions:
            raise soap.bad_parameter(f"action {request.action_uri}")
        return self._actions[request.action](request)

    def lose_all(self) -> None:
        """Every shell and command is gone at once, as after a reboot or a restart of WinRM."""
        with self._lock:
            lost, self._open = self._open, {}
        for shell in lost.values():
            shell.kill()

    def age(self, seconds: float) -> None:
        """Every shell is so much older at once."""
        with self._lock:
            for shell in self._open.values():
                shell.born -= seconds

    def idle(self, seconds: float) -> None:
        """Nobody has used any shell for so much longer at once."""
        with self._lock:
            for shell in self._open.values():
                shell.used -= seconds

    def __len__(self) -> int:
        return len(self._open)

    def _shell(self, request: soap.Request) -> Shell:
        with self._lock:
            self._expire()
            shell = self._open.get(request.shell_id or "")
            if shell is None:
                raise soap.unknown_shell(request.shell_id)
            if shell.is_old(time.monotonic()):
                self._open.pop(request.shell_id or "").kill()
                raise soap.TooOld
            shell.used = time.monotonic()
            return shell

    def _expire(self) -> None:
        for name in [name for name, shell in self._open.items() if shell.is_idle(time.monotonic())]:
            self._open.pop(name).kill()

    def _running(self, request: soap.Request, element: str) -> tuple[str, Command]:
        name = request.command_id(element)
        command = self._shell(request).commands.get(name)
        if command is None:
            raise soap.unknown_shell(name)
        return name, command

    def _create(self, request: soap.Request) -> str:
        shell = Shell(soap.duration(request.text("IdleTimeOut"), DEFAULT_IDLE))
        name = _new_id()
        with self._lock:
            self._expire()
            if len(self._open) >= self.limit:
                raise soap.too_many_shells(self.limit)
            self._open[name] = shell
        return soap.created(name, self._owner, shell.idle)

    def _command(self, request: soap.Request) -> str:
        shell, name = self._shell(request), _new_id()
        shell.commands[name] = Command(request.command_line(), self._program)
        return soap.command_started(name)

    def _send(self, request: soap.Request) -> str:
        self._running(request, "Stream")[1].send(*request.stdin())
        return "<rsp:SendResponse/>"

    def _receive(self, request: soap.Request) -> str:
        name, command = self._running(request, "DesiredStream")
        output = command.receive(request.seconds, (request.room - ENVELOPE_ROOM) * 3 // 4)
        if output is None:
            raise soap.unknown_shell(name) if command.is_killed else soap.nothing_yet()
        self._shell(request)
        return soap.received(name, *output)

    def _signal(self, request: soap.Request) -> str:
        name, command = self._running(request, "Signal")
        command.kill()
        del self._shell(request).commands[name]
        return "<rsp:SignalResponse/>"

    def _delete(self, request: soap.Request) -> str:
        shell = self._shell(request)
        with self._lock:
            self._open.pop(request.shell_id or "", None)
        shell.kill()
        return ""


def _new_id() -> str:
    return str(uuid.uuid4()).upper()
