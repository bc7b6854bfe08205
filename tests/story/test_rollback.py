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


def test_saved_files_are_put_back_on_anothers_word_and_the_other_version_on_one_more(story: Story) -> None:
    story.types("ana", "upgrade prod-dmz")
    story.presses("ben", story.card_with("prod-dmz-1", "nps:approve"), "nps:approve")
    assert story.ended("prod-dmz-1").outcome == "done"

    story.types("ana", "rollback prod-dmz prod-dmz-1 because templates are broken")
    card = story.card_with("prod-dmz-2", "nps:approve")
    assert "rollback prod-dmz to prod-dmz-1" in card.text
    shown = str(card.blocks)
    assert shown.index("the binaries stay, and what was written since the backup is lost") < shown.index("2. Stop")
    assert "saved at version 9.2.0.0, the binaries are version 9.3.0.0 and stay" in shown
    story.presses("ben", card, "nps:approve")

    gate = story.gate("prod-dmz-2", "nps:skip")
    assert "saved at version 9.2.0.0, the binaries are version 9.3.0.0" in gate.text
    assert "stop_service" not in story.lab.backend.counts
    killed = kill_at(story, story.lab.backend, "restore_files", after=True)
    story.types("ana", "skip prod-dmz-2 because the vendor says that 9.3 reads them")
    story.presses("ben", story.gate("prod-dmz-2", "nps:approve"), "nps:approve")
    assert story.bot
    story.bot.wait(60)
    assert killed()
    story.slack.wait_for(lambda: story.slack.connections == 0, 60)
    story.start()
    assert story.ended("prod-dmz-2").outcome == "done"
    counts = story.lab.backend.counts
    assert [counts[verb] for verb in ("stop_service", "back_up", "restore_files", "start_service")] == [1, 2, 1, 1]
