"""A run whose stretch can't be taken up again, for the bot's version changed under it: its servers free the others."""

import sqlite3
from contextlib import closing

from stage import WITHIN, Story, kill_at

from bot.lab.demo import CHANNEL


def test_an_orphan_frees_its_environment_on_its_servers_word_and_its_retry_is_refused_after_that(story: Story) -> None:
    killed = kill_at(story, story.lab.backend, "start_installer", after=True)
    story.types("ana", "upgrade prod-dmz")
    story.presses("ben", story.card_with("prod-dmz-1", "nps:approve"), "nps:approve")
    assert story.bot
    story.bot.wait(WITHIN)
    story.slack.wait_for(lambda: story.slack.connections == 0, WITHIN)
    assert killed()
    with closing(sqlite3.connect(story.lab.folder / "var/engine.sqlite")) as engine, engine:
        engine.execute("update workflow_status set application_version = 'older'")

    story.start()
    gate = story.gate("prod-dmz-1")
    story.wait_event("prod-dmz-1", "OrphanAnswered")
    card = story.slack.wait_for(lambda: "rphaned since" in story.card("prod-dmz-1").text, WITHIN)
    assert card
    story.types("ana", "backup prod-dmz")
    assert story.ended("prod-dmz-2").outcome == "done"

    run = story.run("prod-dmz-1")
    assert run.orphan
    assert run.orphan.free
    assert not run.holds
    assert "prod-dmz-2 has had prod-dmz since" in story.presses("ana", gate, "nps:retry")
    story.slack.press("ana", CHANNEL, gate.ts, "nps:abort")
    story.slack.wait_for(lambda: story.slack.modal("ana"), WITHIN)
    assert story.slack.submit("ana", {"reason": "I ask for it again"}) == {}
    assert story.ended("prod-dmz-1").outcome == "aborted"
    assert len(story.lab.backend.launches) == 1
