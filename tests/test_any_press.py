"""Anybody presses any button that was ever shown, at any moment, twice: each press is answered and recorded once, and
the rules hold whatever the order."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from frontdesk import ANA, BEN, EVE, Desk
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from worlds import FE, begun, ended, facts, gate, started

from bot import events as e
from bot.audit import Draft, Reader, verify
from bot.events import Stored
from bot.intake import Answer, Caller
from bot.messages import buttons
from bot.slack.blocks import messages
from bot.slack.listeners import decision
from bot.view import Run, moves, next_move

RUN = "prod-dmz-1"
CHRIS, DORA = replace(BEN, account="slack:U0CHRIS"), replace(BEN, account="slack:U0DORA", stranger=True)
PEOPLE = (ANA, BEN, CHRIS, EVE, DORA)
Act = tuple[int, int, bool]
"""Who (nobody is the machine), which of the buttons ever shown, and whether it goes well."""


class Play:
    """A run of two hosts, its machine's moves and its people's presses, a minute apart."""

    def __init__(self, folder: Path) -> None:
        self.desk = Desk(folder)
        self.shown: dict[tuple[str, str], None] = {}
        self.answers: list[tuple[Caller, Answer, str]] = []
        assert self.desk.says("upgrade prod-dmz").run == RUN
        self.desk.plans(RUN)

    @property
    def run(self) -> Run:
        run = self.desk.audit.run(RUN)
        assert run
        return run

    def act(self, who: int, which: int, well: bool) -> None:
        self.desk.clock += timedelta(minutes=1)
        if who == len(PEOPLE):
            self.moves(well)
            return
        self.shown |= dict.fromkeys(
            sorted(pair for message in messages(self.run, {}) for pair in buttons(message.body)), None
        )
        asked = list(reversed(self.shown))[which % len(self.shown)]
        self.presses(PEOPLE[who], *asked)

    def presses(self, person: Caller, action: str, value: str) -> None:
        """As the listener takes it, delivered twice, with the modal filled in where one opens."""
        run, _, detail = value.partition("|")
        name = f"press-{len(self.answers)}"
        for reason in ("", "why not"):
            command = decision(action.removeprefix("nps:"), run, detail, reason)
            once, twice = (self.desk.intake.press(command, replace(person, key=f"{name}{reason}")) for _ in range(2))
            assert once == twice
            if once.kind != "asks":
                break
        self.answers.append((replace(person, key=f"{name}{reason}"), once, detail))

    def moves(self, well: bool) -> None:
        """One step that goes well, or as far as the question about one that does not."""
        while events := self.due(well):
            self.desk.audit.append(None, lambda _, due=tuple(events): [Draft(event=event, run=RUN) for event in due])
            if well and isinstance(events[-1], e.StepEnded):
                return

    def due(self, well: bool) -> list[Any]:
        match next_move(self.run):
            case moves.Admit(n):
                return [e.Admitted(n=n)]
            case moves.Start():
                return [started(facts(FE))]
            case moves.Work(step, attempt):
                return [begun(step, attempt), ended(step, attempt, "done" if well else "failed")]
            case moves.AskPeople(step, attempt):
                return [gate(step, attempt)]
            case moves.Settle(n):
                settled = e.HostsSettled(n=n, settled=well, sentence="" if well else "fe01 can't be asked.")
                return [settled, *([e.Ended(outcome="aborted", sentence=".")] if well else [])]
            case moves.Finish(outcome):
                return [e.Ended(outcome=outcome, sentence=".")]
            case _:
                return []


def about(event: Any) -> str | None:
    """What a button for this event carries: the hash of a plan or a proposal, or the gate."""
    match event:
        case e.Approved() | e.ProposalApproved() | e.TurnedDown():
            return event.hash
        case e.Decided() | e.Proposed():
            return f"{RUN}:{event.step}:{event.attempt}"
        case _:
            return None


def story(acts: list[Act]) -> list[Stored]:
    """The acts played; what was answered and stored is looked at, and the events are returned."""
    with TemporaryDirectory() as folder:
        play = Play(Path(folder))
        for act in acts:
            play.act(*act)
        log = play.desk.audit.since(0)
        for caller, answer, detail in play.answers:
            [item] = [item for item in log if item.key == caller.key]
            assert answer.kind == ("refused" if isinstance(item.event, e.Refused) else "recorded")
            assert answer.text
            assert item.actor.account == caller.account
            assert not detail or about(item.event) in (None, detail), "it decides what it was shown with"
        assert list(verify(Reader(Path(folder) / "var/audit.sqlite").rows())) == []
        play.desk.audit.close()
    return log


MACHINE, ANAS, BENS, CHRISS = len(PEOPLE), 0, 1, 2
APPROVE, FAILS = (BENS, 1, True), (MACHINE, 0, False)
ALL_WELL: list[Act] = [APPROVE, *[(MACHINE, 0, True)] * 20]
CROWD: list[Act] = [
    APPROVE,
    FAILS,
    *[(who, which, False) for which in range(9) for who in (*range(len(PEOPLE)), MACHINE)],
]
EACH_OWN: list[Act] = [APPROVE, FAILS, *[(BENS, which, True) for which in range(12)]]
STALE: list[Act] = [APPROVE, FAILS, (ANAS, 1, True), FAILS, *[(BENS, which, True) for which in range(4, 12)]]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(acts=st.lists(st.tuples(st.integers(0, 7).map(lambda n: min(n, 5)), st.integers(0, 20), st.booleans())))
@example(acts=ALL_WELL)
@example(acts=CROWD)
@example(acts=EACH_OWN)
@example(acts=STALE)
def test_the_rules_hold_whoever_presses_what_and_when(acts: list[Act]) -> None:
    log = story(acts)
    told = [item for item in log if isinstance(item.event, e.Refused)]
    for item in told:
        assert item.actor.rule
        assert item.event.sentence
        assert item.event.since is None or item.event.since in {other.at for other in log if other.seq < item.seq}
    acted = [item for item in log if item not in told]
    assert {item.actor.account for item in acted} <= {"bot", *(one.account for one in (ANA, BEN, CHRIS))}
    assert [i.actor.account for i in acted if isinstance(i.event, e.Approved)] in ([], [BEN.account], [CHRIS.account])
    decided = Counter((i.event.step, i.event.attempt) for i in acted if isinstance(i.event, e.Decided))
    assert set(decided.values()) <= {1}
    proposers = {i.event.hash: i.actor.account for i in acted if isinstance(i.event, e.Proposed)}
    for item in acted:
        if isinstance(item.event, e.ProposalApproved):
            assert proposers[item.event.hash] != item.actor.account
    ends = [item.seq for item in acted if isinstance(item.event, e.Ended)]
    assert [item for item in acted if ends and item.seq > ends[0] and item.run] == []
    starts = [item for item in acted if isinstance(item.event, e.Started)]
    assert not starts or any(isinstance(item.event, e.Approved) for item in acted)


def test_the_plays_lead_to_an_end_and_through_a_crowd() -> None:
    assert isinstance(story(ALL_WELL)[-1].event, e.Ended)
    kinds = Counter(type(item.event).__name__ for item in story(CROWD))
    assert kinds["GateOpened"] >= 1
    assert kinds["Refused"] >= 10
    assert kinds["Decided"] >= 1
