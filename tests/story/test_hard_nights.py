"""Clocks that are off, tasks that never begin, servers gone after an abort: each ends, and somebody is told."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from stage import WITHIN, Story, block_name

from bot.lab.demo import CHANNEL

Approved = Callable[[], str]


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_server_whose_clock_is_off_is_upgraded_once_people_know(
    story: Story, approved: Approved, minutes: int
) -> None:
    story.lab.frontend.change_clock(timedelta(minutes=minutes))
    run = approved()

    assert "fe01: its clock is" in story.gate(run, "nps:skip").text
    story.types("ana", f"skip {run} because its clock is set tomorrow")
    story.presses("ben", story.gate(run, "nps:approve"), "nps:approve")
    assert story.ended(run).outcome == "done"
    assert story.lab.frontend.counts == {"start_installer": 1, "rename_file": 1}


def test_a_task_that_never_began_can_not_begin_beside_the_next_attempt(story: Story, approved: Approved) -> None:
    story.lab.backend.faults.fail("start_installer", "The task has not begun within 60 s.")
    run = approved()
    gate = story.gate(run)
    assert "has not begun" in gate.text

    story.presses("ana", gate, "nps:retry")
    assert story.ended(run).outcome == "done"
    assert [mark.state for mark in story.lab.backend.facts.marks] == ["given_up", "finished"]
    assert len(story.lab.backend.launches) == 1


def test_an_aborted_run_whose_server_is_gone_is_ended_by_an_admin(story: Story, approved: Approved) -> None:
    story.lab.backend.machine.installer_seconds = 60
    run = approved()
    story.slack.wait_for(lambda: any("installer:" in m.text for m in story.thread(run)), WITHIN)
    story.lab.backend.faults.installer_never_ends()
    gate = _settling(story, run)
    assert "Nobody knows whether an installer still runs" in gate

    assert "Only admins" in story.types("ana", "unlock prod-dmz because the server was scrapped")
    assert run in story.types("chris", "unlock prod-dmz because the server was scrapped")
    ended = story.ended(run)
    assert ended.outcome == "aborted"
    assert "Nobody knows" in ended.sentence
    story.types("ana", "backup prod-dmz")
    assert story.run("prod-dmz-2").request.runbook == "backup"


def _settling(story: Story, run: str) -> str:
    """Aborts at a gate that a lost server opened, with the server still away; the text of the gate that follows."""
    story.lab.backend.reboot(0)
    gate = story.gate(run)
    story.lab.backend.faults.go_away()
    story.slack.press("ana", CHANNEL, gate.ts, "nps:abort")
    story.slack.wait_for(lambda: story.slack.modal("ana"), WITHIN)
    story.slack.submit("ana", {"reason": "enough"})
    story.wait_event(run, "HostsSettled")
    return story.slack.wait_for(lambda: _text(story, f"{run}:gate-0"), WITHIN)


def _text(story: Story, name: str) -> str:
    return next((m.text for m in story.slack.messages(CHANNEL) if block_name(m).startswith(name)), "")


def test_a_verify_beside_an_upgrade_says_so_and_is_told_in_its_thread_only(story: Story, approved: Approved) -> None:
    story.lab.backend.machine.installer_seconds = 5
    run = approved()
    story.wait_event(run, "Started")
    story.types("eva", "verify prod-dmz")
    story.wait_event("prod-dmz-2", "Ended")

    story.slack.wait_for(lambda: any(block_name(m) == "prod-dmz-2:end" for m in story.thread("prod-dmz-2")), WITHIN)
    assert f"{run} holds the environment" in story.card("prod-dmz-2").text
    assert "prod-dmz-2:end" not in [block_name(m) for m in story.slack.messages(CHANNEL)]
