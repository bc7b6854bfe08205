"""The terminal's side of `nps do`: sends the text to the bot, shows the run as it grows, and ends with its exit
code."""

import json
import os
import socket
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from bot.errors import BadInput, NpsError
from bot.events import Actor, Stored, adapter, from_data
from bot.followers.terminal import address
from bot.telling import (
    choices,
    decisions,
    evidence,
    foretold_line,
    plan_lines,
    plan_of,
    read_at,
    state,
    step_details,
    step_line,
    title,
    warnings,
    what_next,
)
from bot.texts import plain, visible
from bot.view import Run, StepView, fold

DONE, FAILED, REFUSED, WAITS = 0, 1, 2, 3
COLOURS = {"done": "green", "failed": "red", "running": "cyan", "skipped": "yellow", "pending": "dim"}


def ask(folder: Path, text: str, follow: bool) -> Iterator[dict[str, Any]]:
    """The bot's lines, as they come, until it ends or goes away; raises BadInput where no bot is alive."""
    request = {"text": text, "id": str(uuid.uuid4()), "follow": follow, "actor": os.environ.get("NPS_ACTOR")}
    with _connected(folder) as connection:
        try:
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as stream:
                for line in stream:
                    yield json.loads(line)
        except (ConnectionError, json.JSONDecodeError):
            return  # it went away in the middle of a line: the caller knows how far it came


def _connected(folder: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with address(folder) as path:
            connection.connect(path)
    except PermissionError as fault:
        raise BadInput(f"You may not enter {folder}; nothing was recorded.", "Ask who runs the bot.") from fault
    except OSError as fault:
        raise BadInput(f"No bot is alive on {folder}; nothing was recorded.", "Start it: nps serve") from fault
    return connection


def do(folder: Path, text: str, *, wait: bool, as_json: bool) -> int:
    """The exit code of a request: 0 done, 1 failed or aborted, 2 refused, 3 waits for people where no terminal is
    there to wait at."""
    lines = ask(folder, text, wait)
    answer = next(lines, None)
    if answer is None:
        raise NpsError("The bot closed the connection without an answer.", "Look at its log.")
    told = answer["answer"]
    if as_json:
        _print_json(answer)
    else:
        _console().print("\n".join(visible(line) for line in plain(told["text"]).split("\n")), markup=False)
    if told["kind"] in ("refused", "bad"):
        return REFUSED
    if not wait or told["kind"] == "told" or told["run"] is None:
        return DONE
    return _follow(lines, told["seq"], as_json)


def _console() -> Console:
    """Wraps for people's eyes only: what another program reads keeps its lines."""
    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


def _print_json(data: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(data, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _follow(lines: Iterator[dict[str, Any]], since: int, as_json: bool) -> int:
    """Follows from the run's beginning; whether it waits is judged from the request's own event on."""
    interactive = sys.stdout.isatty() and not as_json
    with Show(interactive, quiet=as_json) as show:
        for line in lines:
            if as_json:
                _print_json(line)
            show.take(line)
            run = show.run
            if run and run.ended:
                return DONE if run.ended.outcome == "done" else FAILED
            if run and not interactive and show.seq >= since and (_waits(run) or show.is_locked):
                return WAITS
    raise NpsError("The bot went away while the run was being followed; the run is recorded.", 'Type: nps do "status"')


def _waits(run: Run) -> bool:
    return (
        bool(run.gate and not run.gate.is_optional)
        or (run.paused is not None and not run.is_working)
        or (run.plan is not None and not run.is_approved and not run.request.only_plan)
    )


def _stored(data: dict[str, Any]) -> Stored:
    actor = adapter(Actor).validate_python(data["actor"])
    event = from_data(data["kind"], data["data"])
    at = datetime.fromisoformat(data["at"])
    return Stored(seq=data["seq"], run=data["run"], key=data["key"], at=at, actor=actor, event=event, hash=data["hash"])


class Show:
    """The run on the screen: redrawn in place at a terminal, a line for each change elsewhere."""

    def __init__(self, interactive: bool, quiet: bool) -> None:
        self._events: list[Stored] = []
        self._folded: Run | None = None
        self._waits, self.is_locked = "", False
        self.seq = 0
        self._progress: dict[int, tuple[str, int | None]] = {}
        self._console, self._quiet = _console(), quiet
        self._live = Live(console=self._console, refresh_per_second=8) if interactive else None
        self._printed: set[str] = set()

    @property
    def run(self) -> Run | None:
        return replace(self._folded, waits=self._waits) if self._folded else None

    def __enter__(self) -> "Show":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def take(self, line: dict[str, Any]) -> None:
        """Takes in a line of the bot's and shows what it changed."""
        if "event" in line:
            self._events.append(_stored(line["event"]))
            self._folded, self.seq = fold(self._events), self._events[-1].seq
        elif "waits" in line:
            self._waits, self.is_locked = line["waits"], line["locked"]
        elif "progress" in line:
            self._progress = {int(step): value for step, value in line["progress"].items()}
        if not self._quiet:
            self._draw()

    def _draw(self) -> None:
        if self.run is None:
            return
        if self._live:
            self._live.update(Group(*screen(self.run, self._progress, self._console)))
        else:
            for line in report(self.run):
                if line not in self._printed:
                    self._printed.add(line)
                    self._console.print(visible(line), markup=False)


def report(run: Run) -> list[str]:
    """Lines for a log: each is printed once, when it is first true."""
    lines = [f"{run.id} {title(run)}"] if run.plan else []
    if run.plan and not run.started:
        lines += [plan_of(run), *plan_lines(run)]
        lines += warnings(run)
    for step in run.steps:
        if step.begun and step.state != "pending":
            lines.append(step_line(step))
        if step.state == "failed":
            lines += [f"    {line}" for line in _failed(step)]
        elif step.state == "done" and run.plan and run.plan.steps[step.number - 1].mode == "check":
            lines.append(f"    {evidence(step)}")
        lines += [f"    {line}" for line in decisions(step.gates)]
    lines += decisions(run.general_gates)
    if run.gate:
        lines += [f"{run.gate.sentence} {run.gate.next_move}".strip(), *choices(run, run.gate)]
    if nxt := what_next(run):
        lines.append(nxt)
    if run.waits:
        lines.append(f"{run.id} {run.waits}")
    if run.ended:
        lines.append(f"{run.id} {run.ended.outcome}: {run.ended.sentence}")
    return lines


def screen(run: Run, progress: dict[int, tuple[str, int | None]], console: Console) -> list[Text]:
    """The whole run in fewer lines than the screen has: what people must do stays whole, the steps give way, those
    around the current one last."""
    height = console.height - 1
    head = _row(f"{run.id}  {state(run)}  {title(run)}", "bold")
    rows = [(row, step.state in ("done", "skipped")) for step in run.steps for row in _step_rows(run, step, progress)]
    foot = [row for text in _foot(run) for row in _wrapped(text, console)][: max(1, height - 4)]
    room = max(1, height - 1 - len(foot))
    over = sum(is_over for _, is_over in rows)
    first = min(max(0, over - 1), max(0, len(rows) - room)) if len(rows) > room else 0
    return [head, *(row for row, _ in rows[first : first + room]), *foot]


def _step_rows(run: Run, step: StepView, progress: dict[int, tuple[str, int | None]]) -> list[Text]:
    if not run.started:
        return [_row(foretold_line(run, step.number), "dim")]
    rows = [_row(step_line(step), COLOURS[step.state])]
    if step.state == "running" and step.number in progress:
        line, percent = progress[step.number]
        rows.append(_row(f"      {f'{percent} %  ' if percent is not None else ''}{line}", "dim"))
    if step.state == "failed":
        rows += [_row(f"      {line}", "red") for line in _failed(step)]
    return rows + [_row(f"      {line}", "dim") for line in decisions(step.gates)]


def _failed(step: StepView) -> list[str]:
    return [*step_details(step), *([plain(read_at(step.end))] if step.end and step.end.read_at else [])]


def _foot(run: Run) -> list[str]:
    gate = [f"{run.gate.sentence} {run.gate.next_move}".strip(), *choices(run, run.gate)] if run.gate else []
    told = warnings(run) if not run.started and not run.gate else []
    return [*told, *gate, *([what_next(run)] if what_next(run) else []), *([run.ended.sentence] if run.ended else [])]


def _row(text: str, style: str) -> Text:
    return Text(visible(text), style=style, no_wrap=True, overflow="ellipsis")


def _wrapped(text: str, console: Console) -> list[Text]:
    return list(Text(visible(text), style="bold").wrap(console, console.width))
