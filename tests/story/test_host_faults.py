"""A server misbehaves: a sentence that names it, a next move, and Retry goes on to the end; never a hung run."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from stage import WITHIN, Story

from bot.events import Ended
from bot.lab.demo import PASSWORD, Lab
from bot.lab.windows import PretendWindows
from bot.lab.windows.presets import OLD_VERSION

Fault = Callable[[PretendWindows], None]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """One bot for the whole module: each test takes its faults back and ends its runs."""
    with Lab(tmp_path_factory.mktemp("hosts"), installer_seconds=0.3) as lab, Story(lab).playing() as story:
        yield story


def asked(story: Story, text: str) -> str:
    answer = story.types("ana", text)
    assert "is recorded" in answer, answer
    return next(item.run for item in reversed(story.events()) if item.run and item.run in answer)


def approved(story: Story, then: Callable[[], None] = lambda: None) -> str:
    """An upgrade with something to do, approved; `then` comes between its plan and its start."""
    for server in (story.lab.backend, story.lab.frontend):
        back_to_old(server)
    run = asked(story, "upgrade prod-dmz")
    story.wait_event(run, "Planned")
    then()
    assert "is recorded" in story.types("ben", f"approve {run} {story.run(run).hash[:6]}")
    return run


def ended(story: Story, run: str) -> Ended:
    """The run's end, once the log has it; Slack's pace is another story's."""
    story.wait_event(run, "Ended")
    event = story.run(run).ended
    assert event
    return event


def gate_of(story: Story, run: str) -> str:
    """What the open gate says, once the log has it."""
    story.wait_event(run, "GateOpened")
    gate = story.run(run).gate
    assert gate
    assert gate.next_move, "it says what to do"
    return f"{gate.sentence} {gate.next_move}"


def before(server: PretendWindows, verb: str, fault: Fault) -> None:
    """The fault comes when the host takes the verb up, once, and before it is done."""
    perform = server.machine.perform

    def performing(name: str, args: dict[str, Any]) -> dict[str, Any]:
        if name == verb:
            server.machine.perform = perform  # type: ignore[method-assign]
            fault(server)
        return perform(name, args)

    server.machine.perform = performing  # type: ignore[method-assign]


def back_to_old(server: PretendWindows) -> None:
    """Before the upgrade again, so that its steps have something to do."""
    images = tuple(image.model_copy(update={"version": OLD_VERSION}) for image in server.facts.images)
    server.change(images=images)


def retried(story: Story, run: str) -> None:
    """Retry at the open gate, and the run's end."""
    assert "retry is recorded" in story.types("ana", f"retry {run}")
    assert ended(story, run).outcome == "done"


def away(server: PretendWindows) -> None:
    server.faults.go_away()


def wrong_password(server: PretendWindows) -> None:
    server.change_password("another")


def locked_out(server: PretendWindows) -> None:
    """The shell is lost, and no new one can be had; an answer that was awaited already would still have come."""
    server.lose_shells()
    wrong_password(server)


def garbled(server: PretendWindows) -> None:
    """The shell is lost, and whoever wants a new one is answered with a page; twice, where there was no shell."""
    server.lose_shells()
    server.faults.garbage("Create", times=2)


def broken(server: PretendWindows) -> None:
    server.lose_shells()
    server.faults.http_500("Create", times=2)


def half_an_envelope(server: PretendWindows) -> None:
    """The answer to what was asked is cut, and so is that to whoever wants a new shell."""
    server.faults.cut_reply("Receive")
    server.faults.cut_reply("Create", times=2)


def mended(server: PretendWindows) -> None:
    server.faults.take_back()
    server.change_password(PASSWORD)


# --- before the first step -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (away, "connection to fe01 was lost"),
        (wrong_password, "fe01 refused the login"),
        (garbled, "fe01 is not what a WinRM listener says"),
        (broken, "fe01 answered HTTP 500"),
        (half_an_envelope, "connection to fe01 was lost"),
    ],
    ids=["away", "wrong password", "garbage", "http 500", "half an envelope"],
)
def test_a_host_that_cannot_be_read_for_the_plan_is_named_and_the_run_ends(
    story: Story, fault: Fault, words: str
) -> None:
    refused = story.lab.frontend.refused_logins
    fault(story.lab.frontend)
    try:
        run = asked(story, "verify prod-dmz")
        end = ended(story, run)
    finally:
        mended(story.lab.frontend)

    assert end.outcome == "failed"
    assert words in end.sentence, end.sentence
    unplanned = next(i.event for i in story.events(run) if type(i.event).__name__ == "Unplanned")
    assert unplanned.host == "fe01"  # type: ignore[union-attr]
    assert unplanned.next_move, "it says what to do"  # type: ignore[union-attr]
    assert story.lab.frontend.refused_logins - refused == (fault is wrong_password), "one login is tried, no more"


@pytest.mark.parametrize("fault", [away, wrong_password])
def test_a_host_that_cannot_be_read_at_the_start_is_a_gate(story: Story, fault: Fault) -> None:
    refused = story.lab.frontend.refused_logins
    run = approved(story, then=lambda: fault(story.lab.frontend))

    gate = gate_of(story, run)
    assert "could not start" in gate
    assert "fe01" in gate
    assert story.lab.frontend.refused_logins - refused == (fault is wrong_password)
    mended(story.lab.frontend)
    retried(story, run)


# --- in the middle of a step -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (away, "connection to be01 was lost"),
        (locked_out, "be01 refused the login"),
        (garbled, "be01 is not what a WinRM listener says"),
        (broken, "be01 answered HTTP 500"),
        (half_an_envelope, "connection to be01 was lost"),
    ],
    ids=["away", "wrong password", "garbage", "http 500", "half an envelope"],
)
def test_a_host_lost_in_the_middle_of_a_step_is_a_gate_and_retry_goes_on(
    story: Story, fault: Fault, words: str
) -> None:
    server, done = story.lab.backend, story.lab.backend.counts.get("back_up", 0)
    refused = server.refused_logins
    before(server, "back_up", fault)
    run = asked(story, "backup prod-dmz")

    gate = gate_of(story, run)
    assert "Step 1" in gate
    assert words in gate, gate
    assert server.refused_logins - refused == (fault is locked_out), "one login is tried, no more"
    mended(server)
    retried(story, run)
    assert server.counts["back_up"] == done + 1, "what the host had done before its answer was lost is not done again"


@pytest.mark.parametrize(
    "fault",
    [
        PretendWindows.lose_shells,
        lambda s: s.faults.cut_reply("Receive"),
        lambda s: s.faults.garbage("Receive"),
        lambda s: s.faults.slow_reply(1.0, "Receive"),
    ],
    ids=["shell lost", "one answer cut", "one answer garbled", "slow"],
)
def test_what_one_new_connection_heals_asks_nobody(story: Story, fault: Fault) -> None:
    done = story.lab.backend.counts.get("back_up", 0)
    before(story.lab.backend, "back_up", fault)
    run = asked(story, "backup prod-dmz")

    assert ended(story, run).outcome == "done"
    assert "GateOpened" not in story.kinds(run)
    assert story.lab.backend.counts["back_up"] == done + 1


def test_the_shells_of_killed_bots_are_waited_out_and_nobody_is_asked(story: Story) -> None:
    server = story.lab.backend
    server.lose_shells()
    server.shells.limit = 0
    created = server.requests.get("Create", 0)
    run = asked(story, "backup prod-dmz")
    until = time.monotonic() + WITHIN
    while server.requests.get("Create", 0) == created:
        assert time.monotonic() < until, "no shell was asked for"
        time.sleep(0.1)
    assert story.run(run).ended is None
    server.shells.limit = 30

    assert ended(story, run).outcome == "done"
    assert story.kinds(run).count("Unplanned") == story.kinds(run).count("GateOpened") == 0


def test_an_installer_goes_on_while_its_host_is_away_and_is_started_once(story: Story) -> None:
    server, started = story.lab.backend, len(story.lab.backend.launches)
    server.machine.installer_seconds = 2
    before(server, "watch", lambda s: s.faults.go_away(3))
    run = approved(story)

    assert ended(story, run).outcome == "done"
    assert len(server.launches) == started + 1
    assert "GateOpened" not in story.kinds(run)
    server.machine.installer_seconds = 0.3


def test_a_refused_login_in_the_middle_of_an_installer_is_a_gate_and_retry_finds_it(story: Story) -> None:
    server, started = story.lab.backend, len(story.lab.backend.launches)
    server.machine.installer_seconds = 2
    refused = server.refused_logins
    before(server, "watch", locked_out)
    server.lose_shells()
    run = approved(story)

    gate = gate_of(story, run)
    assert "be01 refused the login" in gate
    assert server.refused_logins == refused + 1
    mended(server)
    retried(story, run)
    assert len(server.launches) == started + 1, "the installer that had been started is found, not started again"
    server.machine.installer_seconds = 0.3


def test_a_verify_goes_on_past_a_host_that_is_lost_and_ends_failed(story: Story) -> None:
    def at_the_third_reading(server: PretendWindows) -> None:
        before(server, "facts", lambda again: before(again, "facts", away))

    before(story.lab.frontend, "facts", at_the_third_reading)
    run = asked(story, "verify prod-dmz")
    end = ended(story, run)
    mended(story.lab.frontend)

    assert "Started" in story.kinds(run)
    assert end.outcome == "failed"
    assert "(fe01)" in end.sentence
    assert "GateOpened" not in story.kinds(run)
