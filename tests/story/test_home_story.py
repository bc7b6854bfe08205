"""The app's home and the upgrade's form, through real Socket Mode: what is pressed there is as if it were typed."""

from stage import WITHIN, Story

from bot.lab.demo import CHANNEL
from bot.lab.slack import View


def home(story: Story, person: str, words: str) -> View:
    """The person's home, once it says these words."""
    return story.slack.wait_for(lambda: _with(story.slack.home(person), words), WITHIN)


def modal(story: Story, person: str, words: str) -> View:
    return story.slack.wait_for(lambda: _with(story.slack.modal(person), words), WITHIN)


def _with(view: View | None, words: str) -> View | None:
    return view if view and words in view.plain else None


def test_a_home_verifies_asks_for_an_upgrade_and_tells_who_must_approve_it(story: Story) -> None:
    with story.slack.twice():
        story.slack.open_home("ana")
        home(story, "ana", "not known yet")
        story.slack.press_in_home("ana", "home:verify")
    assert "*prod-dmz-1* is recorded: verify prod-dmz" in modal(story, "ana", "recorded").plain
    story.slack.close("ana")
    home(story, "ana", "version 9.2.0.0, read")
    home(story, "ana", "verify prod-dmz to 9.3, failed")

    story.slack.press_in_home("ana", "home:upgrade")
    modal(story, "ana", "Package")
    with story.slack.twice():
        assert story.slack.submit("ana", {"reason": "CR-1234"}) == {}
    assert "*prod-dmz-2* is recorded: upgrade prod-dmz because CR-1234" in modal(story, "ana", "recorded").plain
    story.card_with("prod-dmz-2", "nps:approve")
    story.slack.open_home("ben")
    home(story, "ben", "Waits for you (1)")
    story.slack.open_home("eva")
    home(story, "eva", "No environment of nps.toml has a role for you")

    story.presses("ben", story.card("prod-dmz-2"), "nps:approve")
    home(story, "ben", "Nothing waits for you")
    story.ended("prod-dmz-2")
    assert "upgrade prod-dmz" in home(story, "ben", "version 9.3.0.0, read").plain
    assert story.kinds("prod-dmz-1").count("Requested") == 1
    assert len({run for run in (item.run for item in story.events()) if run}) == 2, "each delivery came twice"


def test_upgrade_alone_opens_a_form_and_the_channel_is_greeted_once(story: Story) -> None:
    assert story.types("ana", "upgrade because CR-1234") == ""
    form = modal(story, "ana", "Package")
    assert "/nps upgrade ENV [PACKAGE]" in form.plain
    story.types("ben", "upgrade prod-dmz 9.3")
    with story.slack.twice():
        assert story.slack.submit("ana", {"package": "9.3"}) == {}
    assert "prod-dmz-1 already does that, asked for by ben" in modal(story, "ana", "can't be asked for").plain
    story.types("ben", "abort prod-dmz-1 because the form is tried")
    assert story.slack.submit("ana", {}) == {}, "the same again is judged anew"
    assert "*prod-dmz-2* is recorded" in modal(story, "ana", "recorded").plain

    story.types("eva", "upgrade")
    told = story.slack.wait_for(lambda: story.slack.ephemerals("eva"), WITHIN)[-1].text
    assert "no environment that you may upgrade" in told
    story.slack.missing_scope("views.open", "none")
    story.slack.open_home("ben")
    home(story, "ben", "Verify now")
    story.slack.press_in_home("ben", "home:verify")
    assert "is recorded: verify prod-dmz" in home(story, "ben", "is recorded").plain
    before = len(story.slack.ephemerals("ben"))
    story.types("ben", "upgrade")
    told = story.slack.wait_for(lambda: story.slack.ephemerals("ben")[before:], WITHIN)[0].text
    assert "Type: `/nps upgrade ENV [PACKAGE]" in told

    with story.slack.twice():
        story.slack.join("nps", "C0ALL")
        story.slack.join("nps", CHANNEL)
        story.slack.join("ben", CHANNEL)
    greetings = "I am nps-bot"
    story.slack.wait_for(lambda: any(greetings in m.text for m in story.slack.messages("C0ALL")), WITHIN)
    story.slack.wait_for(lambda: any(greetings in m.text for m in story.slack.messages(CHANNEL)), WITHIN)
    assert sum(greetings in m.text for m in story.slack.all_messages()) == 2
