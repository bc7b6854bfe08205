"""The terminal's side of `nps do`: sends the text to the bot, shows the run as it grows, and ends with its exit
code."""

import json
import os
import socket
import sys
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from bot.errors import BadInput, NpsError
from bot.events import Actor, Stored, adapter, from_data
from bot.followers.terminal import address
from bot.telling import foretold_line, gate_line, state, step_details, step_line, title, what_next
from bot.texts import plain
from bot.view import Run, fold

DONE, FAILED, REFUSED, WAITS = 0, 1, 2, 3
COLOURS = {"done": "green", "failed": "red", "running": "cyan", "skipped": "yellow", "pending": "dim"}


def ask(folder: Path, text: str, follow: bool) -> Iterator[dict[str, Any]]:
    """The bot's lines, as they come; raises BadInput where no bot is alive."""
    request = {"text": text, "id": str(uuid.uuid4()), "follow": follow, "actor": os.environ.get("NPS_ACTOR")}
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            with address(folder) as path:
                connection.connect(path)
        except OSError as fault:
            raise BadInput(f"No bot is alive on {folder}; nothing was recorded.", "Start it: nps serve") from fault
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile("rb") as stream:
            for line in stream:
                yield json.loads(line)


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
        Console().print(Text(plain(told["text"])))
    if told["kind"] in ("refused", "bad"):
        return REFUSED
    if not wait or told["kind"] == "told":
        return DONE
    return _follow(lines, as_json)


def _print_json(data: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(data, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _follow(lines: Iterator[dict[str, Any]], as_json: bool) -> int:
    interactive = sys.stdout.isatty() and not as_json
    show = Show(interactive)
    with show:
        for line in lines:
            if as_json:
                _print_json(line)
            if "event" in line:
                show.add(_stored(line["event"]), quiet=as_json)
            elif "progress" in line:
                show.progress = {int(step): value for step, value in line["progress"].items()}
                show.draw()
            run = show.run
            if run and run.ended:
                return DONE if run.ended.outcome == "done" else FAILED
            if run and not interactive and _waits(run):
                return WAITS
    if show.seen:
        raise NpsError(
            "The bot went away while the run was being followed; the run is recorded.", 'Type: nps do "status"'
        )
    return DONE


def _waits(run: Run) -> bool:
    return bool(run.gate) or (run.plan is not None and not run.is_approved and not run.request.only_plan)


def _stored(data: dict[str, Any]) -> Stored:
    actor = adapter(Actor).validate_python(data["actor"])
    event = from_data(data["kind"], data["data"])
    at = datetime.fromisoformat(data["at"])
    return Stored(seq=data["seq"], run=data["run"], key=data["key"], at=at, actor=actor, event=event, hash=data["hash"])


class Show:
    """The run on the screen: redrawn in place at a terminal, a line for each change elsewhere."""

    def __init__(self, interactive: bool) -> None:
        self._events: list[Stored] = []
        self.run: Run | None = None
        self.progress: dict[int, tuple[str, int | None]] = {}
        self._console = Console()
        self._live = Live(console=self._console, refresh_per_second=8) if interactive else None
        self._printed: set[str] = set()

    def __enter__(self) -> "Show":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    @property
    def seen(self) -> bool:
        return bool(self._events)

    def add(self, item: Stored, quiet: bool) -> None:
        """Takes an event in and shows what it changed."""
        self._events.append(item)
        self.run = fold(self._events)
        if not quiet:
            self.draw()

    def draw(self) -> None:
        if self.run is None:
            return
        if self._live:
            self._live.update(Group(*screen(self.run, self.progress, self._console.height - 1)))
        else:
            for line in report(self.run):
                if line not in self._printed:
                    self._printed.add(line)
                    self._console.print(Text(line))


def report(run: Run) -> list[str]:
    """Lines for a log: each is printed once, when it is first true."""
    lines = [f"{run.id} {title(run)}"] if run.plan else []
    if run.plan and not run.started:
        lines += [foretold_line(run, step.number) for step in run.steps]
    for step in run.steps:
        if step.begun and step.state != "pending":
            lines.append(step_line(step))
        if step.state == "failed":
            lines += [f"    {line}" for line in step_details(step)]
        lines += [f"    {gate_line(gate)}" for gate in step.gates]
    if run.gate:
        lines.append(f"{run.gate.sentence} {run.gate.next_move}".strip())
    if nxt := what_next(run):
        lines.append(nxt)
    if run.ended:
        lines.append(f"{run.id} {run.ended.outcome}: {run.ended.sentence}")
    return lines


def screen(run: Run, progress: dict[int, tuple[str, int | None]], height: int) -> list[Text]:
    """The whole run in at most `height` lines: steps that are over give way first."""
    head = [Text(f"{run.id}  {title(run)}  {state(run)}", style="bold")]
    body: list[Text] = []
    for step in run.steps:
        if not run.started:
            body.append(Text(foretold_line(run, step.number), style="dim"))
            continue
        body.append(Text(step_line(step), style=COLOURS[step.state]))
        if step.state == "running" and step.number in progress:
            line, percent = progress[step.number]
            body.append(Text(f"      {f'{percent} %  ' if percent is not None else ''}{line}", style="dim"))
        if step.state == "failed":
            body += [Text(f"      {line}", style="red") for line in step_details(step)]
    foot = [
        Text(text) for text in ([run.gate.sentence] if run.gate else []) + ([what_next(run)] if what_next(run) else [])
    ]
    foot += [Text(run.ended.sentence, style="bold")] if run.ended else []
    room = max(3, height - len(head) - len(foot))
    return [*head, *body[-room:], *foot] if len(body) > room else [*head, *body, *foot]
