"""The thread's follower: what it can't tell holds up nobody, and what nobody needs any more is no news."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from test_blocks import RUNS
from worlds import ANA, gate, requested

from bot.audit import Audit, Draft, Outbox
from bot.events import Actor, Event
from bot.followers.thread import NAME, Thread
from bot.slack.blocks import messages


def append(audit: Audit, run: str, *told: Event | tuple[Event, Actor]) -> None:
    for item in told:
        event, actor = item if isinstance(item, tuple) else (item, ANA)
        audit.append(None, lambda _, event=event, actor=actor: [Draft(event=event, run=run, actor=actor)])


def test_a_run_that_cannot_be_told_leaves_the_threads_of_others_alone(tmp_path: Path, caplog: Any) -> None:
    with closing(Audit(tmp_path / "audit.sqlite")) as audit:
        outbox = Outbox(audit)
        append(audit, "prod-dmz-1", requested(), gate(99))  # of a step that the run does not have
        audit.set_progress("prod-dmz-1", 1, 1, "copying", 40)
        append(audit, "prod-dmz-2", requested())
        audit.set_progress("prod-dmz-2", 1, 1, "copying", 40)
        Thread(audit, outbox).catch_up()

        assert list(outbox.of_run("prod-dmz-2")) == ["card"]
        assert list(outbox.of_run("prod-dmz-1")) == ["card"], "as it was before what could not be told"
        assert audit.cursor(NAME) == audit.last_seq()
    assert "of prod-dmz-1 can't be told" in caplog.text


def test_a_message_that_nobody_needs_to_see_any_more_is_not_broadcast(tmp_path: Path) -> None:
    with closing(Audit(tmp_path / "audit.sqlite")) as audit:
        outbox, made = Outbox(audit), {m.name: m for m in messages(RUNS["voided"], {})}["voided-2"]
        outbox.wish([replace(made, broadcast=True)])
        outbox.wish([replace(made, broadcast=False)])
        assert not outbox.of_run("prod-dmz-17")["voided-2"].broadcast
