"""A night with a freeze, a run that waits for another, a lock taken over, and a review: in Slack, to the end."""

from datetime import UTC, datetime, timedelta

import pytest
from stage import WITHIN, Story

from bot.lab.demo import CHANNEL, Lab
from bot.lab.slack import Message
from bot.view import fold_environment

FREEZE = """
[[freezes]]
from = {begin:%Y-%m-%dT%H:%M:%S}
to = {end:%Y-%m-%dT%H:%M:%S}
time_zone = "UTC"
environments = ["prod-dmz"]
reason = "stocktaking"
"""


@pytest.fixture
def lab(lab: Lab) -> Lab:
    """With a freeze that is on."""
    now, toml = datetime.now(UTC), lab.folder / "nps.toml"
    freeze = FREEZE.format(begin=now - timedelta(days=1), end=now + timedelta(days=1))
    toml.write_text(toml.read_text(encoding="utf-8") + freeze, encoding="utf-8")
    return lab


def told(story: Story, *words: str) -> Message:
    """The newest message of the channel that has all these words, once there is one."""

    def found() -> Message | None:
        return next((m for m in reversed(story.slack.messages(CHANNEL)) if all(w in m.text for w in words)), None)

    return story.slack.wait_for(found, WITHIN)


def test_what_waits_says_for_whom_and_who_overrides_a_freeze_owes_a_review(story: Story) -> None:
    assert "prod-dmz is frozen until" in story.types("chris", "restart prod-dmz")
    story.lab.backend.faults.fail("back_up", "The disk is away.")
    story.types("ana", "backup prod-dmz")
    gate = story.gate("prod-dmz-1")

    # another run waits, in spite of the freeze
    answer = story.types("chris", "restart prod-dmz override because it hangs")
    assert "It will have to wait: prod-dmz-1 holds prod-dmz, which waits for a decision." in answer
    told(story, "asked for prod-dmz-2", "in spite of a freeze until", "stocktaking", "it hangs")
    told(story, "prod-dmz-2", "Waits for prod-dmz-1, which waits for a decision")

    # a lock, and one who takes it over
    story.types("ana", "lock prod-dmz because I look at it")
    mine = told(story, "prod-dmz is locked by ana", "because I look at it")
    assert "Ask ana" in story.types("ben", "lock prod-dmz because me too")
    story.types("chris", "lock prod-dmz take because it is urgent")
    theirs = told(story, "<@U0ANA> had it locked and has lost it.")
    told(story, "prod-dmz was locked by ana", "took it over", "because it is urgent")
    assert "chris has ended that lock" in story.presses("ana", mine, "nps:unlock", version=0)
    assert "Ask" in story.presses("ana", theirs, "nps:unlock")

    # the holder ends; the other one waits for the person alone
    story.presses("ana", gate, "nps:retry")
    assert story.ended("prod-dmz-1").outcome == "done"
    told(story, "prod-dmz-2", "Waits until", "unlocks prod-dmz")
    assert story.kinds("prod-dmz-2").count("Admitted") == 0
    story.presses("chris", theirs, "nps:unlock")
    assert story.ended("prod-dmz-2").outcome == "done"

    # the review
    assert "nobody has reviewed that yet" in story.types("ana", "upgrade prod-dmz")
    assert "It takes somebody else" in story.types("chris", "review prod-dmz-2 because it was me")
    card = story.card_with("prod-dmz-2", "nps:review")
    story.slack.press("ben", CHANNEL, card.ts, "nps:review")
    story.slack.wait_for(lambda: story.slack.modal("ben"), WITHIN)
    assert story.slack.submit("ben", {"reason": "it did hang"}) == {}
    told(story, "asked for prod-dmz-2", "Reviewed by ben: it did hang")
    assert "prod-dmz is frozen until" in story.types("ana", "upgrade prod-dmz")

    kinds = [type(item.event).__name__ for item in story.events()]
    assert [kinds.count(kind) for kind in ("Locked", "Unlocked", "FreezeOverridden", "Reviewed")] == [2, 1, 1, 1]
    view = fold_environment("prod-dmz", story.events())
    assert (view.lock, view.reviews, view.admitted) == (None, (), "prod-dmz-2")
