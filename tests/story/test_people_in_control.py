"""People stay in control of a run that goes on: a pause, a question that stands, an abort, a night without the bot."""

import os
import time
from collections.abc import Callable

from stage import WITHIN, Story, block_name

from bot.lab.demo import CHANNEL, Lab
from bot.lab.slack import Message

Approved = Callable[[], str]


def test_a_run_is_paused_between_two_steps_and_goes_on_once(story: Story, approved: Approved) -> None:
    story.lab.backend.machine.installer_seconds = 3
    run = approved()
    story.slack.wait_for(lambda: any("installer:" in m.text for m in story.thread(run)), WITHIN)
    card = story.card_with(run, "nps:pause")
    assert "To go on: `/nps resume" in story.presses("ana", card, "nps:pause")
    assert "ana has paused" in story.types("ben", f"pause {run}")
    story.slack.wait_for(lambda: "Paused before step 5 of" in story.card(run).text, WITHIN)
    assert story.lab.frontend.counts == {}
    assert story.do(f"show {run}").returncode == 0

    assert "goes on" in story.presses("ben", story.card_with(run, "nps:resume"), "nps:resume")
    assert story.ended(run).outcome == "done"
    assert len(story.lab.backend.launches) == len(story.lab.frontend.launches) == 1
    story.slack.wait_for(lambda: any("resumed by ben" in m.text for m in story.thread(run)), WITHIN)


def test_an_aborted_installer_is_ended_with_all_its_processes_and_rollback_is_offered(
    story: Story, approved: Approved
) -> None:
    story.lab.backend.faults.installer_never_ends()
    run = approved()
    story.slack.wait_for(lambda: any("installer:" in m.text for m in story.thread(run)), WITHIN)
    story.types("ana", f"abort {run} because wrong night")

    gate = story.gate(run, "nps:end")
    assert "still runs on be01" in gate.text
    assert "<@U0ANA>" in gate.text
    story.slack.press("ben", CHANNEL, gate.ts, "nps:end")
    story.slack.wait_for(lambda: story.slack.modal("ben"), WITHIN)
    assert story.slack.submit("ben", {"reason": "it hangs"}) == {}
    ended = story.ended(run)
    assert ended.outcome == "aborted"
    assert f"rollback prod-dmz {run}" in ended.sentence
    [mark] = story.lab.backend.facts.marks
    assert (mark.state, mark.by, mark.alive) == ("ended", "ben", False)
    assert story.lab.frontend.counts == {}
    told = "processes were ended by ben"
    story.slack.wait_for(lambda: any(told in m.text for m in story.thread(run)), WITHIN)


def test_after_a_night_without_the_bot_the_question_is_asked_anew(story: Story) -> None:
    story.types("ana", "upgrade prod-dmz because CR-1234")
    card = story.card_with("prod-dmz-1", "nps:approve")
    story.kill()
    heartbeat = story.lab.folder / "var/heartbeat"
    gone = time.time() - 8 * 3600
    os.utime(heartbeat, (gone, gone))
    story.start()

    anew = story.slack.wait_for(
        lambda: next(
            (m for m in story.thread("prod-dmz-1") if "was away" in m.text and "nps:approve" in str(m.blocks)), None
        ),
        WITHIN,
    )
    assert anew.is_broadcast
    assert anew.ts != card.ts
    assert "not recorded" in anew.text
    story.presses("ben", anew, "nps:approve")
    assert story.ended("prod-dmz-1").outcome == "done"
    story.slack.wait_for(
        lambda: any(m.ts == anew.ts and "'actions'" not in str(m.blocks) for m in story.thread("prod-dmz-1")), WITHIN
    )
    assert story.kinds("prod-dmz-1").count("WasAway") == 1
    assert story.stop() == 0
    assert not heartbeat.exists()
    story.start()


def test_a_question_that_stands_is_put_again_and_then_to_the_admins(lab: Lab) -> None:
    settings = lab.folder / "nps.toml"
    hurried = 'admins = ["U0CHRIS"]\nremind_after = "1s"\nescalate_after = "3s"'
    settings.write_text(settings.read_text(encoding="utf-8").replace('admins = ["U0CHRIS"]', hurried), encoding="utf-8")
    lab.backend.faults.installer_fails()
    story = Story(lab)
    story.start()
    story.types("ana", "upgrade prod-dmz because CR-1234")
    run = "prod-dmz-1"
    story.presses("ben", story.card_with(run, "nps:approve"), "nps:approve")
    gate = story.gate(run)
    asked = story.run(run).gate
    assert asked
    assert asked.mentions == ("U0ANA", "U0BEN", "U0CHRIS")

    story.slack.wait_for(lambda: len(_reminders(story, run)) == 2, WITHIN)
    first, second = _reminders(story, run)
    assert "<@U0ANA> <@U0BEN> <@U0CHRIS>" in first.text
    assert "<@U0CHRIS>" in second.text
    assert "<@U0ANA>" not in second.text
    story.presses("ana", gate, "nps:retry")
    assert story.ended(run).outcome == "done"
    story.slack.wait_for(lambda: not any("<@" in m.text for m in _reminders(story, run)), WITHIN)
    assert story.kinds(run).count("Reminded") == 2
    story.slack.wait_for(lambda: "ana decided retry" in story.card(run).text, WITHIN)
    assert story.stop() == 0
    story.assert_sound()


def _reminders(story: Story, run: str) -> list[Message]:
    return [m for m in story.thread(run) if block_name(m).endswith(("-reminded", "-escalated"))]
