"""A step fails: the run asks in its thread, people decide, and the decision is part of the step."""

from collections.abc import Callable

from stage import WITHIN, Story

from bot.lab.demo import CHANNEL
from bot.lab.windows import frontend

Approved = Callable[[], str]


def test_a_failed_check_is_repaired_on_anothers_word(story: Story, approved: Approved) -> None:
    story.lab.frontend.faults.installer_enables_service()
    run = approved()
    gate = story.gate(run, "nps:repair")

    assert "II.3 The service is still disabled" in gate.text
    assert "somebody else approves" in story.presses("ana", gate, "nps:repair").replace("Somebody", "somebody")
    proposal = story.gate(run, "nps:approve")
    assert "ana proposes to repair" in proposal.text
    assert proposal.is_broadcast, "an edit of the gate would notify nobody"
    assert "recorded" in story.presses("ben", proposal, "nps:approve")
    assert story.ended(run).outcome == "done"
    closed = story.slack.wait_for(
        lambda: next((m for m in story.thread(run) if m.ts == proposal.ts and "Approved by ben" in m.text), None),
        WITHIN,
    )
    assert "actions" not in str(closed.blocks)
    assert story.lab.frontend.counts["disable_service"] == 1


def test_the_proposer_cannot_approve_the_own_proposal(story: Story, approved: Approved) -> None:
    story.lab.frontend.faults.installer_enables_service()
    run = approved()
    story.presses("ben", story.gate(run, "nps:repair"), "nps:repair")

    assert "somebody else" in story.presses("ben", story.gate(run, "nps:approve"), "nps:approve")


def test_a_proposal_turned_down_leaves_the_gate_open(story: Story, approved: Approved) -> None:
    story.lab.frontend.faults.installer_enables_service()
    run = approved()
    story.presses("ana", story.gate(run, "nps:repair"), "nps:repair")
    proposal = story.gate(run, "nps:approve")
    story.slack.press("ben", CHANNEL, proposal.ts, "nps:reject")
    story.slack.wait_for(lambda: story.slack.modal("ben"), WITHIN)

    assert story.slack.submit("ben", {"reason": "let us look first"}) == {}
    assert "nps:repair" in str(story.gate(run, "nps:repair").blocks)
    told = "ben turned it down: let us look first"
    story.slack.wait_for(lambda: any(m.ts == proposal.ts and told in m.text for m in story.thread(run)), WITHIN)


def test_a_modal_for_one_proposal_does_not_turn_down_the_next(story: Story, approved: Approved) -> None:
    story.lab.frontend.faults.installer_enables_service()
    run = approved()
    story.presses("ana", story.gate(run, "nps:repair"), "nps:repair")
    story.slack.press("ben", CHANNEL, story.gate(run, "nps:approve").ts, "nps:reject")
    story.slack.wait_for(lambda: story.slack.modal("ben"), WITHIN)
    story.types("chris", f"reject {run} because no")
    story.types("ana", f"skip {run} because it is known")

    assert story.slack.submit("ben", {"reason": "let us look first"}) != {}
    gate = story.run(run).gate
    assert gate
    assert gate.proposal
    assert gate.proposal.word == "skip"


def test_a_failed_installer_is_retried_and_starts_again(story: Story, approved: Approved) -> None:
    story.lab.backend.faults.installer_fails()
    run = approved()
    gate = story.gate(run)

    assert "code 1603: a fatal error during the installation" in gate.text
    story.presses("ana", gate, "nps:retry")
    assert story.ended(run).outcome == "done"
    assert len(story.lab.backend.launches) == 2


def test_a_decided_gate_loses_its_buttons_and_a_late_press_is_refused(story: Story, approved: Approved) -> None:
    story.lab.backend.faults.installer_fails()
    run = approved()
    gate = story.gate(run)
    story.presses("ana", gate, "nps:retry")
    story.ended(run)

    shown = story.slack.wait_for(
        lambda: next(m for m in story.thread(run) if m.ts == gate.ts and "decided" in m.text), WITHIN
    )
    assert "actions" not in str(shown.blocks)
    before = len(story.slack.ephemerals("ben"))
    story.slack.press("ben", CHANNEL, gate.ts, "nps:retry", version=0)
    told = story.slack.wait_for(lambda: story.slack.ephemerals("ben")[before:], WITHIN)
    assert "has ended" in told[0].text


def test_a_step_is_skipped_with_a_reason_on_anothers_word(story: Story, approved: Approved) -> None:
    story.lab.frontend.faults.fail("rename_file", "The file is in use.", kind="in_use")
    run = approved()
    gate = story.gate(run, "nps:skip")
    assert "The file is in use" in gate.text
    story.slack.press("ana", CHANNEL, gate.ts, "nps:skip")
    story.slack.wait_for(lambda: story.slack.modal("ana"), WITHIN)
    assert story.slack.submit("ana", {"reason": "renamed by hand later"}) == {}
    story.presses("chris", story.gate(run, "nps:approve"), "nps:approve")

    in_the_end = story.gate(run, "nps:repair")
    assert "II.4 again" in in_the_end.text, "what was to be done by hand is looked at in the end"
    story.lab.frontend.change(images=frontend().images)
    story.presses("ana", in_the_end, "nps:retry")
    assert story.ended(run).outcome == "done"
    step = story.run(run).step(8)
    assert step.state == "skipped"
    assert step.gates[0].decided
    assert step.gates[0].decided.by.person == "slack:U0CHRIS"
    assert step.gates[0].decided.text == "renamed by hand later"


def test_an_abort_at_a_gate_ends_the_run_and_no_act_follows(story: Story, approved: Approved) -> None:
    story.lab.backend.faults.installer_fails()
    run = approved()
    gate = story.gate(run)
    story.slack.press("ana", CHANNEL, gate.ts, "nps:abort")
    story.slack.wait_for(lambda: story.slack.modal("ana"), WITHIN)
    story.slack.submit("ana", {"reason": "tomorrow"})

    assert story.ended(run).outcome == "aborted"
    assert story.lab.frontend.counts == {}


def test_an_abort_lets_a_running_installer_finish_and_begins_nothing_more(story: Story, approved: Approved) -> None:
    story.lab.backend.machine.installer_seconds = 4
    run = approved()
    story.slack.wait_for(lambda: any("installer:" in m.text for m in story.thread(run)), WITHIN)

    assert "no further step begins" in story.types("ana", f"abort {run} because wrong night")
    assert story.ended(run).outcome == "aborted"
    assert story.lab.backend.facts.version("PRMService.exe") == "9.3.0.0"
    assert not story.lab.backend.facts.living_marks()
    assert story.lab.frontend.counts == {}


def test_a_change_between_plan_and_start_voids_the_approval(story: Story) -> None:
    story.types("ana", "upgrade prod-dmz")
    card = story.card_with("prod-dmz-1", "nps:approve")
    was = story.run("prod-dmz-1").hash
    dcom = story.lab.frontend.facts.dcom
    assert dcom
    story.lab.frontend.change(dcom=dcom.model_copy(update={"remote_server": "be99"}))
    story.presses("ben", card, "nps:approve")
    story.wait_event("prod-dmz-1", "Voided")

    run = story.run("prod-dmz-1")
    assert run.hash != was
    assert "be99" in run.voided[0]
    assert story.lab.backend.counts == {}
    voided = story.slack.wait_for(
        lambda: next((m for m in story.slack.messages(CHANNEL) if "is void" in m.text), None), WITHIN
    )
    assert was[:6] in str(voided.blocks)
    assert "is not what" in story.types("ben", f"approve prod-dmz-1 {was[:6]}")


def test_another_run_waits_for_the_environment(story: Story, approved: Approved) -> None:
    story.lab.backend.machine.installer_seconds = 3
    run = approved()
    story.wait_event(run, "Started")
    story.types("ana", "backup prod-dmz")

    assert story.ended("prod-dmz-2").outcome == "done"
    order = [type(i.event).__name__ + (i.run or "")[-2:] for i in story.events()]
    assert order.index("Ended-1") < order.index("Admitted-2")


def test_dcom_changed_by_the_installer_is_a_gate(story: Story, approved: Approved) -> None:
    story.lab.frontend.faults.installer_changes_dcom()
    run = approved()

    gate = story.gate(run, "nps:repair")
    assert "II.6" in gate.text
    assert "this computer" in gate.text


def test_a_due_restart_is_asked_once_and_the_run_goes_on_when_another_accepts_it(story: Story) -> None:
    story.lab.frontend.change(reboot_due=("Windows Update",))
    story.types("ana", "upgrade prod-dmz because CR-1234")
    card = story.card_with("prod-dmz-1", "nps:approve")
    warning = "fe01: a restart is due there (Windows Update)."
    assert f"Warning: {warning}" in card.text
    assert f"Warning: {warning}" in str(card.blocks)
    story.presses("ben", card, "nps:approve")

    gate = story.gate("prod-dmz-1", "nps:skip")
    assert warning in gate.text
    assert story.run("prod-dmz-1").started is None
    assert story.lab.backend.counts == {}
    story.types("ana", "skip prod-dmz-1 because it is restarted tomorrow")
    story.presses("ben", story.gate("prod-dmz-1", "nps:approve"), "nps:approve")
    assert story.ended("prod-dmz-1").outcome == "done"
    assert story.kinds("prod-dmz-1").count("GateOpened") == 1
