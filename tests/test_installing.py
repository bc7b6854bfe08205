"""The operations of an installer's step, on a pretend server: what is watched on, waited for, and asked of people."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from desks import RUN, started
from worlds import ANA

from bot import events as e
from bot.audit import Audit, Draft
from bot.lab.windows import PACKAGE_PATH, PACKAGE_SHA256, PretendWindows, single
from bot.plan import Plan
from bot.runs import judging, patience
from bot.runs.engine import Data
from bot.runs.installers import Installers
from bot.runs.logs import Logs


@dataclass
class Clock:
    """The bot's own."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass(frozen=True, kw_only=True)
class Work:
    """A run at the step that runs its installer."""

    server: PretendWindows
    audit: Audit
    installers: Installers
    plan: Plan
    number: int
    clock: Clock
    attempts: list[int] = field(default_factory=lambda: [1])

    @property
    def move(self) -> Data:
        facts = self.server.facts.model_dump(mode="json")
        return {"run": RUN, "step": self.number, "attempt": self.attempts[-1], "repairing": False, "facts": facts}

    def begun(self) -> None:
        event = e.StepBegun(step=self.number, attempt=self.attempts[-1], found="x", act=True, clock="")
        self._append("begin", event)

    def ended(self, outcome: str, sentence: str = "", found: str = "") -> None:
        event = e.StepEnded(
            step=self.number, attempt=self.attempts[-1], outcome=outcome, acted=True, sentence=sentence, found=found
        )  # fmt: skip
        self._append("end", event)

    def _append(self, name: str, event: e.Event) -> None:
        self.audit.append(f"{self.attempts[-1]}:{name}", lambda _: [Draft(event=event, run=RUN)])

    def install(self) -> Data:
        return self.installers.install(self.move)

    def watch(self, last: Data, seconds: float = 0.0) -> Data:
        return self.installers.watch(self.move | {"watched": last["watch"], "seconds": seconds})

    def to_the_end(self, last: Data) -> Data:
        while "watch" in last:
            last = self.watch(last, 0.2)
        return last

    def judged(self, outcome: Data) -> e.StepEnded:
        run = self.audit.run(RUN)
        assert run
        return judging.ended(run, self.number, self.attempts[-1], outcome, True, None, None, "")

    @property
    def told(self) -> str:
        return self.audit.progress(RUN)[self.number][0]


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Work]:
    clock = Clock()
    with PretendWindows(single(), password="s3cret", installer_seconds=0.1) as server:
        staged = f"staged = '{PACKAGE_PATH}'"
        read, audit, hosts, plan = started(tmp_path, server, sha256=PACKAGE_SHA256, source=staged, now=clock)
        number = next(i for i, step in enumerate(plan.steps, 1) if step.state.kind == "installed")
        installers = Installers(read, audit, hosts, Logs(tmp_path / "logs", []))
        yield Work(server=server, audit=audit, installers=installers, plan=plan, number=number, clock=clock)
        hosts.close(RUN)
        audit.close()


def test_an_installer_is_started_watched_and_read_after(work: Work) -> None:
    outcome = work.to_the_end(work.install())
    assert outcome["mark"]["code"] == 0
    assert outcome["pause"] is None
    assert (work.judged(outcome).outcome, work.judged(outcome).found) == ("done", "version 9.3.0.0")


def test_an_installer_beyond_its_deadline_is_asked_about_and_a_retry_watches_it_on(work: Work) -> None:
    work.server.faults.installer_never_ends()
    begun = work.install()
    work.server.change_clock(timedelta(hours=2, seconds=1))
    asked = work.watch(begun)
    assert asked["error"]["sentence"] == "The installer has been running on be01 for 2 h."
    work.attempts.append(2)
    again = work.install()
    assert again["watch"]["mark_attempt"] == 1
    assert "watch" in work.watch(again), "it has the same time again"
    work.server.change_clock(timedelta(hours=4, seconds=2))
    assert "error" in work.watch(again)
    assert len(work.server.launches) == 1


def test_a_retry_reads_the_installer_that_ended_unread_before_it_starts_another(work: Work) -> None:
    work.server.faults.installer_fails()
    work.begun()
    work.to_the_end(work.install())
    work.ended(outcome="failed", sentence="be01 is away.")
    work.attempts.append(2)
    work.begun()
    read = work.to_the_end(work.install())
    assert (read["mark"]["attempt"], read["mark"]["code"]) == (1, 1603)
    assert "code 1603" in work.judged(read).sentence
    work.ended(outcome="failed", found="version 9.2.0.0")
    work.attempts.append(3)
    work.begun()
    assert work.to_the_end(work.install())["mark"]["attempt"] == 3
    assert len(work.server.launches) == 2


def test_an_installer_that_ended_unread_is_read_though_the_version_is_there(work: Work) -> None:
    work.begun()
    work.to_the_end(work.install())
    read = work.to_the_end(work.install())
    assert read["mark"]["code"] == 0
    work.ended(outcome="failed", sentence="be01 is away.")
    work.attempts.append(2)
    work.begun()
    assert work.to_the_end(work.install())["mark"]["attempt"] == 1
    assert len(work.server.launches) == 1


def test_what_is_there_and_was_never_begun_is_not_begun(work: Work) -> None:
    images = tuple(image.model_copy(update={"version": "9.3.0.0"}) for image in work.server.facts.images)
    work.server.change(images=images)
    work.begun()
    assert work.install()["acted"] is False
    assert work.server.launches == ()


def test_after_an_abort_no_installer_begins(work: Work) -> None:
    work.audit.append("x", lambda _: [Draft(event=e.AbortRequested(reason="stop"), run=RUN, actor=ANA)])
    assert work.install() == {"left": True}
    assert work.server.launches == ()


def test_an_installer_that_stands_still_is_asked_about(work: Work) -> None:
    work.server.faults.installer_never_ends()
    seen = work.watch(work.install(), 0.3)
    work.server.change_clock(timedelta(minutes=31))
    asked = work.watch(seen)
    assert "a wizard may wait" in asked["error"]["sentence"]


def test_while_windows_installer_is_at_work_nothing_is_begun_and_nothing_given_up(work: Work) -> None:
    work.server.change(msi_busy=True)
    assert "Windows Installer is at work" in work.install()["busy"]["sentence"]
    assert work.server.facts.marks == ()
    work.server.change(msi_busy=False)
    assert work.to_the_end(work.install())["mark"]["code"] == 0


def test_another_installation_is_paused_for_and_tells_so(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.runs.installers.WAIT", 0.01)
    work.server.faults.installer_fails(code=1618)
    outcome = work.to_the_end(work.install())
    assert outcome["pause"] == patience.PAUSES[0]
    assert work.judged(outcome).again
    left = work.installers.wait(work.move | {"left": 30.0})["left"]
    assert left == pytest.approx(29.99)
    assert work.told == "Another installation is running on be01. The next try is in 30 s."
    abort(work)
    assert work.installers.wait(work.move | {"left": left}) == {"left": 0.0}


def abort(work: Work) -> None:
    work.audit.append("a", lambda _: [Draft(event=e.AbortRequested(reason="enough"), run=RUN, actor=ANA)])


def test_an_installer_that_restarts_its_server_is_done_when_that_is_up_anew(work: Work) -> None:
    work.server.faults.installer_ends_with(1641)
    seen = work.install()
    while not work.server.facts.marks[0].finished:
        seen = work.watch(seen, 0.05)
    waits = work.watch(seen)
    assert "watch" in waits
    assert work.told == "The installer restarts be01; the bot waits until it is up again."
    work.server.reboot()
    outcome = work.to_the_end(waits)
    ended = work.judged(outcome)
    assert (ended.outcome, ended.found, ended.restart) == ("done", "version 9.3.0.0", False)


def test_files_that_wait_for_the_restart_are_asked_about_until_then(work: Work) -> None:
    work.server.faults.installer_ends_with(3010)
    outcome = work.to_the_end(work.install())
    asked = work.judged(outcome)
    assert (asked.outcome, asked.restart) == ("failed", True)
    assert "must be restarted" in asked.sentence
    work.server.reboot()
    after = {"facts": work.server.facts.model_dump(mode="json")}
    assert work.judged(after).outcome == "done"


def test_a_server_is_away_for_ten_minutes_by_the_clock_before_people_are_asked(work: Work) -> None:
    work.server.faults.installer_never_ends()
    begun = work.install()
    work.server.faults.go_away()
    away = work.watch(begun)
    assert work.told.endswith("The bot keeps looking.")
    work.clock.ahead = timedelta(minutes=9)
    still = work.watch(away)
    assert still["watch"]["away"] == away["watch"]["away"]
    work.clock.ahead = timedelta(minutes=10, seconds=30)
    assert "be01" in work.watch(still)["error"]["sentence"]
    work.server.faults.come_back()
    assert "away" not in work.watch(still)["watch"], "one answer, and the ten minutes begin anew"


def test_after_an_abort_an_installer_is_let_finish_for_ten_minutes(work: Work) -> None:
    work.server.faults.installer_never_ends()
    begun = work.install()
    abort(work)
    assert "watch" in work.watch(begun)
    work.clock.ahead = timedelta(minutes=11)
    assert work.watch(begun) == {"left": True}


def test_a_denied_batch_logon_is_told_in_the_step(work: Work) -> None:
    work.server.faults.deny_batch_logon()
    told = work.judged(work.to_the_end(work.install())).found
    assert told == "version 9.3.0.0; it ran as SYSTEM: the bot's account may not log on as a batch job"
