"""The stages of a run's life that are shown in docs/cards.md, each with what its reader should take from it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from life import ANA, BEGIN, BEN, CHRIS, LOST, Life

from bot import events as e
from bot import waiting
from bot.events import Stored
from bot.messages import Message
from bot.runs import judging
from bot.slack import blocks, environment
from bot.view import EnvironmentView, Run, fold_environment


def shown(run: Run, installing: tuple[str, int | None] | None = None) -> list[Message]:
    current = next((step.number for step in run.steps if step.state == "running"), 0)
    return blocks.messages(run, {current: installing} if installing else {})


def _planned() -> Life:
    return Life().requested().planned()


def _approved() -> Life:
    return _planned().approved()


def _started() -> Life:
    return _approved().started()


def _failed() -> Life:
    return _started().failed()


def _repaired() -> Life:
    return _failed().proposed().repaired()


def _waiting() -> Run:
    """Another run of the same environment is at its fourth step."""
    first = replace(_started().worked(1, 2, 3).begun(4).run, id="prod-dmz-16")
    run = _approved().run
    return waiting.told(run, [first, run], EnvironmentView(name="prod-dmz"))


def _lock(*events: tuple[e.Event, e.Actor]) -> list[Message]:
    stored = [
        Stored(seq=seq, run=None, key=None, at=BEGIN + timedelta(minutes=seq), actor=by, event=event)
        for seq, (event, by) in enumerate(events, 1)
    ]
    return environment.messages(fold_environment("prod-dmz", stored))


def _stopping() -> Life:
    """Ana aborts while the backend's installer works."""
    life = _started().worked(1, 2, 3).begun(4)
    life.add(e.AbortRequested(reason="the change window is over"), ANA)
    return life.add(replace(judging.living(life.run, ["be01"]), mentions=("S0OPS",)))


def _away() -> Life:
    """Nobody was there to hear a press, from a minute after the question on."""
    life = _failed()
    since = life.now
    life.now += timedelta(minutes=14)
    return life.add(e.WasAway(since=since, until=life.now))


def _overridden() -> Life:
    """Ana, an admin, asked in spite of a freeze; the run is over."""
    freeze = e.FreezeOverridden(
        environment="prod-dmz", freeze="month's end", until=BEGIN + timedelta(hours=20), reason="CR-1234",
        zone="Europe/Berlin",
    )  # fmt: skip
    life = Life().requested().add(freeze, ANA, minutes=0).planned().approved().started()
    return life.worked(*range(1, life.last + 1)).ended_well()


def _rejected() -> Life:
    reason = "wait for the backup of the database"
    life = _planned().add(e.Rejected(reason=reason), CHRIS, minutes=0)
    return life.add(e.Ended(outcome="rejected", sentence=f"Rejected by chris: {reason}"), CHRIS)


def _aborted() -> Life:
    reason = "the change window is over"
    life = _failed()
    life.add(e.Decided(step=life.number(LOST), attempt=1, word="abort", reason=reason), ANA)
    return life.add(judging.aborted(life.run))


def _expired() -> Life:
    life = _planned()
    life.now += timedelta(hours=24)
    life.add(e.Expired(n=1), minutes=0)
    return life.add(e.Ended(outcome="expired", sentence="It had 0 of 1 approvals after 24 h. Ask for it again."))


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A picture: which of the messages are on it, and what the reader should take from it."""

    name: str
    told: str
    make: Callable[[], list[Message]]
    shows: tuple[str, ...]
    thread: bool = False
    """Whether it is the thread that is looked at."""

    def messages(self) -> dict[str, Message]:
        """Every message there is at that stage, by its name."""
        return {message.name: message for message in self.make()}


STAGES = (
    Stage(
        name="planned", make=lambda: shown(_planned().run), shows=("card", "approval-1"),
        told="Ana has asked, the servers have been read. An approver reads the plan and presses **Approve**.",
    ),
    Stage(
        name="waiting", make=lambda: shown(_waiting()), shows=("card",),
        told="Ben has approved; another run holds the environment, and the card says which. Nobody need do anything.",
    ),
    Stage(
        name="running", make=lambda: shown(_started().worked(1, 2, 3).begun(4).run, ("Copying new files", 62)),
        shows=("card", "step-4-1"), thread=True,
        told="The backend's installer is at work, its last line stands in the thread. Nobody need do anything.",
    ),
    Stage(
        name="paused", make=lambda: shown(_started().worked(1, 2, 3).add(e.Paused(), BEN).run), shows=("card",),
        told="Ben holds the run up between two steps. It goes on when somebody presses **Resume**.",
    ),
    Stage(
        name="failed", make=lambda: shown(_failed().run), shows=("gate-7-1",),
        told="The installer has enabled the frontend's service again. Those who may decide are asked in the channel.",
    ),
    Stage(
        name="reminded", make=lambda: shown(_failed().reminded().run), shows=("gate-7-1-reminded",), thread=True,
        told="Nobody has answered for half an hour: the question is put again.",
    ),
    Stage(
        name="proposal", make=lambda: shown(_failed().proposed().run), shows=("gate-7-1-proposal-4e8c21",),
        told="Ana proposes the repair. Somebody else presses **Approve** or **Turn down**.",
    ),
    Stage(
        name="repaired", make=lambda: shown(_repaired().run), shows=("gate-7-1", "step-7-2"), thread=True,
        told="Ben has approved it: the question is closed, and the next attempt holds.",
    ),
    Stage(
        name="done", make=lambda: shown(_repaired().done().run), shows=("card", "end"),
        told="Every step holds. The audit head is what an auditor compares with the log.",
    ),
    Stage(
        name="away", make=lambda: shown(_away().run), shows=("away-1",),
        told="The bot's machine was down while the question stood. It is asked anew, with its buttons.",
    ),
    Stage(
        name="review", make=lambda: shown(_overridden().run), shows=("card",),
        told="The run overrode a freeze. Another approver looks at it and presses **Review**.",
    ),
    Stage(
        name="stopping", make=lambda: shown(_stopping().run), shows=("gate-0-1",),
        told="Ana has aborted the run while an installer works. If nobody answers, it is let finish.",
    ),
    Stage(
        name="aborted", make=lambda: shown(_aborted().run), shows=("card", "end"),
        told="Ana has ended it at the question. What was done stays done.",
    ),
    Stage(
        name="rejected", make=lambda: shown(_rejected().run), shows=("card",),
        told="Chris has turned the plan down; nothing was changed.",
    ),
    Stage(
        name="voided", make=lambda: shown(_approved().voided().run), shows=("card", "voided-2"),
        told="A server changed after the approval. The card has the new plan, which waits for an approval of its own.",
    ),
    Stage(
        name="expired", make=lambda: shown(_expired().run), shows=("card",),
        told="Nobody approved within a day.",
    ),
    Stage(
        name="locked", shows=("lock-1",),
        make=lambda: _lock((e.Locked(environment="prod-dmz", reason="the database moves", channel="C0OPS"), BEN)),
        told="Ben keeps runs out of the environment. He presses **Unlock** when they may start again.",
    ),
)  # fmt: skip
