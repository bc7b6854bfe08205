"""After an upgrade: the service restarted, the saved files put back."""

import pytest
from stage import Story, kill_at


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_a_restart_the_service_is_restarted_once(story: Story, after: bool) -> None:
    killed = kill_at(story, story.lab.backend, "restart_service", after)
    story.types("ana", "restart prod-dmz")
    assert story.bot
    story.bot.wait(60)
    assert killed()
    story.slack.wait_for(lambda: story.slack.connections == 0, 60)

    story.start()
    assert story.ended("prod-dmz-1").outcome == "done"
    assert story.lab.backend.counts == {"restart_service": 1}
    assert story.run("prod-dmz-1").approvals == ()
