"""What an installer does on a pretend host: its time, its log, its mark, its end."""

import base64

import pytest
from machines import (
    EXE,
    FOREVER,
    MARK,
    OLD,
    PACKAGE,
    enabled_frontend,
    machine,
    start,
    watch,
)

from bot.lab.windows import NEW_VERSION, OLD_VERSION, backend, frontend
from bot.lab.windows.acts import Refusal
from bot.lab.windows.faults import Faults
from bot.windows.facts import Mark
from bot.windows.states import (
    DcomLocation,
    Disabled,
    Installed,
    NoProcess,
    Running,
)


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
    ended = host.perform("end_installer", {"mark": MARK, "by": "ana"})
    assert (ended["changed"], ended["mark"]["state"], ended["mark"]["alive"]) == (True, "ended", False)
    assert host.perform("end_installer", {"mark": MARK, "by": "ana"})["changed"] is False
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
