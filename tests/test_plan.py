"""The plan: foretold step by step, hashed over what people approve and nothing else, the same in every process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from worlds import BE, FE, FE2, PACKAGE, facts, plan

from bot.lab.windows.presets import EXECUTABLE, FOLDER, backend, frontend
from bot.plan import RUNBOOKS, Plan, Step, digest
from bot.windows.facts import BackedUp, DcomClass, HostFacts, Image, Mark, Process, Saved
from bot.windows.states import (
    AtHand,
    Copied,
    DcomLocation,
    Delivered,
    Disabled,
    Installed,
    NoProcess,
    Proven,
    Reachable,
    Renamed,
    Restarted,
    Restored,
    Running,
    State,
    Stopped,
    Told,
)

TESTS = Path(__file__).parent


def hash_of(made: Plan, seen: dict[str, HostFacts]) -> str:
    return made.hash(made.foretell(seen))


def changed(seen: dict[str, HostFacts], host: str, **change: Any) -> dict[str, HostFacts]:
    return seen | {host: seen[host].model_copy(update=change)}


def test_a_step_sees_what_earlier_ones_would_leave() -> None:
    made, told = plan("upgrade", FE), plan("upgrade", FE).foretell(facts(FE))
    by_title = {f"{s.title}@{s.host}": f for s, f in zip(made.steps, told, strict=True)}
    rename = by_title[f"II.4 Rename {EXECUTABLE} to {EXECUTABLE}.old@fe01"]
    assert rename.found == f"{EXECUTABLE} and {EXECUTABLE}.old", "the installer recreates what was renamed"
    assert rename.effect == f"rename {EXECUTABLE} to {EXECUTABLE}.old, the older {EXECUTABLE}.old moved aside"
    assert not rename.holds
    assert by_title["II.2 Run the installer on the frontend@fe01"].effect == "run prm_setup.exe /S"


def test_foretelling_leaves_the_facts_as_they_were() -> None:
    seen = facts(FE)
    before = {name: f.model_copy(deep=True) for name, f in seen.items()}
    plan("upgrade", FE).foretell(seen)
    assert seen == before


def test_a_plan_whose_foretelling_came_true_has_nothing_left_to_do() -> None:
    made, now = plan("upgrade", FE, FE2), dict(facts(FE, FE2))
    for step in made.steps:
        state = step.act_state(repairing=False)
        if state and not step.state.holds(now[step.host]):
            now[step.host] = state.after(now[step.host])
    assert [f.effect for f in made.foretell(now)] == [None] * len(made.steps)
    assert all(f.holds for f in made.foretell(now))


def test_what_is_only_checked_is_foretold_without_an_effect() -> None:
    spoiled = changed(facts(FE), "fe01", service=backend().service, processes=backend().processes)
    made = plan("upgrade", FE)
    for step, told in zip(made.steps, made.foretell(spoiled), strict=True):
        if step.mode == "check":
            assert told.effect is None
    disabled = made.foretell(spoiled)[[s.title.startswith("II.3") for s in made.steps].index(True)]
    assert (disabled.holds, disabled.found) == (False, "Auto, Running")


def test_the_hash_is_the_same_in_every_process() -> None:
    code = "from worlds import *; m = plan('upgrade', FE); print(m.hash(m.foretell(facts(FE))))"
    for seed in ("0", "4242"):
        told = subprocess.run(
            [sys.executable, "-c", code], cwd=TESTS.parent, capture_output=True, text=True, check=True,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": f"{TESTS}:{TESTS.parent}", "TZ": "Asia/Kolkata"},
        )  # fmt: skip
        assert told.stdout.strip() == hash_of(plan("upgrade", FE), facts(FE))


HASHED: dict[str, Any] = {
    "a step's title": lambda m: m.model_copy(update={"steps": (_step(m, title="x"), *m.steps[1:])}),
    "a step's host": lambda m: m.model_copy(update={"steps": (_step(m, host="fe01"), *m.steps[1:])}),
    "the order of steps": lambda m: m.model_copy(update={"steps": (m.steps[1], m.steps[0], *m.steps[2:])}),
    "one step fewer": lambda m: m.model_copy(update={"steps": m.steps[:-1]}),
    "a check made an act": lambda m: m.model_copy(update={"steps": (*m.steps[:-1], _step(m, -1, mode="ensure"))}),
    "a host's url": lambda m: m.model_copy(
        update={"hosts": (BE.model_copy(update={"url": "https://x"}), *m.hosts[1:])}
    ),
    "the package's sha256": lambda m: m.model_copy(update={"package": _package(sha256="00" * 32)}),
    "the package's version": lambda m: m.model_copy(update={"package": _package(version="9.3.0.1")}),
    "the package's arguments": lambda m: m.model_copy(update={"package": _package(arguments=("/S", "/X"))}),
    "the package's path": lambda m: m.model_copy(update={"package": _package(path="D:\\other.exe")}),
    "where the package comes from": lambda m: m.model_copy(update={"package": _package(url="https://x/prm_setup.exe")}),
    "what is uploaded": lambda m: m.model_copy(update={"package": _package(upload="prm_setup.exe", size=1)}),
    "the package's signer": lambda m: m.model_copy(update={"package": _package(signer="Netwrix Corporation")}),
    "the runbook's version": lambda m: m.model_copy(update={"version": m.version + 1}),
    "the environment": lambda m: m.model_copy(update={"environment": "test"}),
    "the account it runs as": lambda m: m.model_copy(update={"run_as": "SYSTEM"}),
    "the backup's folder": lambda m: plan("upgrade", FE, run="prod-dmz-18"),
    "the backend that DCOM must name": lambda m: plan("upgrade", FE, dcom_backend="be02"),
}


def _step(made: Plan, place: int = 0, **change: Any) -> Step:
    return made.steps[place].model_copy(update=change)


def _package(**change: Any) -> Any:
    return PACKAGE.model_copy(update=change)


@pytest.mark.parametrize("what", HASHED)
def test_the_hash_changes_with(what: str) -> None:
    made, seen = plan("upgrade", FE), facts(FE)
    assert hash_of(HASHED[what](made), seen) != hash_of(made, seen)


FOUND: dict[str, tuple[str, dict[str, Any]]] = {
    "another version": ("be01", {"images": (Image(name=EXECUTABLE, path="x", version="9.1.0.0"),)}),
    "a file that lacks": ("be01", {"files": backend().files[1:]}),
    "another installer": ("be01", {"package": None}),
    "a service that is not disabled": ("fe01", {"service": backend().service}),
    "a process": ("fe01", {"processes": backend().processes}),
    "another DCOM location": ("fe01", {"dcom": backend().dcom}),
    "no DCOM application": ("fe01", {"dcom": None}),
}


@pytest.mark.parametrize("what", FOUND)
def test_the_hash_changes_with_what_was_found(what: str) -> None:
    host, change = FOUND[what]
    made, seen = plan("upgrade", FE), facts(FE)
    now = changed(seen, host, **change)
    assert hash_of(made, now) != hash_of(made, seen)
    told = made.differences(made.foretell(seen), made.foretell(now))
    assert any(f"({host})" in line for line in told), "what voids a plan is told"


def test_the_hash_does_not_change_with_times_pids_sizes_and_free_disk() -> None:
    made, seen = plan("upgrade", FE), facts(FE)
    be = seen["be01"]
    assert be.service
    assert be.package
    now = changed(
        seen, "be01", clock="2031-01-01T00:00:00Z", booted="2031-01-01T00:00:00Z", drives=(), language="de-DE",
        powershell="7.5.0", computer="OTHER", reboot_due=("Windows Update",),
        service=be.service.model_copy(update={"pid": 99, "started": "2031-01-01T00:00:00Z"}),
        processes=tuple(p.model_copy(update={"pid": 99, "started": None}) for p in be.processes),
        files=tuple(f.model_copy(update={"size": f.size + 1}) for f in be.files),
        package=be.package.model_copy(update={"size": 1}),
        marks=(Mark(name="m", store="s", run="prod-dmz-1", step=1, attempt=1, state="finished", code=0),),
    )  # fmt: skip
    assert hash_of(made, now) == hash_of(made, seen)
    assert made.differences(made.foretell(seen), made.foretell(now)) == ()


def test_a_plan_comes_back_whole_from_its_json() -> None:
    for name in RUNBOOKS:
        made = plan(name, FE, FE2)
        again = Plan.model_validate(json.loads(json.dumps(made.model_dump(mode="json"))))
        assert again == made
        assert hash_of(again, facts(FE, FE2)) == hash_of(made, facts(FE, FE2))


def test_an_unknown_state_or_field_in_a_stored_plan_is_refused() -> None:
    data = plan("upgrade", FE).model_dump(mode="json")
    for change in ({"kind": "run_anything"}, {"kind": None}):
        broken = json.loads(json.dumps(data))
        broken["steps"][0]["state"] |= change
        with pytest.raises(ValueError, match="kind"):
            Plan.model_validate(broken)
    with pytest.raises(ValueError, match="Extra inputs"):
        Plan.model_validate(data | {"extra": 1})


def test_digest_knows_one_spelling_only() -> None:
    assert digest({"b": 1, "a": "ü"}) == digest({"a": "ü", "b": 1})
    assert digest(["ab", "c"]) != digest(["a", "bc"])


# --- each state -----------------------------------------------------------------------------------------------------

KEEP = (("alinfo.bin",), ("Predefined Questions.txt", "PredefinedQuestions.txt"), ("Templates",))
SPOILED = frontend().model_copy(
    update={
        "service": backend().service, "processes": (Process(pid=7, name=EXECUTABLE),), "dcom": backend().dcom,
        "images": (Image(name=EXECUTABLE, path=f"{FOLDER}\\{EXECUTABLE}", version="9.2.0.0"),), "package": None,
    }
)  # fmt: skip
STOPPED = frontend()
SAVED = Saved(
    folder="C:\\b\\prod-dmz-3", source=FOLDER, version="9.2.0.0", made="2026-01-12T03:12:44.5000000Z", proven=True,
    files=tuple(BackedUp(name=name, size=2, sha256="ab") for name in ("secrets.bin", "Templates\\de\\a.html")),
    differing=("secrets.bin",),
)  # fmt: skip
KEPT = backend().model_copy(update={"saved": SAVED})
STILL = frontend().model_copy(update={"saved": SAVED})
SIGNED = PACKAGE.model_copy(update={"signer": "Netwrix Corporation"})
FETCHED = SIGNED.model_copy(update={"url": "https://files.corp.example/prm_setup.exe"})
STATES: list[tuple[State, HostFacts]] = [
    (Disabled(), SPOILED), (Disabled(service="PRMService"), SPOILED), (Running(), STOPPED),
    (Copied(files=KEEP, to="C:\\b\\prod-dmz-17"), SPOILED), (Installed(package=PACKAGE), SPOILED),
    (Renamed(old=EXECUTABLE, new=f"{EXECUTABLE}.old"), SPOILED), (NoProcess(name=EXECUTABLE), SPOILED),
    (DcomLocation(server="be01"), SPOILED), (AtHand(package=PACKAGE), SPOILED), (AtHand(package=SIGNED), SPOILED),
    (Delivered(package=FETCHED), SPOILED), (Delivered(package=_package(upload="prm_setup.exe", size=7)), SPOILED),
    (Stopped(), SPOILED),
    (Restarted(moment="2025-01-01T00:00:00.0000000Z"), STOPPED),
    (Proven(run="prod-dmz-3", folder=SAVED.folder), KEPT), (Proven(run="prod-dmz-3", folder="C:\\b"), SPOILED),
    (Restored(run="prod-dmz-3", folder=SAVED.folder, saved="C:\\b\\prod-dmz-4"), STILL),
]  # fmt: skip
REACHABLE = [(state, seen) for state, seen in STATES if isinstance(state, Reachable)]
NAMES = [type(state).__name__ for state, _ in REACHABLE]


def test_every_state_is_tried_here() -> None:
    tried = {type(state) for state, _ in STATES} | {Told}
    known = {type(step.state) for name in RUNBOOKS for step in plan(name, FE).steps}
    assert known <= tried


@pytest.mark.parametrize(("state", "seen"), REACHABLE, ids=NAMES)
def test_a_state_that_was_brought_about_holds(state: Reachable, seen: HostFacts) -> None:
    assert not state.holds(seen)
    assert state.effect(seen)
    assert state.holds(state.after(seen))
    assert state.after(state.after(seen)) == state.after(seen), "asked again, nothing changes"


@pytest.mark.parametrize(("state", "seen"), REACHABLE, ids=NAMES)
def test_a_state_that_holds_is_foretold_without_an_act(state: Reachable, seen: HostFacts) -> None:
    made = plan("upgrade", FE).model_copy(update={"steps": (_of(state),)})
    assert made.foretell({"fe01": state.after(seen)})[0].effect is None
    assert made.foretell({"fe01": seen})[0].effect == state.effect(seen)


@pytest.mark.parametrize(("state", "seen"), STATES, ids=[type(state).__name__ for state, _ in STATES])
def test_wanted_and_found_are_words_for_a_person(state: State, seen: HostFacts) -> None:
    for words in (state.wanted(), state.found(seen)):
        assert words.strip()
        assert "None" not in words
        assert "\n" not in words


def _of(state: State) -> Step:
    return Step.model_validate({"title": "x", "host": "fe01", "mode": "ensure", "state": state.model_dump()})


@pytest.mark.parametrize(("state", "seen"), REACHABLE, ids=NAMES)
def test_an_act_carries_plain_json_and_no_script(state: Reachable, seen: HostFacts) -> None:
    act = state.act(seen)
    assert act.verb.isidentifier()
    assert json.loads(json.dumps(act.args)) == act.args


def test_a_check_is_repaired_only_by_order() -> None:
    made = plan("upgrade", FE)
    for step in made.steps:
        if step.mode == "check":
            assert step.act_state(repairing=False) is None
            assert step.act_state(repairing=True) == step.repair
        else:
            assert step.act_state(repairing=False) == step.state


def test_a_check_that_holds_still_tells_what_changed_during_the_run() -> None:
    before, state = frontend(), DcomLocation(server="be01.corp.example")
    assert before.dcom
    new = DcomClass(clsid="{1}", view="64", local_server="x.exe")
    now = before.model_copy(update={"dcom": before.dcom.model_copy(update={"classes": (*before.dcom.classes, new)})})
    assert state.holds(now)
    assert state.changed(before, before) == ()
    assert state.changed(before, now) == ("LocalServer32 of {1} (64-bit) is new",)


def test_names_are_compared_without_case_as_windows_does() -> None:
    upper = SPOILED.model_copy(update={"images": (Image(name="PRMSERVICE.EXE.OLD", path="x", version="9.3.0.0"),)})
    assert Renamed(old=EXECUTABLE, new=f"{EXECUTABLE}.old").holds(upper)
    assert Installed(package=PACKAGE).holds(upper)
    assert DcomLocation(server="BE01.CORP.example").holds(frontend())


@pytest.mark.parametrize(
    ("started", "fresh"),
    [
        ("2025-01-12T03:12:44.5000010Z", True), ("2025-01-12T03:12:44.5000000Z", False), (None, False),
        ("2024-12-31T23:59:59.0000000Z", False),
    ],
)  # fmt: skip
def test_restarted_means_started_after_the_step_first_began(started: str | None, fresh: bool) -> None:
    service = backend().service
    assert service
    seen = backend().model_copy(update={"service": service.model_copy(update={"started": started})})
    state = Restarted()
    assert not state.holds(seen), "a plan knows no begin"
    assert state.since("2025-01-12T03:12:44.4999999Z").holds(seen) == (started is not None and started > "2025-01-12")
    assert state.since("2025-01-12T03:12:44.5000000Z").holds(seen) is fresh
    down = seen.model_copy(update={"service": service.model_copy(update={"state": "Stopped", "started": started})})
    assert not state.since("2024-01-01T00:00:00.0000000Z").holds(down)


OTHER_VERSION = "version 9.2.0.0"


@pytest.mark.parametrize(
    ("change", "keys", "stops", "said"),
    [
        ({}, [], False, "saved 2026-01-12 at version 9.2.0.0; now version 9.2.0.0"),
        ({"version": "9.1.0.0"}, [OTHER_VERSION], False, "saved 2026-01-12 at version 9.1.0.0; now version 9.2.0.0"),
        ({"version": None}, [OTHER_VERSION], False, "saved 2026-01-12 at an unknown version; now version 9.2.0.0"),
        ({"damaged": ("secrets.bin",)}, ["backup"], True, "damaged: secrets.bin"),
        ({"proven": False}, ["backup"], True, "no proven backup in C:\\b\\prod-dmz-3"),
        ({"store": "ffff"}, ["backup"], True, "a backup of another installation in C:\\b\\prod-dmz-3"),
        (None, ["backup"], True, "no proven backup in C:\\b\\prod-dmz-3"),
    ],
)  # fmt: skip
def test_a_backup_that_can_not_be_put_back_stops_the_run_and_another_version_is_asked(
    change: dict[str, Any] | None, keys: list[str], stops: bool, said: str
) -> None:
    state = Proven(run="prod-dmz-3", folder=SAVED.folder, store="a1b2")
    saved = None if change is None else SAVED.model_copy(update=change)
    seen = KEPT.model_copy(update={"saved": saved})
    concerns = state.concerns(seen)
    assert ([c.key for c in concerns], any(c.stops for c in concerns)) == (keys, stops)
    assert state.holds(seen) is not stops
    assert state.found(seen) == said
    assert all(c.sentence.endswith(".") and c.next_move for c in concerns)


def test_a_backup_of_another_store_is_not_this_runs_own() -> None:
    state = Copied(files=KEEP, to="C:\\b\\prod-dmz-17", store="a1b2")
    done = state.after(SPOILED)
    assert state.holds(done)
    other = state.model_copy(update={"store": "ffff"})
    assert not other.holds(done)
    assert other.found(done).startswith("an older backup of that name")


def test_a_backup_tells_the_stop_and_what_was_removed_for_it() -> None:
    state = Copied(files=KEEP, to="C:\\b\\prod-dmz-17", stop=True, keep=3)
    assert "the service stopped for the copy; the 3 newest backups are kept" in state.wanted()
    assert state.effect(SPOILED).startswith("stop the service, copy alinfo.bin")
    done = state.after(SPOILED)
    assert done.backup
    more = {"removed": ("prod-dmz-1", "prod-dmz-2"), "left": ("prod-dmz-3: in use",)}
    told = state.found(done.model_copy(update={"backup": done.backup.model_copy(update=more)}))
    assert "the service stopped for the copy; older ones removed: prod-dmz-1, prod-dmz-2" in told
    assert "could not be removed: prod-dmz-3: in use" in told


def test_a_backup_spares_what_a_rollback_wants_and_counts_its_own_environment_only() -> None:
    act = Copied(files=KEEP, to="C:\\b\\prod-dmz-17", keep=3).sparing(SPOILED, ("prod-dmz-3",))
    assert (act.args["family"], act.args["keep"], act.args["spared"]) == ("prod-dmz", 3, ["prod-dmz-3"])


def test_files_put_back_under_a_service_that_was_started_meanwhile_do_not_pass() -> None:
    state = Restored(run="prod-dmz-3", folder=SAVED.folder, saved="C:\\b\\prod-dmz-4")
    started = state.after(KEPT)
    assert not state.holds(started)
    assert state.found(started) == "as saved, but the service is not stopped"
    assert state.found(STILL) == "other files than were saved"
    assert state.holds(state.after(STILL))
