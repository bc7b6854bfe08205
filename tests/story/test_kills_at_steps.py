"""kill -9 at each step of one run: it ends, each act is done once on its host, no message is in Slack twice."""

import pytest
from stage import Story, assert_done_once


@pytest.mark.timeout(240)
def test_killed_at_each_step_the_run_still_ends(story: Story) -> None:
    story.types("ana", "upgrade prod-dmz")
    story.wait_event("prod-dmz-1", "Requested")
    restart(story)
    story.presses("ben", story.card_with("prod-dmz-1", "nps:approve"), "nps:approve")
    restart(story)
    for step in range(1, 14):
        story.wait_event("prod-dmz-1", "StepBegun", step)
        restart(story)
    story.wait_event("prod-dmz-1", "Ended")
    restart(story)
    assert_done_once(story, "prod-dmz-1")


def restart(story: Story) -> None:
    story.kill()
    story.start()
