"""What an attempt's last reading means: it alone decides, the exit code only explains."""

from dataclasses import replace
from typing import Any

import pytest
from worlds import FE, PACKAGE, Tale, begun, ended, facts, gate, plan

from bot import events as e
from bot.errors import HostAway
from bot.lab.windows.presets import EXECUTABLE, backend, frontend
from bot.plan import Step
from bot.runs import judging, patience
from bot.texts import plain
from bot.view import AskPeople, Run, Work, next_move
from bot.windows.facts import DcomClass, HostFacts, Image, Mark, PendingRename

STEPS = {step.title.split(" ", 1)[0]: step for step in plan("upgrade", FE).steps}
BEFORE = facts(FE)
REST = PendingRename(source="C:\\Product\\rest.tmp", target="")
EARLIER, LATER = "2000-01-01T00:00:00.0000000Z", "2100-01-01T00:00:00.0000000Z"
UPDATED = backend().model_copy(update={"images": (Image(name=EXECUTABLE, path="x", version=PACKAGE.version),)})


def mark(**more: Any) -> Mark:
    given = {"name": "m", "store": "s", "run": "prod-dmz-17", "step": 4, "attempt": 1, "state": "finished"}
    return Mark.model_validate(given | more)


def judged(
    step: Step, now: HostFacts, mark: Mark | None = None, acted: bool = True, run: Run | None = None
) -> e.StepEnded:
    outcome: dict[str, Any] = {"facts": now.model_dump(mode="json")}
    if mark:
        outcome["mark"] = mark.model_dump(mode="json")
    run = run or Tale().started().run
    number = judging.plan_of(run).steps.index(step) + 1
    return judging.ended(run, number, 1, outcome, acted, "log.txt", "ab" * 32, "tail")


@pytest.mark.parametrize("code", [0, 3010])
def test_an_installer_that_succeeded_is_done_when_the_version_says_so(code: int) -> None:
    told = judged(STEPS["II.1"], UPDATED, mark(code=code))
    assert (told.outcome, told.sentence) == ("done", "")
    assert told.before == "version 9.2.0.0"
    assert told.found == "version 9.3.0.0" + ("; the server wants a restart" if code else "")
    assert told.restart == bool(code)
    assert (told.log, told.log_sha256, told.tail) == ("log.txt", "ab" * 32, "tail")


@pytest.mark.parametrize("code", [0, 3010])
def test_an_installer_that_says_success_without_the_version_failed(code: int) -> None:
    told = judged(STEPS["II.1"], backend(), mark(code=code))
    assert told.outcome == "failed"
    assert told.sentence == (
        "The installer said that it succeeded, but be01: wanted “version 9.3.0.0”, found “version 9.2.0.0”."
    )
    assert told.next_move


@pytest.mark.parametrize(
    ("code", "said"),
    [(1603, "a fatal error during the installation"), (1602, "somebody cancelled it"), (-1, "see the vendor")],
)  # fmt: skip
def test_an_exit_code_of_failure_is_explained(code: int, said: str) -> None:
    told = judged(STEPS["II.1"], backend(), mark(code=code))
    assert told.outcome == "failed"
    assert f"code {code}" in told.sentence
    assert said in told.sentence
    assert "Retry" in told.next_move


def test_an_installer_that_left_no_code_is_not_taken_for_done() -> None:
    told = judged(STEPS["II.1"], UPDATED, mark(code=None))
    assert told.outcome == "failed"
    assert "without leaving an exit code: its processes were ended" in told.sentence
    restarted = judged(STEPS["II.1"], UPDATED, mark(code=None, started=EARLIER))
    assert "without leaving an exit code: the server was restarted meanwhile" in restarted.sentence


def test_an_installer_that_restarted_its_server_is_done_once_that_is_up_again() -> None:
    told = judged(STEPS["II.1"], UPDATED, mark(code=1641, finished=EARLIER))
    assert (told.outcome, told.restart, told.found) == ("done", False, "version 9.3.0.0")


def test_an_installer_that_says_it_restarts_its_server_and_does_not_asks_people() -> None:
    told = judged(STEPS["II.1"], UPDATED, mark(code=1641, finished=LATER))
    assert told.outcome == "failed"
    assert told.sentence == "The installer said that it restarts be01, but it has not for 10 min."
    assert told.restart


@pytest.mark.parametrize("ended", [mark(code=3010), mark(code=0), None], ids=["3010", "0", "read again"])
def test_files_that_are_replaced_at_the_restart_only_ask_people(ended: Mark | None) -> None:
    """A Retry after the restart reads anew; before it, it asks again and starts nothing."""
    told = judged(STEPS["II.1"], UPDATED.model_copy(update={"renames": (REST,)}), ended)
    assert told.outcome == "failed"
    assert told.sentence.startswith("be01 must be restarted: files of the product are replaced only then")
    assert told.next_move.startswith("Restart the server, then retry")


def test_what_wanted_a_restart_before_is_not_the_installers() -> None:
    tale, before = Tale(), backend().model_copy(update={"reboot_due": ("Windows Update",), "renames": (REST,)})
    tale.facts = tale.facts | {"be01": before}
    now = UPDATED.model_copy(update={"reboot_due": before.reboot_due, "renames": (REST,)})
    told = judged(STEPS["II.1"], now, mark(code=0), run=tale.started().run)
    assert (told.outcome, told.found, told.restart) == ("done", "version 9.3.0.0", False)


def test_a_restart_that_is_due_is_told_in_the_step_and_at_the_end() -> None:
    told = judged(STEPS["II.1"], UPDATED.model_copy(update={"reboot_due": ("component servicing",)}), mark(code=0))
    assert (told.outcome, told.found) == ("done", "version 9.3.0.0; the server wants a restart")
    tale = Tale().started()
    count = len(tale.plan.steps)
    chapters = [x for i in range(1, count + 1) for x in (begun(i), ended(i, restart=i in (2, 4)))]
    said = judging.end_of(tale.then(*chapters).run, "done").sentence
    assert said.startswith(f"All {count} steps are done. Still to be restarted: ")
    assert said.count("be01") == 1


def test_an_exit_code_that_the_package_names_is_no_failure_where_the_version_is_there() -> None:
    other = PACKAGE.model_copy(update={"success_codes": (0, 5)})
    tale = Tale()
    tale.plan = plan("upgrade", FE, package=other)
    step = next(s for s in tale.plan.steps if s.title.startswith("II.1"))
    run = tale.started().run
    assert judged(step, UPDATED, mark(code=5), run=run).outcome == "done"
    assert judged(step, backend(), mark(code=5), run=run).outcome == "failed"
    assert "code 3010" in judged(step, UPDATED, mark(code=3010), run=run).sentence


def test_a_task_that_had_to_run_as_system_is_told() -> None:
    told = judged(STEPS["II.1"], UPDATED, mark(code=0, as_system=True)).found
    assert told == "version 9.3.0.0; it ran as SYSTEM: the bot's account may not log on as a batch job"
    tale = Tale()
    tale.plan = plan("upgrade", FE, run_as="SYSTEM")
    wanted = judged(STEPS["II.1"], UPDATED, mark(code=0, as_system=True), run=tale.started().run)
    assert wanted.found == "version 9.3.0.0"


def test_another_installation_is_tried_again_by_rule_and_then_people_are_asked() -> None:
    tale = Tale().started()
    number = place("II.1")
    before = [x for i in range(1, number) for x in (begun(i), ended(i))]
    tale = tale.then(*before)
    for attempt in range(1, len(patience.PAUSES) + 1):
        tale = tale.then(begun(number, attempt))
        told = judged(STEPS["II.1"], backend(), mark(code=1618), run=tale.run)
        assert (told.outcome, told.again, told.next_move) == ("failed", True, "The bot tries again by itself.")
        tale = tale.then(replace(told, attempt=attempt))
        assert next_move(tale.run) == Work(number, attempt + 1, False)
    last = len(patience.PAUSES) + 1
    tale = tale.then(begun(number, last))
    told = judged(STEPS["II.1"], backend(), mark(code=1618), run=tale.run)
    assert not told.again
    tale = tale.then(replace(told, attempt=last))
    assert next_move(tale.run) == AskPeople(number, last)
    tale = tale.then(judging.gate(tale.run, number, last))
    assert tale.run.gate
    assert "another installation was running" in tale.run.gate.sentence
    tale = tale.then(e.Decided(step=number, attempt=last, word="retry", reason=""), begun(number, last + 1))
    assert judged(STEPS["II.1"], backend(), mark(code=1618), run=tale.run).again


def test_after_an_abort_no_rule_tries_again() -> None:
    aborted = Tale().started().then(begun(place("II.1")), e.AbortRequested(reason="enough")).run
    assert not judged(STEPS["II.1"], backend(), mark(code=1618), run=aborted).again


def test_a_stretch_that_died_between_two_tries_asks_about_that_step() -> None:
    number = place("II.1")
    before = [x for i in range(1, number) for x in (begun(i), ended(i))]
    tale = Tale().started().then(*before, begun(number), ended(number, outcome="failed", again=True))
    gate = tale.then(e.StretchDied(trigger=9, sentence="It died.")).run.gate
    assert gate
    assert gate.step == number


@pytest.mark.parametrize("name", ["II.3", "II.4", "II.5", "II.6", "Note"])
def test_a_reading_that_holds_is_done_and_tells_what_was_found(name: str) -> None:
    step = STEPS[name]
    now = frontend("FE01", "be01") if step.host == "fe01" else backend()
    told = judged(step, now, acted=False)
    assert (told.outcome, told.sentence, told.acted) == ("done", "", False)
    assert told.found == step.state.found(now)
    assert told.read_at == now.clock


@pytest.mark.parametrize("name", ["II.3", "II.4", "II.5", "II.6"])
def test_a_reading_that_does_not_hold_names_wanted_and_found(name: str) -> None:
    step = STEPS[name]
    told = judged(step, backend())
    assert told.outcome == "failed"
    assert told.sentence.startswith(f"fe01: wanted “{step.state.wanted()}”, found “{step.state.found(backend())}”.")


def test_a_check_that_holds_but_was_changed_during_the_run_failed() -> None:
    before = frontend("FE01", "be01")
    assert before.dcom
    new = DcomClass(clsid="{1}", view="64", local_server="x.exe")
    now = before.model_copy(update={"dcom": before.dcom.model_copy(update={"classes": (*before.dcom.classes, new)})})
    told = judged(STEPS["II.6"], now)
    assert told.outcome == "failed"
    assert "settings changed during the run: LocalServer32 of {1} (64-bit) is new" in told.sentence


def test_a_host_that_could_not_be_read_is_a_failed_step_with_its_sentence() -> None:
    outcome = {"error": {"sentence": "fe01 does not answer.", "next_move": "Look at its network."}}
    told = judging.ended(Tale().started().run, place("II.3"), 1, outcome, False, None, None, "")
    assert (told.outcome, told.sentence, told.next_move) == ("failed", "fe01 does not answer.", "Look at its network.")
    assert told.found == ""


# --- gates ----------------------------------------------------------------------------------------------------------


def opened(number: int, **end: Any) -> e.GateOpened:
    tale = Tale().started().then(begun(number), ended(number, outcome="failed", sentence="It failed.", **end))
    return judging.gate(tale.run, number, 1)


def place(name: str) -> int:
    return 1 + [s.title.split(" ", 1)[0] for s in plan("upgrade", FE).steps].index(name)


def test_a_failed_check_offers_the_repair_and_foretells_it() -> None:
    told = opened(place("II.3"))
    assert told.words == ("retry", "repair", "skip", "abort")
    assert told.change == "disable the service and stop it"
    assert told.sentence == f"Step {place('II.3')} failed: II.3 The service is still disabled (fe01). It failed."


def test_a_failed_act_offers_no_repair() -> None:
    assert opened(place("II.4")).words == ("retry", "skip", "abort")
    assert opened(place("II.4")).change is None


def test_what_could_not_be_read_offers_no_repair() -> None:
    assert "repair" not in opened(place("II.3"), found="").words


@pytest.mark.parametrize("found", ["", "version 9.2.0.0; an installer is running"])
def test_an_installer_that_may_still_run_can_not_be_skipped(found: str) -> None:
    assert "skip" not in opened(place("II.1"), found=found, acted=True).words


def test_an_attempt_that_was_given_up_is_not_said_to_have_succeeded() -> None:
    assert "succeeded" not in judged(STEPS["II.1"], backend(), mark(state="given_up")).sentence


def test_the_gate_of_a_failed_step_is_what_the_run_asks_next() -> None:
    tale = Tale().started().then(begun(1), ended(1, outcome="failed", sentence="x"))
    assert next_move(tale.then(judging.gate(tale.run, 1, 1)).run) == next_move(tale.then(gate(1)).run)


def test_a_run_that_could_not_start_asks_and_verify_ends() -> None:
    fault = HostAway("fe01", "fe01 does not answer.", "Look at its network.")
    run = Tale().planned().approved().then(e.Admitted(n=1)).run
    key, event = judging.not_started(run, fault)
    assert key == "prod-dmz-17:0:1:gate"
    assert event == e.GateOpened(
        step=0, attempt=1, sentence="The run could not start. fe01 does not answer.",
        next_move="Look at its network.", words=("retry", "abort"),
    )  # fmt: skip
    key, event = judging.not_started(Tale(runbook="verify", approvals=0).planned().run, fault)
    assert key == "prod-dmz-17:end"
    assert isinstance(event, e.Ended)
    assert event.outcome == "failed"


def test_a_copy_that_was_lost_may_have_left_the_service_stopped() -> None:
    tale = Tale().started()
    number = next(i for i, step in enumerate(tale.plan.steps, 1) if step.state.kind == "copied")
    lost = tale.then(begun(number), ended(number, outcome="failed", sentence="x", next_move="Look.", found=""))
    assert judging.left_stopped(lost.run) == ""
    steps = tuple(s.model_copy(update={"state": s.state.model_copy(update={"stop": True})}) if i == number else s
                  for i, s in enumerate(tale.plan.steps, 1))  # fmt: skip
    stopping = replace(lost.run, plan=lost.run.plan.model_copy(update={"steps": steps}))  # type: ignore[union-attr]
    assert "may be stopped" in judging.left_stopped(stopping)


def test_a_gate_and_an_abort_after_the_service_was_stopped_say_that_it_is() -> None:
    tale = Tale(runbook="rollback").started().then(begun(1), ended(1))
    stopped = tale.then(begun(2), ended(2, acted=True))
    failed = stopped.then(begun(3), ended(3, outcome="failed", sentence="x", next_move="Look."))
    told = judging.gate(failed.run, 3, 1).next_move
    assert plain(told) == "Look. The service is stopped; to start it, once this run is over, type: restart prod-dmz"
    was_so = tale.then(begun(2, act=False), ended(2, acted=False), begun(3), ended(3, outcome="failed"))
    assert "stopped" not in judging.gate(was_so.run, 3, 1).next_move
    unread = tale.then(begun(2), ended(2, outcome="failed", sentence="x", next_move="Look.", found=""), gate(2))
    assert "may be stopped" in judging.gate(unread.run, 2, 1).next_move
    again = unread.then(
        e.Decided(step=2, attempt=1, word="retry", reason=""), begun(2, 2, act=False), ended(2, 2, acted=False)
    )
    assert "is stopped" in judging.end_of(again.run, "aborted").sentence
    over = stopped.then(*(x for i in (3, 4, 5) for x in (begun(i), ended(i, acted=True))))
    assert judging.left_stopped(over.run) == ""


# --- the end --------------------------------------------------------------------------------------------------------


def test_the_end_tells_what_does_not_hold() -> None:
    tale = Tale(runbook="verify", approvals=0).planned()
    count = len(tale.plan.steps)
    chapters = [x for i in range(1, count + 1) for x in (begun(i), ended(i, outcome="failed" if i == 2 else "done"))]
    told = judging.end_of(tale.then(e.Started(n=1, facts={}), *chapters).run, "failed")
    second = tale.plan.steps[1]
    assert told.sentence == f"{count - 1} of {count} steps hold. Not: 2. {second.title} ({second.host})."
    assert told.outcome == "failed"


def test_the_end_of_a_plan_says_that_nothing_was_changed() -> None:
    tale = Tale(approvals=0)
    tale.events[0] = (e.Requested(**(vars(tale.run.request) | {"only_plan": True})), tale.run.requested.by)
    assert judging.end_of(tale.planned().run, "done").sentence == "The plan is made. Nothing was changed."


def test_the_end_names_skipped_steps() -> None:
    tale = Tale().at_gate().then(e.Decided(step=3, attempt=1, word="skip", reason="known"))
    rest = [x for i in range(4, len(tale.plan.steps) + 1) for x in (begun(i), ended(i))]
    assert "skipped: 3." in judging.end_of(tale.then(*rest).run, "done").sentence
