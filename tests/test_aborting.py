"""An abort while an installer lives: it is let finish, or a person has all its processes ended, and the step tells."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from desks import RUN, started
from judged import INSTALL, LOCKED, RIGHTS, aborting, allowed, asked, command, decided, denied, environment, person
from worlds import ANA, BEN, Tale, begun, ended

from bot import events as e
from bot.audit import Audit, Draft
from bot.do import _waits
from bot.lab.windows import OLD_VERSION, PACKAGE_SHA256, PretendWindows, single
from bot.lab.windows.presets import PACKAGE_PATH
from bot.policy import decide
from bot.runs import settling
from bot.runs.installers import Installers
from bot.runs.logs import Logs
from bot.runs.settling import Settling
from bot.slack.blocks import messages
from bot.telling import choices, state, what_next
from bot.texts import typed
from bot.view import EndInstallers, Move, Rest, Run, Settle, next_move

END = e.Decided(step=0, attempt=1, word="end", reason="CR-9"), BEN
WAIT = e.Decided(step=0, attempt=1, word="wait", reason=""), BEN
ENDED = e.InstallersEnded(n=1, hosts=("be01",))
FAILED = e.InstallersEnded(n=1, hosts=(), sentence="be01 can't be reached.", mentions=("U0MIA",))
UNKNOWN = e.HostsSettled(n=1, settled=False, sentence="Nobody knows.")
DIED = e.StretchDied(trigger=2, sentence="It ended early.")
AWAY = e.OrphanAsked(n=1), e.OrphanAnswered(n=1, free=False, sentence="be01 can't be reached.")

MOVES: list[tuple[str, Run, Move]] = [
    ("nobody has to answer", aborting().run, Settle(1)),
    ("let finish goes on looking", aborting().then(WAIT).run, Settle(1)),
    ("end is carried out", aborting().then(END).run, EndInstallers(1)),
    ("once ended it is looked whether anything lives", aborting().then(END, ENDED).run, Settle(1)),
    ("what could not be ended is looked at again", aborting().then(END, FAILED).run, Settle(1)),
    ("a host that can't be asked waits for people", aborting().then(UNKNOWN).run, Rest()),
    ("a stretch that died waits for people", aborting().then(DIED).run, Rest()),
]  # fmt: skip


@pytest.mark.parametrize(("told", "run", "move"), MOVES, ids=[told for told, _, _ in MOVES])
def test_what_comes_next_after_an_abort(told: str, run: Run, move: Move) -> None:
    assert next_move(run) == move, told


def test_only_what_is_to_be_done_sets_a_new_stretch_going() -> None:
    working = aborting()
    before = Tale().started().run.trigger
    assert working.run.trigger == before, "whoever watches the installer hears of the abort"
    assert working.then(WAIT).run.trigger == working.then(END).run.trigger == before
    over = working.then(ended(INSTALL, outcome="failed"))
    assert over.then(WAIT).run.trigger == before
    assert over.then(END).run.trigger == 2 + len(over.events)
    resting = Tale().started().then(begun(1), ended(1))
    assert resting.then((e.AbortRequested(reason="x"), ANA)).run.trigger == 2 + len(resting.events)


def test_an_abort_of_a_run_whose_stretch_died_sets_a_new_one_going() -> None:
    tale = Tale().started().then(begun(1), DIED)
    abort = e.Decided(step=1, attempt=1, word="abort", reason="x"), ANA
    assert tale.then(abort).run.trigger == 2 + len(tale.events)


def test_what_could_not_be_ended_is_asked_again_and_may_be_ended_then() -> None:
    tale = aborting().then(END, FAILED)
    gate = tale.run.gate
    assert gate
    assert (gate.id, gate.words, gate.mentions) == ("prod-dmz-17:0:2", ("wait", "end"), ("U0MIA",))
    assert "be01 can't be reached" in gate.sentence
    again = tale.then((e.Decided(step=0, attempt=2, word="end", reason="again"), ANA))
    assert next_move(again.run) == EndInstallers(2)


@pytest.mark.parametrize("other", [UNKNOWN, DIED])
def test_another_question_closes_the_one_that_nobody_answered(other: Any) -> None:
    run = aborting().then(other).run
    assert [gate.id for gate in run.general_gates] == ["prod-dmz-17:0:1"]
    assert run.gate
    told = {m.name: m for m in messages(run, {})}
    assert "Nobody answered" in told["gate-0-1"].body["text"]
    assert not run.is_let_finish


@pytest.mark.parametrize(("word", "events"), [("wait", ["Decided"]), ("end", ["Decided"])])
def test_one_person_decides(word: str, events: list[str]) -> None:
    run = aborting().run
    assert allowed(decided(word, person("mia"), run)) == events
    assert denied(decided("retry", person("mia"), run)) == "not offered"


END_LINE, UNLOCK_LINE = typed("end prod-dmz-17 because REASON"), typed("unlock prod-dmz because REASON")
HELD = Tale().at_gate().then((e.Decided(step=3, attempt=1, word="abort", reason="x"), ANA), UNKNOWN)
"""Aborted at a gate, and nobody can say whether its installer lives."""
ADMIN = replace(RIGHTS, may_run=("U0MIA", "U0ADM"))
TWICE = [
    ("its installer is known to live", aborting().run, END_LINE),
    ("it is let finish", aborting().then(WAIT).run, END_LINE),
    ("it is being ended", aborting().then(END).run, "Its installer is being ended."),
    ("nobody knows whether it lives", HELD.run, UNLOCK_LINE),
    ("its stretch died", aborting().then(DIED).run, UNLOCK_LINE),
]


@pytest.mark.parametrize(("told", "run", "line"), TWICE, ids=[told for told, *_ in TWICE])
def test_nobody_ends_a_run_by_aborting_it_twice(told: str, run: Run, line: str) -> None:
    verdict = decided("abort", person("adm"), run, ADMIN)
    assert denied(verdict) == "twice", told
    assert verdict.next_move.endswith(line)


@pytest.mark.parametrize(("told", "run", "line"), TWICE, ids=[told for told, *_ in TWICE])
def test_no_refusal_names_an_abort_that_would_be_refused(told: str, run: Run, line: str) -> None:
    for verdict in (decided("reject", person("mia"), run), asked("upgrade", person("mia"), others=[run])):
        assert denied(verdict) in ("started", "same run"), told
        assert verdict.next_move.endswith(line)


def test_a_late_abort_of_an_older_question_ends_nothing() -> None:
    verdict = decided("abort", person("adm"), HELD.run, ADMIN, gate="prod-dmz-17:3:1")
    assert denied(verdict) == "late"
    assert "ana has decided abort: x" in verdict.sentence


def test_the_question_of_an_aborted_run_offers_no_abort_and_names_the_admins_line() -> None:
    for run in (HELD.run, aborting().then(UNKNOWN).run, aborting().then(DIED).run, aborting().then(DIED, *AWAY).run):
        assert run.gate
        assert run.gate.words == ("retry",)
        assert choices(run, run.gate) == [], "Retry is told of in the question itself"
        assert run.gate.next_move.count("Retry asks its servers again.") == 1
    for run in (HELD.run, aborting().then(DIED, *AWAY).run):
        assert run.gate
        assert "although its installer may still run" in run.gate.next_move
        assert run.gate.next_move.endswith(f"Type: {UNLOCK_LINE}")


FREED = aborting().then(DIED, e.OrphanAsked(n=1), e.OrphanAnswered(n=1, free=True))


def test_an_aborted_run_that_was_freed_comes_to_its_end_although_others_had_its_environment() -> None:
    retry = decide(command("retry", FREED.run), person("mia"), RIGHTS, FREED.run, environment((LOCKED, ANA)))
    assert allowed(retry) == ["Decided"]
    after = FREED.then((retry.events[0], ANA))
    assert (next_move(after.run), after.run.holds) == (Settle(1), False)
    lost = after.then(UNKNOWN).run
    assert lost.gate
    assert lost.gate.next_move.endswith(typed("unlock prod-dmz-17 because REASON")), "its environment is another's now"
    assert "holds its environment" not in lost.gate.next_move


def test_an_installer_that_was_let_finish_and_hangs_is_ended() -> None:
    tale = aborting().then(WAIT)
    assert tale.run.is_let_finish
    assert what_next(tale.run).endswith(f"type: {END_LINE}")
    assert "/nps end prod-dmz-17 because REASON" in messages(tale.run, {})[0].body["text"]
    assert denied(decided("end", person("app"), tale.run)) == "not in may_run"
    assert denied(decided("end", person("mia"), tale.run, gate="prod-dmz-17:0:1")) == "late"
    verdict = decided("end", person("mia"), tale.run)
    assert allowed(verdict) == ["Decided"]
    ending = tale.then((verdict.events[0], BEN))
    assert next_move(ending.run) == EndInstallers(1)
    assert (what_next(ending.run), ending.run.trigger) == ("", tale.run.trigger)
    assert denied(decided("end", person("mia"), ending.run)) == "twice"
    told = {m.name: m.body["text"] for m in messages(ending.run, {})}
    assert "ben decided to end all its processes: because" in told["gate-0-2"]
    over = ending.then(ENDED).run
    assert (next_move(over), over.ended_on, over.is_let_finish) == (Settle(1), ("be01",), False)


def test_what_could_not_be_ended_without_a_question_becomes_one() -> None:
    end = e.Decided(step=0, attempt=2, word="end", reason="hangs"), BEN
    gate = aborting().then(WAIT, end, FAILED).run.gate
    assert gate
    assert (gate.id, gate.words) == ("prod-dmz-17:0:3", ("wait", "end"))


@pytest.mark.parametrize("word", ["wait", "end"])
def test_without_an_abort_an_installer_is_not_ended(word: str) -> None:
    assert denied(decided(word, person("mia"), Tale().started().then(begun(1)).run)) == "no gate"
    assert denied(decided(word, person("mia"), Tale().at_gate().run)) == "not offered"


def test_the_question_has_two_buttons_and_the_run_does_not_wait_for_an_answer() -> None:
    run = aborting().run
    gate = next(m for m in messages(run, {}) if m.name == "gate-0-1")
    shown = gate.body["blocks"][-1]["elements"]
    assert [each["text"]["text"] for each in shown] == ["Let it finish", "End all its processes"]
    assert gate.broadcast
    assert "*Let it finish* is also what happens if nobody answers." in str(gate.body["blocks"])
    assert state(run) == "aborting"
    assert not _waits(run)


def test_the_decision_is_told_in_words() -> None:
    told = {m.name: m for m in messages(aborting().then(END).run, {})}
    assert "ben decided to end all its processes: CR-9" in told["gate-0-1"].body["text"]


@pytest.mark.parametrize(("runbook", "way"), [("upgrade", typed("rollback prod-dmz prod-dmz-17")), ("backup", None)])
def test_a_run_that_saved_something_knows_the_way_back(runbook: str, way: str | None) -> None:
    assert Tale().started().run.way_back is None
    tale = Tale(0, runbook)
    steps = [begun(1), ended(1)] if runbook == "upgrade" else []
    assert (tale.started() if runbook == "backup" else Tale().started().then(*steps)).run.way_back == way


# --- the operations, on a pretend server ----------------------------------------------------------------------------


class Night:
    """An upgrade of one server whose installer never ends, aborted by Ana."""

    def __init__(self, folder: Path, server: PretendWindows) -> None:
        source = f"staged = '{PACKAGE_PATH}'"
        read, self.audit, self.hosts, plan = started(folder, server, sha256=PACKAGE_SHA256, source=source)
        self.number = next(i for i, step in enumerate(plan.steps, 1) if step.state.kind == "installed")
        desk = (read, self.audit, self.hosts, Logs(folder, []))
        self.settling, self.installers = Settling(*desk), Installers(*desk)
        for i in range(1, self.number):
            self.tells(begun(i), ended(i))
        self.tells(begun(self.number))
        self.move = {"run": RUN, "step": self.number, "attempt": 1, "repairing": False}
        facts = server.facts.model_dump(mode="json")
        self.watched = self.installers.install(self.move | {"facts": facts})["watch"]

    def tells(self, *events: e.Event, **more: Any) -> None:
        for event in events:
            self.audit.append(None, lambda _, event=event: [Draft(event=event, run=RUN, **more)])

    @property
    def run(self) -> Run:
        run = self.audit.run(RUN)
        assert run
        return run

    def watch(self) -> Any:
        return self.installers.watch(self.move | {"watched": self.watched, "seconds": 0.1})

    def settle(self) -> Any:
        return self.settling.settle({"run": RUN, "n": self.run.settle_attempts + 1, "count": 0})

    def stop(self) -> Any:
        return self.settling.stop({"run": RUN, "n": self.run.end_attempts + 1})

    def kinds(self) -> list[str]:
        return [type(item.event).__name__ for item in self.audit.since(0)]


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(settling, "PAUSE", 0.0)
    with PretendWindows(single(), password="s3cret", installer_seconds=0.0) as server:
        server.faults.installer_never_ends()
        night = Night(tmp_path, server)
        night.server = server  # type: ignore[attr-defined]
        yield night
        night.hosts.close(RUN)
        night.audit.close()


ABORT = e.AbortRequested(reason="wrong night")


def test_whoever_watches_an_installer_asks_once_the_run_is_aborted(night: Night) -> None:
    assert "watch" in night.watch()
    assert night.run.gate is None
    night.tells(ABORT, actor=ANA)
    assert "watch" in night.watch()
    assert "watch" in night.watch()
    gate = night.run.gate
    assert gate
    assert gate.words == ("wait", "end")
    assert "still runs on be01" in gate.sentence
    assert night.kinds().count("GateOpened") == 1


def test_whoever_settles_asks_and_goes_on_looking(night: Night) -> None:
    night.tells(ABORT, actor=ANA)
    for _ in range(3):
        assert night.settle() == {}
    assert night.kinds().count("GateOpened") == 1
    night.tells(e.Decided(step=0, attempt=1, word="wait", reason=""), actor=BEN)
    assert night.settle() == {}
    assert night.run.gate is None, "what was decided is not asked again"


def test_a_person_has_it_ended_and_the_step_and_the_server_tell_by_whom(night: Night) -> None:
    night.tells(ABORT, actor=ANA)
    night.watch()
    night.tells(e.Decided(step=0, attempt=1, word="end", reason="CR-9"), actor=BEN)
    assert night.watch() == {"left": True}
    assert night.stop()["on"]
    assert night.stop() == {}, "once is enough"

    [mark] = night.server.facts.marks  # type: ignore[attr-defined]
    assert (mark.state, mark.by, mark.alive) == ("ended", "ben", False)
    step = night.run.step(night.number)
    assert step.end
    assert step.state == "failed"
    assert step.end.sentence == "The installer did not finish: its processes were ended by ben."
    assert OLD_VERSION in step.end.found
    assert night.settle()["on"]
    told = night.run.ended
    assert told
    assert told.sentence == (
        "Aborted by ana: wrong night. Its installer was ended on be01. "
        f"To put back the files that it saved, type: {typed(f'rollback prod {RUN}')}."
    )


def test_one_that_is_over_without_anybodys_answer_is_told_as_it_ended(night: Night) -> None:
    night.tells(ABORT, actor=ANA)
    night.settle()
    night.server.machine.reboot()  # type: ignore[attr-defined]
    assert night.settle()["on"]
    assert night.run.ended
    end = night.run.step(night.number).end
    assert end
    assert "the server was restarted meanwhile" in end.sentence
    assert night.run.gate is None


def test_a_server_that_is_away_is_asked_about_again(night: Night) -> None:
    night.tells(ABORT, actor=ANA)
    night.settle()
    night.tells(e.Decided(step=0, attempt=1, word="end", reason="CR-9"), actor=BEN)
    night.server.faults.fail("end_installer", "It does not end.", kind="failed")  # type: ignore[attr-defined]
    assert night.stop()["on"]
    gate = night.run.gate
    assert gate
    assert "could not be ended" in gate.sentence
    assert night.run.ended_on == ()


def test_the_audit_holds_an_end_once(night: Night, tmp_path: Path) -> None:
    night.tells(ABORT, actor=ANA)
    night.settle()
    night.tells(e.Decided(step=0, attempt=1, word="end", reason="CR-9"), actor=BEN)
    night.stop()
    assert isinstance(night.audit, Audit)
    assert night.audit.by_key(f"{RUN}:{night.number}:1:end")
    assert night.kinds().count("StepEnded") == night.number
