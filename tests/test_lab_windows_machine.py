"""The pretend host's behaviour, asked directly: each verb twice, its refusals, and what an installer does."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.lab.windows import NEW_VERSION, OLD_VERSION, PACKAGE_PATH, PACKAGE_SHA256, backend, frontend
from bot.lab.windows.acts import ACTS, Refusal
from bot.lab.windows.faults import Faults
from bot.lab.windows.machine import Machine
from bot.windows.facts import HostFacts, Mark, Query
from bot.windows.states import (
    Copied,
    DcomLocation,
    Disabled,
    Installed,
    NoProcess,
    Package,
    Reachable,
    Renamed,
    Restarted,
    Restored,
    Running,
    Stopped,
)

EXE = "PRMService.exe"
OLD = f"{EXE}.old"
KEEP = (("alinfo.bin",), ("secrets.bin",), ("Predefined Questions.txt", "PredefinedQuestions.txt"), ("Templates",))
TO = "C:\\ProgramData\\nps\\backups\\prod-dmz-17"
FOREVER = 3600.0
PACKAGE = Package(
    name="9.3", file="prm_setup.exe", version=NEW_VERSION, sha256=PACKAGE_SHA256, arguments=("/S",), path=PACKAGE_PATH
)
MARK = {"store": "s1", "run": "prod-dmz-17", "step": 2, "attempt": 1}


def machine(facts: HostFacts, seconds: float = 0.05, faults: Faults | None = None) -> Machine:
    return Machine(facts, faults or Faults(), installer_seconds=seconds, installs=NEW_VERSION)


def stopped() -> HostFacts:
    facts = Disabled().after(backend())
    assert facts.service
    service = facts.service.model_copy(update={"start_mode": "Manual"})
    return facts.model_copy(update={"service": service, "processes": ()})


def enabled_frontend() -> HostFacts:
    """A frontend on which an installer left everything as II.3 to II.6 must not find it."""
    host = machine(frontend(), 0.0, faults := Faults())
    faults.installer_enables_service()
    faults.installer_changes_dcom()
    start(host)
    return host.now()


def read(host: Machine, state: Reachable) -> HostFacts:
    return HostFacts.model_validate(host.perform("facts", state.query().model_dump(mode="json")))


def condition(host: Machine) -> HostFacts:
    return host.now().model_copy(update={"clock": ""})


def start(host: Machine, **args: Any) -> dict[str, Any]:
    verb = Installed(package=PACKAGE).act(host.now())
    return host.perform(verb.verb, {**verb.args, "mark": MARK, "run_as": "S4U", **args})


def watch(host: Machine, seconds: float = 5, offset: int = 0, **mark: Any) -> dict[str, Any]:
    return host.perform("watch", {"mark": {**MARK, **mark}, "offset": offset, "seconds": seconds})


def refusal(host: Machine, verb: str, args: dict[str, Any]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        host.perform(verb, args)
    return caught.value


BACK_UP = Copied(files=KEEP, to=TO).act(backend()).args
STATES = [
    (backend, Copied(files=KEEP, to=TO)),
    (backend, Renamed(old=EXE, new=OLD)),
    (backend, Disabled()),
    (stopped, Running()),
    (backend, Stopped()),
    (backend, Copied(files=KEEP, to=TO, store="s1", stop=True)),
    (backend, Restarted(moment="2025-01-12T03:12:44.5000000Z")),
    (stopped, Restarted(moment="2025-01-12T03:12:44.5000000Z")),
    (backend, NoProcess(name=EXE)),
    (enabled_frontend, DcomLocation(server="be01.corp.example")),
]


@pytest.mark.parametrize(("facts", "state"), STATES, ids=lambda value: getattr(value, "kind", ""))
def test_an_act_brings_its_state_about_and_the_second_time_changes_nothing(facts: Any, state: Reachable) -> None:
    host = machine(facts())
    before = read(host, state)
    act = state.act(before)
    assert not state.holds(before)
    assert host.perform(act.verb, act.args) == {"changed": True}
    once = condition(host)
    assert state.holds(read(host, state))
    assert host.perform(act.verb, act.args) == {"changed": False}
    assert condition(host) == once
    assert host.counts[act.verb] == 1


def test_every_state_that_acts_has_its_verb_here() -> None:
    verbs = {state.act(backend()).verb for _, state in STATES} | {"restore_files"}
    assert verbs == set(ACTS)


def test_a_stopped_service_loses_its_process_and_a_started_one_gets_another() -> None:
    host = machine(backend())
    host.perform("disable_service", {"service": "prmservice"})
    assert host.now().processes == ()
    host.change(**dict(stopped()))
    host.perform("start_service", {"service": "PRMService"})
    facts = host.now()
    assert facts.service
    assert [process.pid for process in facts.processes] == [facts.service.pid]


def test_a_service_that_was_restarted_since_then_is_left_alone_and_an_older_one_is_not() -> None:
    host, since = machine(backend()), datetime.now(UTC).isoformat().replace("+00:00", "0Z")
    act = {"service": "PRMService", "since": since}
    assert host.perform("restart_service", act) == {"changed": True}
    restarted = host.now().processes
    assert host.perform("restart_service", act) == {"changed": False}
    assert (host.now().processes, len(restarted)) == (restarted, 1)
    assert restarted != backend().processes
    assert host.perform("restart_service", {**act, "since": host.now().clock}) == {"changed": True}


def test_a_service_whose_process_was_ended_is_stopped() -> None:
    host = machine(backend())
    host.perform("end_process", {"processes": [each.model_dump() for each in host.now().processes]})
    service = host.now().service
    assert service
    assert (service.state, service.pid) == ("Stopped", 0)


def test_a_process_that_started_at_another_time_is_left_alone() -> None:
    host = machine(backend())
    process = host.now().processes[0].model_copy(update={"started": "2025-01-01T00:00:00.0000000Z"})
    assert host.perform("end_process", {"processes": [process.model_dump()]}) == {"changed": False}
    assert host.now().processes == backend().processes


def test_an_older_file_of_the_new_name_is_moved_aside() -> None:
    host = machine(frontend(), 0.0)
    start(host)
    host.perform("rename_file", {"folder": host.now().folder, "old": EXE, "new": OLD})
    versions = {image.name: image.version for image in host.now().images}
    aside = next(name for name in versions if name.startswith(f"{OLD}.2"))
    assert versions == {OLD: NEW_VERSION, aside: OLD_VERSION}


@pytest.mark.parametrize(
    ("verb", "args", "kind"),
    [
        ("rename_file", {"folder": backend().folder, "old": "no.exe", "new": "no.exe.old"}, "absent"),
        ("rename_file", {"folder": "C:\\elsewhere", "old": EXE, "new": OLD}, "absent"),
        ("disable_service", {"service": "Spooler"}, "absent"),
        ("set_dcom_location", {"app_id": "{0}", "server": "be01"}, "absent"),
        ("back_up", {**BACK_UP, "files": ["no.bin"]}, "absent"),
        ("watch", {"mark": MARK, "offset": 0, "seconds": 0}, "absent"),
        ("reformat", {}, "failed"),
    ],
)
def test_what_is_not_there_is_refused_by_name(verb: str, args: dict[str, Any], kind: str) -> None:
    host = machine(backend())
    assert refusal(host, verb, args).kind == kind
    assert not +host.counts


def test_a_disabled_service_can_not_be_started() -> None:
    assert refusal(machine(frontend()), "start_service", {"service": "PRMService"}).kind == "failed"


def test_an_act_after_its_time_touches_nothing() -> None:
    host = machine(backend())
    late = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    assert refusal(host, "disable_service", {"service": "PRMService", "not_after": late}).kind == "too_late"
    soon = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    assert host.perform("disable_service", {"service": "PRMService", "not_after": soon}) == {"changed": True}


def test_a_verb_fails_as_often_as_was_asked_for() -> None:
    host = machine(backend(), faults=(faults := Faults()))
    faults.fail("disable_service", "Another program has it open.", kind="in_use", times=2)
    args = {"service": "PRMService"}
    assert [refusal(host, "disable_service", args).kind for _ in range(2)] == ["in_use"] * 2
    assert host.perform("disable_service", args) == {"changed": True}


def test_facts_are_found_by_name_or_caption_and_only_what_was_asked_for() -> None:
    host = machine(frontend())

    def told(**query: Any) -> HostFacts:
        return HostFacts.model_validate(host.perform("facts", Query(**query).model_dump(mode="json")))

    assert told().service == frontend().service
    assert told(service="PRMSERVICE").folder == frontend().folder
    assert told(service="Spooler").service is None
    assert told(service="Spooler").folder is None
    assert told(folder="C:\\elsewhere").images == ()
    assert told().dcom == frontend().dcom
    assert told(application="Something else").service is None
    assert [file.name for file in told(files=("ALINFO.BIN", "no.bin")).files] == ["ALINFO.BIN"]
    assert told().package is None
    assert told(package=PACKAGE_PATH.lower()).package == frontend().package


def test_a_service_of_another_caption_is_found_through_its_app_id() -> None:
    service = backend().service
    assert service
    other = service.model_copy(update={"caption": "Something else"})
    host = machine(backend().model_copy(update={"service": other}))
    assert HostFacts.model_validate(host.perform("facts", {})).service == other
    assert HostFacts.model_validate(host.perform("facts", {"application": "Another"})).service is None


def test_backups_of_two_runs_are_kept_apart() -> None:
    host = machine(backend())
    first, second = (Copied(files=KEEP, to=f"{TO}{n}") for n in "ab")
    act = first.act(read(host, first))
    host.perform(act.verb, act.args)
    assert first.holds(read(host, first))
    assert read(host, second).backup is None
    saved = read(host, first).backup
    assert saved
    assert {file.name: file.size for file in saved.files}["secrets.bin"] > 0


def test_a_backup_that_lacks_a_file_is_made_again() -> None:
    host = machine(backend())
    assert host.perform("back_up", {**BACK_UP, "files": ["alinfo.bin"]}) == {"changed": True}
    assert host.perform("back_up", {**BACK_UP, "files": ["alinfo.bin", "secrets.bin"]}) == {"changed": True}
    assert host.perform("back_up", {**BACK_UP, "files": ["alinfo.bin"]}) == {"changed": False}


def test_saved_files_are_put_back_once_from_a_backup_while_the_service_is_stopped() -> None:
    host, own = machine(backend(), 0.0), f"{TO}0"
    put_back = Restored(run="prod-dmz-17", folder=TO, saved=own)
    assert refusal(host, "restore_files", put_back.act(read(host, put_back)).args).kind == "absent"
    host.perform("back_up", BACK_UP)
    assert put_back.found(read(host, put_back)).startswith("as saved"), "nothing was written since"
    start(host)
    host.now()
    assert not put_back.holds(read(host, put_back))
    act = put_back.act(read(host, put_back))
    assert refusal(host, act.verb, act.args).kind == "in_use"
    host.perform("stop_service", {"service": "PRMService"})
    host.perform("back_up", {**BACK_UP, "to": own})
    assert not put_back.holds(read(host, put_back))
    assert host.perform(act.verb, act.args) == {"changed": True}
    assert put_back.holds(read(host, put_back))
    assert host.perform(act.verb, act.args) == {"changed": False}
    before = Restored(run="prod-dmz-18", folder=own, saved=TO)
    assert not before.holds(read(host, before)), "what was there before is saved, and another"


def test_a_backends_name_in_other_letters_is_the_same_location() -> None:
    host = machine(frontend())
    act = DcomLocation(server="BE01.corp.example").act(host.now())
    assert host.perform(act.verb, act.args) == {"changed": False}


# The installer


def test_an_installer_takes_its_time_leaves_a_mark_and_restarts_the_backends_service() -> None:
    host = machine(backend(), 0.2)
    was = host.now().service
    started = start(host)
    assert (started["changed"], started["mark"]["state"], started["mark"]["alive"]) == (True, "started", True)
    assert not Installed(package=PACKAGE).holds(host.now())
    ended = watch(host)
    assert (ended["mark"]["state"], ended["mark"]["code"], ended["mark"]["alive"]) == ("finished", 0, False)
    assert (ended["line"], ended["percent"]) == ("Setup ended with exit code 0 ... 100 %", 100)
    assert Installed(package=PACKAGE).holds(host.now())
    now = host.now().service
    assert was
    assert now
    assert (now.state, now.pid != was.pid) == ("Running", True)


def test_a_frontends_service_stays_disabled_and_its_executable_comes_back() -> None:
    host = machine(frontend(), 0.0)
    start(host)
    facts = host.now()
    assert Disabled().holds(facts)
    assert facts.processes == ()
    assert {image.name: image.version for image in facts.images} == {EXE: NEW_VERSION, OLD: OLD_VERSION}
    assert DcomLocation(server="be01.corp.example").holds(facts)


def test_the_log_grows_by_offset_and_tells_a_percentage() -> None:
    host = machine(backend(), FOREVER)
    start(host)
    first = watch(host, 0)
    assert (first["line"], first["percent"]) == ("Checking prerequisites ... 0 %", 0)
    again = watch(host, 0, first["offset"])
    assert (again["log"], again["offset"]) == ("", first["offset"])


def test_the_log_of_an_msi_is_utf_16() -> None:
    path = "D:\\stage\\prm_client.msi"
    facts = backend()
    assert facts.package
    host = machine(facts.model_copy(update={"package": facts.package.model_copy(update={"path": path})}), 0.0)
    start(host, path=path, kind="msi")
    assert "Copying files ... 40 %\r\n" in base64.b64decode(watch(host)["log"]).decode("utf-16")


def test_a_start_under_a_known_mark_starts_nothing() -> None:
    host = machine(backend(), FOREVER)
    first = start(host)
    assert start(host) == {"changed": False, "mark": first["mark"]}
    later_attempt = start(host, mark={**MARK, "attempt": 2})
    assert later_attempt == {"changed": False, "mark": first["mark"]}
    assert host.launches == [first["mark"]["name"]]


def test_a_finished_attempt_is_not_started_again_but_a_new_one_is() -> None:
    host = machine(backend(), 0.0)
    start(host)
    assert start(host)["changed"] is False
    assert start(host, mark={**MARK, "attempt": 2})["changed"] is True
    assert len(host.launches) == 2


def test_of_two_living_marks_the_one_whose_step_asks_is_told() -> None:
    host = machine(frontend(), FOREVER)
    start(host)
    [mine] = host.now().marks
    other = mine.model_copy(update={"name": "nps-s1-other-1-1", "run": "other"})
    host.change(marks=(other, mine))
    again = start(host, mark={**MARK, "attempt": 2})
    assert (again["changed"], again["mark"]["name"]) == (False, mine.name)


def test_another_runs_living_installer_is_named() -> None:
    other = Mark(name="nps-s9-lab-3-1-1", store="s9", run="lab-3", step=1, attempt=1, state="started", alive=True)
    host = machine(backend().model_copy(update={"marks": (other,)}))
    with pytest.raises(Refusal, match="nps-s9-lab-3-1-1") as caught:
        start(host)
    assert caught.value.kind == "busy"
    assert host.launches == []


def test_a_known_mark_is_told_although_another_installer_lives() -> None:
    other = Mark(name="nps-s9-lab-3-1-1", store="s9", run="lab-3", step=1, attempt=1, state="started", alive=True)
    host = machine(backend(), 0.0)
    start(host)
    host.change(marks=(*host.now().marks, other))
    assert start(host)["mark"]["state"] == "finished"


def test_a_package_that_is_not_the_approved_one_is_not_started() -> None:
    host = machine(backend())
    with pytest.raises(Refusal, match="SHA-256"):
        start(host, sha256="0" * 64)
    with pytest.raises(Refusal, match="There is no"):
        start(host, path="D:\\stage\\other.exe")
    assert host.launches == []


def test_a_failing_installer_leaves_the_old_version_and_then_succeeds() -> None:
    host = machine(backend(), 0.0, faults := Faults())
    faults.installer_fails(times=2)
    codes = []
    for attempt in (1, 2, 3):
        start(host, mark={**MARK, "attempt": attempt})
        codes.append(watch(host, attempt=attempt)["mark"]["code"])
        assert (host.now().version(EXE) == NEW_VERSION) is (attempt == 3)
    assert codes == [1603, 1603, 0]


def test_a_code_that_wants_a_reboot_leaves_one_due_until_the_reboot() -> None:
    host = machine(backend(), 0.0, faults := Faults())
    faults.installer_ends_with(3010)
    start(host)
    assert host.now().reboot_due == ("pending file renames",)
    host.reboot()
    assert host.now().reboot_due == ()
    assert Running().holds(host.now())


def test_an_installer_may_change_dcom_and_enable_the_service() -> None:
    facts = enabled_frontend()
    assert not DcomLocation(server="be01.corp.example").holds(facts)
    assert not Disabled().holds(facts)
    assert not NoProcess(name=EXE).holds(facts)


def test_an_endless_installer_lives_until_it_is_ended() -> None:
    host = machine(backend(), 0.0, faults := Faults())
    faults.installer_never_ends()
    start(host)
    stuck = watch(host, 0)
    assert (stuck["mark"]["alive"], stuck["percent"]) == (True, 60)
    ended = host.perform("end_installer", {"mark": MARK})
    assert (ended["changed"], ended["mark"]["state"], ended["mark"]["alive"]) == (True, "started", False)
    assert host.perform("end_installer", {"mark": MARK})["changed"] is False
    assert host.now().version(EXE) == OLD_VERSION


def test_an_attempt_given_up_can_never_start() -> None:
    host = machine(backend())
    assert host.perform("give_up", {"mark": MARK})["changed"] is True
    assert host.perform("give_up", {"mark": MARK})["changed"] is False
    started = start(host)
    assert (started["changed"], started["mark"]["state"]) == (False, "given_up")
    assert host.launches == []


def test_a_started_attempt_can_not_be_given_up() -> None:
    host = machine(backend(), FOREVER)
    start(host)
    given_up = host.perform("give_up", {"mark": MARK})
    assert (given_up["changed"], given_up["mark"]["state"]) == (False, "started")


def test_a_reboot_ends_an_installer_in_the_middle() -> None:
    host = machine(backend(), FOREVER)
    start(host)
    before = host.now()
    host.reboot()
    mark = watch(host)["mark"]
    assert (mark["state"], mark["alive"], mark["code"]) == ("started", False, None)
    assert host.now().booted > before.booted
    assert host.now().version(EXE) == OLD_VERSION
