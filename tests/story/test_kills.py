"""kill -9, everywhere: each run ends, each act is done once on its host, no message is in Slack twice."""

import pytest
from stage import Story, assert_done_once, kill_at

from bot.lab.demo import Lab


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("host", "verb"),
    [
        ("backend", "back_up"),
        ("backend", "start_installer"),
        ("backend", "watch"),
        ("frontend", "start_installer"),
        ("frontend", "rename_file"),
    ],
)
def test_killed_at_an_act_it_is_done_once(story: Story, host: str, verb: str, after: bool) -> None:
    killed = kill_at(story, getattr(story.lab, host), verb, after)
    story.types("ana", "upgrade prod-dmz")
    story.presses("ben", story.card_with("prod-dmz-1", "nps:approve"), "nps:approve")
    assert story.bot
    story.bot.wait(60)
    story.slack.wait_for(lambda: story.slack.connections == 0, 60)
    assert killed()

    story.start()
    assert_done_once(story, "prod-dmz-1")


def test_killed_in_the_middle_of_an_installer_it_is_watched_on(story: Story) -> None:
    story.lab.backend.machine.installer_seconds = 4
    story.types("ana", "upgrade prod-dmz")
    story.presses("ben", story.card_with("prod-dmz-1", "nps:approve"), "nps:approve")
    for _ in range(2):
        story.slack.wait_for(lambda: any("installer:" in m.text for m in story.thread("prod-dmz-1")), 60)
        story.kill()
        story.start()
    assert_done_once(story, "prod-dmz-1")
    log = next(i.event for i in story.events("prod-dmz-1") if getattr(i.event, "log", None))
    assert (story.lab.folder / "var" / log.log).stat().st_size > 0  # type: ignore[union-attr]


def test_a_reboot_in_the_middle_of_an_installer_asks_people(story: Story) -> None:
    story.lab.backend.machine.installer_seconds = 30
    story.types("ana", "upgrade prod-dmz")
    story.presses("ben", story.card_with("prod-dmz-1", "nps:approve"), "nps:approve")
    story.slack.wait_for(lambda: any("installer:" in m.text for m in story.thread("prod-dmz-1")), 60)
    story.lab.backend.machine.installer_seconds = 0.5
    story.lab.backend.reboot(1)

    gate = story.gate("prod-dmz-1")
    assert "without leaving an exit code" in gate.text
    story.presses("ana", gate, "nps:retry")
    assert story.ended("prod-dmz-1").outcome == "done"
    assert len(story.lab.backend.launches) == 2


def test_an_installer_that_restarts_its_server_is_waited_for(story: Story) -> None:
    server = story.lab.backend
    server.faults.installer_ends_with(1641)
    server.faults.installer_restarts(lambda: server.reboot(1))
    before = server.facts.booted
    story.types("ana", "upgrade prod-dmz")
    story.presses("ben", story.card_with("prod-dmz-1", "nps:approve"), "nps:approve")
    assert story.ended("prod-dmz-1").outcome == "done"
    assert server.facts.booted > before
    assert len(server.launches) == 1
    assert not [i for i in story.events("prod-dmz-1") if type(i.event).__name__ == "GateOpened"]


def test_sigterm_in_the_middle_of_an_installer_loses_nothing(story: Story) -> None:
    story.lab.backend.machine.installer_seconds = 4
    story.types("ana", "upgrade prod-dmz")
    story.presses("ben", story.card_with("prod-dmz-1", "nps:approve"), "nps:approve")
    story.slack.wait_for(lambda: any("installer:" in m.text for m in story.thread("prod-dmz-1")), 60)

    assert story.stop() == 0
    story.start()
    assert_done_once(story, "prod-dmz-1")


def test_a_second_bot_on_the_folder_stands_by_and_takes_over(story: Story, lab: Lab) -> None:
    second = lab.start_bot()
    story.wait_log("stands by")
    story.types("ana", "backup prod-dmz")
    assert story.ended("prod-dmz-1").outcome == "done"
    story.kill()
    story.bot = second
    story.slack.wait_connected(60)

    story.types("ana", "backup prod-dmz")
    assert story.ended("prod-dmz-2").outcome == "done"
