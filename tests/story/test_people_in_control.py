"""People stay in control of a run that goes on: a pause, a question that stands, an abort, a night without the bot."""

from collections.abc import Callable

from stage import WITHIN, Story

Approved = Callable[[], str]


def test_a_run_is_paused_between_two_steps_and_goes_on_once(story: Story, approved: Approved) -> None:
    story.lab.backend.machine.installer_seconds = 3
    run = approved()
    story.slack.wait_for(lambda: any("installer:" in m.text for m in story.thread(run)), WITHIN)
    card = story.card_with(run, "nps:pause")
    assert "To go on: `resume" in story.presses("ana", card, "nps:pause")
    assert "ana has paused" in story.types("ben", f"pause {run}")
    story.slack.wait_for(lambda: "Paused before step 5 of" in story.card(run).text, WITHIN)
    assert story.lab.frontend.counts == {}
    assert story.do(f"show {run}").returncode == 0

    assert "goes on" in story.presses("ben", story.card_with(run, "nps:resume"), "nps:resume")
    assert story.ended(run).outcome == "done"
    assert len(story.lab.backend.launches) == len(story.lab.frontend.launches) == 1
    assert any("resumed by ben" in m.text for m in story.thread(run))
