"""The pretend host's behaviour, asked directly: each verb twice, its refusals, and what an installer does."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from machines import (
    EXE,
    KEEP,
    MARK,
    OLD,
    TO,
    condition,
    enabled_frontend,
    machine,
    read,
    refusal,
    start,
    stopped,
)

from bot.lab.windows import NEW_VERSION, OLD_VERSION, PACKAGE_PATH, backend, frontend
from bot.lab.windows.acts import ACTS
from bot.lab.windows.faults import Faults
from bot.windows.facts import HostFacts, LeftStopped, Query
from bot.windows.states import (
    Copied,
    DcomLocation,
    Disabled,
    NoProcess,
    Reachable,
    Renamed,
    Restarted,
    Restored,
    Running,
    Stopped,
)

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
    assert verbs | {"start_left_stopped"} == set(ACTS), "which is no state's: it mends what a copy has left"


def test_what_a_copy_has_left_stopped_is_started_once_and_nothing_else_is() -> None:
    host = machine(stopped())
    assert host.perform("start_left_stopped", {}) == {"changed": False}
    left = LeftStopped(service="PRMService", folder=TO, since="2026-01-01T00:00:00Z")
    host.change(left_stopped=left)
    assert host.perform("start_left_stopped", {}) == {"changed": True}
    assert Running().holds(host.now())
    assert host.now().left_stopped is None


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
