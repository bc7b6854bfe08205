"""A bot in a lab for each test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stage import WITHIN, Story

from bot.lab.demo import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(tmp_path, installer_seconds=0.4) as lab:
        yield lab


@pytest.fixture
def story(lab: Lab) -> Iterator[Story]:
    """A story whose bot is running; what must always be true is asserted at its end."""
    with Story(lab).playing() as story:
        yield story


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Story, str]]:
    """A story whose upgrade is done and fully told, to be looked at; nothing is done in it any more."""
    with Lab(tmp_path_factory.mktemp("finished"), installer_seconds=0.4) as lab:
        story = Story(lab)
        story.bot = lab.start_bot()
        story.slack.wait_connected(WITHIN)
        story.types("ana", "upgrade prod-dmz because CR-1234")
        story.presses("ben", story.card_with("prod-dmz-1", "nps:approve"), "nps:approve")
        story.ended("prod-dmz-1")
        story.slack.wait_for(lambda: all("done" in m.text for m in story.thread("prod-dmz-1")[1:]), WITHIN)
        story.slack.wait_for(lambda: "actions" not in str(story.card("prod-dmz-1").blocks), WITHIN)
        yield story, "prod-dmz-1"
        assert story.stop() == 0
        story.assert_sound()


@pytest.fixture
def approved(story: Story) -> Callable[[], str]:
    """Asks for an upgrade as Ana and approves it as Ben; the run's name."""

    def ask() -> str:
        story.types("ana", "upgrade prod-dmz because CR-1234")
        name = story.events()[-1].run or "prod-dmz-1"
        story.presses("ben", story.card_with(name, "nps:approve"), "nps:approve")
        return name

    return ask
