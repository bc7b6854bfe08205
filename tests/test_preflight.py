"""What speaks against a run before it changes anything, from one reading of all its hosts."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from judged import allowed, decided, denied, person
from rich.console import Console
from worlds import ANA, BE, BEN, FE, PACKAGE, Tale, begun, ended, facts, plan

from bot import events as e
from bot.do import report, screen
from bot.events import Concern
from bot.plan import Backups
from bot.runs import judging, preflight
from bot.slack.blocks import card, messages
from bot.view import Rest, Run, Start, next_move
from bot.windows.facts import Drive, HostFacts, Image, Mark, PendingRename

UPGRADE = plan("upgrade", FE)
CLOCK = datetime.fromisoformat(facts(FE)[BE.name].clock)


def judged(ahead: timedelta = timedelta(), runbook: str = "upgrade", **frontend: Any) -> tuple[Concern, ...]:
    """The concerns where the frontend differs so from one that is as the last upgrade left it."""
    seen = facts(FE)
    seen[FE.name] = HostFacts.model_validate({**dict(seen[FE.name]), **frontend})
    return preflight.judged(plan(runbook, FE), seen, CLOCK - ahead)


def keys(concerns: tuple[Concern, ...]) -> list[str]:
    return [concern.key for concern in concerns]


def test_hosts_as_they_should_be_raise_no_concern() -> None:
    assert judged() == ()


def test_an_account_without_rights_stops_the_run_and_comes_first() -> None:
    told = judged(admin=False, reboot_due=("Windows Update",))
    assert keys(told) == ["fe01:rights", "fe01:reboot"]
    fault = preflight.fault(told)
    assert fault
    assert (fault.host, fault.sentence) == ("fe01", "fe01: the bot's account is no administrator there.")
    assert "Administrators group" in fault.next_move
    assert "restart" not in str(fault), "what can be accepted stops nothing"


def test_a_verify_is_stopped_but_never_asks() -> None:
    assert keys(judged(runbook="verify", admin=False, reboot_due=("Windows Update",))) == ["fe01:rights"]
    assert judged(runbook="verify", reboot_due=("Windows Update",)) == ()


def test_a_due_restart_is_told_with_its_reasons() -> None:
    [told] = judged(reboot_due=("component servicing", "Windows Update"))
    assert told.sentence == "fe01: a restart is due there (component servicing, Windows Update)."
    assert preflight.fault((told,)) is None


@pytest.mark.parametrize(
    ("minutes", "said"),
    [(6, "fe01: its clock is 6 min ahead of the bot's."), (-6, "fe01: its clock is 6 min behind the bot's.")],
)  # fmt: skip
def test_a_clock_that_differs_is_told(minutes: int, said: str) -> None:
    assert said in [concern.sentence for concern in judged(ahead=timedelta(minutes=minutes))]
    assert judged(ahead=timedelta(minutes=minutes / 2)) == ()


def told_of(**frontend: Any) -> dict[str, str]:
    return {concern.key: concern.sentence for concern in judged(**frontend)}


def image(version: str, name: str = "PRMService.exe.old") -> tuple[Image, ...]:
    return (Image(name=name, path=f"C:\\x\\{name}", version=version),)


def test_a_package_that_is_there_already_or_older_is_told() -> None:
    same = told_of(images=image("9.3.0.0"))
    assert same["fe01:version 9.3.0.0"] == "fe01: version 9.3.0.0 is there already: its installer is not run."
    newer = told_of(images=image("9.10.0.0"))
    assert newer["fe01:version 9.10.0.0"] == "fe01: version 9.10.0.0 is there, newer than the package's 9.3.0.0."
    assert "no PRMService.exe was found" in told_of(images=())["fe01:version"]


def test_a_frontend_ahead_of_the_backend_is_told() -> None:
    assert "fe01:order" not in told_of(images=image("9.2.0.0"))
    assert told_of(images=image("9.2.0.1"))["fe01:order"] == (
        "fe01: its version 9.2.0.1 is newer than the backend's, 9.2.0.0 on be01."
    )


def test_a_product_that_is_not_found_is_told() -> None:
    assert "service was not found" in told_of(service=None)["fe01:service"]
    assert "no DCOM application Netwrix Password Secure was found" in told_of(dcom=None)["fe01:dcom"]


def test_an_executable_that_comes_back_is_told() -> None:
    seen = facts(FE)[FE.name]
    back = PendingRename(source="C:\\x.tmp", target=f"{seen.folder}\\PRMSERVICE.EXE")
    assert "brings PRMService.exe back at the next restart" in told_of(renames=(back,))["fe01:renames"]
    gone = PendingRename(source=f"{seen.folder}\\PRMService.exe", target="")
    assert "fe01:renames" not in told_of(renames=(gone,))


def test_an_installation_that_is_going_on_is_told_but_stops_nothing() -> None:
    mark = Mark(name="m", store="s", run="other-3", step=2, attempt=1, state="started", alive=True)
    concerns = judged(marks=(mark,), msi_busy=True)
    assert keys(concerns) == ["fe01:installer m", "fe01:msi"]
    assert "the installer of other-3, step 2, is running there" in concerns[0].sentence
    assert preflight.fault(concerns) is None


def test_room_is_judged_for_an_installer_that_is_still_to_be_uploaded() -> None:
    brought = PACKAGE.model_copy(update={"upload": "prm_setup.exe", "size": 1_000_000_000})
    drives = (Drive(name="C:", free=preflight.SPARE + 1_000_000_000),)
    seen = facts(FE)
    changed = seen | {FE.name: seen[FE.name].model_copy(update={"drives": drives, "package": None})}
    told = [c.sentence for c in preflight.judged(plan("upgrade", FE, package=brought), changed, CLOCK)]
    assert told == ["fe01: C: has 1500 MB free; this run may need 3500 MB."]


def test_room_is_judged_for_each_drive_by_what_is_put_there() -> None:
    seen = facts(FE)
    files = sum(file.size for file in seen[BE.name].files if file.name != "prm_client.msi")
    package = seen[BE.name].package
    assert package
    installer = preflight.SPARE + preflight.PACKAGES * package.size

    def short_of(*drives: Drive, host: str = BE.name, to: str | None = None) -> list[str]:
        made = plan("upgrade", FE, **({"backups": Backups(root=to)} if to else {}))
        changed = seen | {host: seen[host].model_copy(update={"drives": drives})}
        return [c.sentence for c in preflight.judged(made, changed, CLOCK)]

    assert short_of(Drive(name="C:", free=installer + files)) == []
    [told] = short_of(Drive(name="C:", free=installer + files - 1))
    assert told == "be01: C: has 646 MB free; this run may need 647 MB."
    assert short_of(Drive(name="C:", free=installer), host=FE.name) == []
    elsewhere = (Drive(name="C:", free=installer), Drive(name="E:", free=files - 1))
    assert short_of(*elsewhere, to="e:\\kept") == ["be01: E: has 1 MB free; this run may need 2 MB."]
    assert short_of(to="e:\\kept") == [], "what was not read is not guessed"


# --- what becomes of them -------------------------------------------------------------------------------------------

DUE = Concern(key="fe01:reboot", sentence="fe01: a restart is due there.", next_move="Restart it.")
OTHER = Concern(key="be01:clock", sentence="be01: its clock is wrong.", next_move="Set it.")


def asked(*concerns: Concern) -> Tale:
    tale = Tale().planned().approved().then(e.Admitted(n=1))
    return tale.then(judging.concerned(tale.run, concerns)[1])


def skipped(tale: Tale) -> Tale:
    return tale.then((e.Decided(step=0, attempt=1, word="skip", reason="known"), BEN))


def test_concerns_open_one_gate_that_lists_them() -> None:
    key, event = judging.concerned(Tale().planned().approved().then(e.Admitted(n=1)).run, (DUE, OTHER))
    assert key == "prod-dmz-17:0:1:gate"
    assert isinstance(event, e.GateOpened)
    assert event.sentence == "Not started yet. fe01: a restart is due there. be01: its clock is wrong."
    assert event.next_move == "Restart it. Set it. Retry looks again, skip goes on regardless."
    assert (event.step, event.words, event.concerns) == (0, ("retry", "skip", "abort"), (DUE, OTHER))
    assert next_move(asked(DUE).run) == Rest()


def test_a_skip_accepts_what_was_asked_and_the_start_goes_on() -> None:
    run = skipped(asked(DUE)).run
    assert next_move(run) == Start(1)
    assert preflight.unaccepted(run, (DUE, OTHER)) == (OTHER,)
    key, _ = judging.concerned(run, (OTHER,))
    assert key == "prod-dmz-17:0:2:gate"


def test_a_retry_accepts_nothing() -> None:
    run = asked(DUE).then((e.Decided(step=0, attempt=1, word="retry", reason=""), ANA)).run
    assert next_move(run) == Start(1)
    assert preflight.unaccepted(run, (DUE,)) == (DUE,)


def test_a_skipped_step_accepts_no_concern() -> None:
    run = Tale().at_gate().then((e.Decided(step=3, attempt=1, word="skip", reason="x"), BEN)).run
    assert run.accepted == frozenset()


def with_plan(*concerns: Concern) -> Run:
    tale = Tale()
    told = UPGRADE.foretell(tale.facts)
    return tale.then(
        e.Planned(n=1, plan=UPGRADE.model_dump(mode="json"), foretold=told, hash=tale.hash, concerns=concerns)
    ).run


def test_the_plan_names_them_and_its_hash_does_not_know_them() -> None:
    run = with_plan(DUE)
    assert "Warning: fe01: a restart is due there. Restart it." in report(run)
    assert run.hash == with_plan().hash


def test_a_terminal_shows_them_until_they_are_asked_and_then_the_question() -> None:
    def shown(run: Run) -> str:
        return " ".join(row.plain for row in screen(run, {}, Console(width=60, height=40)))

    assert shown(with_plan(DUE)).count("a restart is due") == 1
    assert shown(asked(DUE).run).count("a restart is due") == 1


def test_the_card_of_a_plan_and_its_gate_tell_each_concern_on_a_line() -> None:
    warned = card(with_plan(DUE, OTHER))
    assert "Warning: fe01: a restart is due there. Restart it." in warned["text"]
    assert "\u26a0 Warning: be01: its clock is wrong. Set it." in str(warned["blocks"])
    [gate] = [m for m in messages(asked(DUE, OTHER).run, {}) if m.name.startswith("gate-0")]
    assert "\u2022 fe01: a restart is due there.\\n\u2022 be01: its clock is wrong." in str(gate.body["blocks"])
    assert {"nps:retry", "nps:skip", "nps:abort"} == {
        button["action_id"] for button in gate.body["blocks"][-1]["elements"]
    }  # fmt: skip


def test_a_done_check_shows_wanted_before_found_and_when_in_the_terminal() -> None:
    number = 1 + [step.title[:4] for step in UPGRADE.steps].index("II.3")
    end = ended(number, found="Disabled, Stopped", before="Auto, Running", read_at="2026-01-31T12:00:00.1Z")
    assert (
        f"    {number}: wanted Disabled, Stopped; before Auto, Running; found Disabled, Stopped; "
        "read 2026-01-31 12:00:00 UTC by the server's clock"
    ) in report(Tale().started().then(begun(number), end).run)


def asked_before_the_start() -> Tale:
    """Approved, admitted, and what speaks against the start is asked; a skip of it is proposed by mia."""
    tale = asked(DUE)
    [proposed] = decided("skip", person("mia"), tale.run).events
    return tale.then((proposed, person("mia")))


def test_going_on_regardless_takes_another_person() -> None:
    run = asked_before_the_start().run
    assert run.gate
    assert run.gate.proposal
    proposal = run.gate.proposal.hash
    assert allowed(decided("approve", person("app"), run, hash=proposal[:6])) == ["ProposalApproved", "Decided"]
    assert denied(decided("approve", person("app"), run)) == "another hash"


@pytest.mark.parametrize("given", [{}, {"hash": "own"}])
def test_a_reject_before_the_start_turns_an_open_proposal_down(given: dict[str, str]) -> None:
    run = asked_before_the_start().run
    assert run.gate
    assert run.gate.proposal
    more = {"hash": run.gate.proposal.hash} if given else {}
    assert allowed(decided("reject", person("app"), run, **more)) == ["TurnedDown"]


def test_a_reject_before_the_start_ends_a_run_whose_gate_holds_no_proposal() -> None:
    assert allowed(decided("reject", person("app"), asked(DUE).run)) == ["Rejected", "Ended"]
