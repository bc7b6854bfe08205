"""Installers on bad nights: WinRM restarts, answers are cut, Windows Installer is busy, files wait for a restart."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest
from box import Site, until
from installing import act, mark, soon, to_the_end

from bot.errors import ActFailed, HostAway, InstallerBusy
from bot.windows.facts import Query
from bot.windows.host import Host
from bot.windows.states import Act

pytestmark = pytest.mark.winbox

DAY = 86400.0


def files(site: Site, folder: str) -> set[str]:
    return {path.name for path in site.box.path(rf"C:\ProgramData\nps\{folder}").iterdir()}


def test_a_winrm_service_that_restarts_starts_nothing_anew_and_loses_no_exit_code(backend: Site) -> None:
    wanted, launched = mark("prod-dmz-21"), backend.box.launches()
    starting = act(backend, "/WAIT=4000", "/CODE=1603")
    first = backend.box.serve("--keep")
    before = Host(first.login())
    begun = before.start_installer(starting, wanted, soon())
    first.stop()
    with pytest.raises(HostAway):
        before.watch(wanted, 0, 1)
    after = Host(backend.box.serve("--keep").login())
    again = after.start_installer(starting, wanted, soon())
    assert (again.name, again.started) == (begun.name, begun.started)
    ended, log, _ = to_the_end(after, wanted)
    after.close()
    assert (ended.state, ended.code) == ("finished", 1603)
    assert b"100% done" in log
    assert backend.box.launches() == launched + 1


def test_a_cut_in_the_answer_to_a_start_starts_nothing_twice(backend: Site) -> None:
    wanted, launched = mark("prod-dmz-22"), backend.box.launches()
    starting = act(backend, "/WAIT=1000", "/CODE=5")
    backend.server.faults({"cut": "Receive", "times": 1})
    begun = backend.host.start_installer(starting, wanted, soon())
    backend.server.faults()
    assert begun.name == wanted.name
    assert to_the_end(backend.host, wanted)[0].code == 5
    assert backend.box.launches() == launched + 1


def test_a_retry_after_a_failed_one_starts_the_next(backend: Site) -> None:
    first, second, launched = mark("prod-dmz-23"), mark("prod-dmz-23", attempt=2), backend.box.launches()
    backend.host.start_installer(act(backend, "/CODE=1603"), first, soon())
    assert to_the_end(backend.host, first)[0].code == 1603
    begun = backend.host.start_installer(act(backend), second, soon())
    assert begun.name == second.name
    assert to_the_end(backend.host, second)[0].code == 0
    assert backend.host.watch(first, 0, 1).mark.code == 1603
    assert backend.box.launches() == launched + 2


def test_after_a_restart_of_the_server_the_next_attempt_starts_and_clears_the_task_of_the_last(frontend: Site) -> None:
    first, second, launched = mark("prod-dmz-24"), mark("prod-dmz-24", attempt=2), frontend.box.launches()
    frontend.host.start_installer(act(frontend, "/WAIT=60000"), first, soon())
    until(lambda: frontend.box.launches() == launched + 1)
    frontend.server.faults({"reboot": 1})
    until(lambda: _dead(frontend, first.name))
    frontend.server.faults()
    assert frontend.host.start_installer(act(frontend), first, soon()).alive is False, "the same attempt never again"
    assert f"{first.name}.json" in files(frontend, "tasks")
    assert frontend.host.start_installer(act(frontend), second, soon()).name == second.name
    assert to_the_end(frontend.host, second)[0].code == 0
    until(lambda: files(frontend, "tasks") == set())
    assert frontend.box.launches() == launched + 2


def _dead(site: Site, name: str) -> bool:
    try:
        facts = site.host.observe(Query())
    except HostAway:
        return False
    return any(m.name == name and not m.alive for m in facts.marks)


def test_while_windows_installer_is_at_work_nothing_is_begun(backend: Site) -> None:
    wanted, launched = mark("prod-dmz-25"), backend.box.launches()
    held, release = backend.box.path(r"C:\held"), backend.box.path(r"C:\release")
    hold = (
        "$mutex = New-Object Threading.Mutex $true, 'Global\\_MSIExecute'; [IO.File]::WriteAllText('C:\\held', ''); "
        "while (-not [IO.File]::Exists('C:\\release')) { Start-Sleep -Milliseconds 50 }; $mutex.ReleaseMutex()"
    )
    backend.box.start(f'powershell.exe -NoProfile -Command "{hold}"')
    until(held.exists)
    starting = act(backend)
    with pytest.raises(InstallerBusy, match="Windows Installer is at work for another installation"):
        backend.host.start_installer(starting, wanted, soon())
    assert wanted.name not in [m.name for m in backend.host.observe(Query()).marks]
    assert backend.box.launches() == launched
    release.touch()
    until(lambda: not backend.host.observe(Query()).msi_busy)
    assert backend.host.start_installer(starting, wanted, soon()).name == wanted.name
    assert to_the_end(backend.host, wanted)[0].code == 0


def test_files_that_wait_for_the_restart_are_a_fact_until_then(frontend: Site) -> None:
    wanted, product = mark("prod-dmz-26"), frontend.box.path(frontend.product.file("PRMService.exe"))
    shutil.copy(frontend.programs.service, product)
    frontend.host.start_installer(act(frontend, "/RESTART", "/CODE=3010"), wanted, soon())
    assert to_the_end(frontend.host, wanted)[0].code == 3010
    facts = frontend.host.observe(Query())
    assert facts.version("PRMService.exe") == frontend.programs.old
    assert [rename.target for rename in facts.renames] == [frontend.product.file("PRMService.exe")]
    frontend.server.faults({"reboot": 1})
    until(lambda: _up_since(frontend) > facts.booted)
    frontend.server.faults()
    after = frontend.host.observe(Query())
    assert after.version("PRMService.exe") == frontend.programs.new
    assert after.renames == ()


def _up_since(site: Site) -> str:
    try:
        return site.host.observe(Query()).booted
    except HostAway:
        return ""


def test_a_bootstrapper_of_a_bootstrapper_that_ends_early_has_not_ended(frontend: Site) -> None:
    """As a suite's: each leaves its work to the next and is gone, maybe before anybody looked."""
    wanted, launched = mark("prod-dmz-27"), frontend.box.launches()
    starting = act(frontend, "/CHILD", "/CHILD", "/WAIT=60000", "/LOG={log}")
    frontend.host.start_installer(starting, wanted, soon())
    until(lambda: frontend.host.watch(wanted, 0, 0).children >= 2)
    until(lambda: frontend.box.launches() == launched + 1)
    assert frontend.host.watch(wanted, 0, 2).mark.alive
    assert frontend.host.start_installer(starting, mark("prod-dmz-27", attempt=2), soon()).name == wanted.name
    assert frontend.host.end_installer(wanted, "ana").alive is False
    assert frontend.box.launches() == launched + 1


def test_an_installer_that_tells_nothing_but_works_is_seen_to_move(backend: Site) -> None:
    wanted, launched = mark("prod-dmz-28"), backend.box.launches()
    backend.host.start_installer(act(backend, "/SPIN=60000"), wanted, soon())
    until(lambda: backend.box.launches() == launched + 1)
    first = backend.host.watch(wanted, 0, 0)
    until(lambda: backend.host.watch(wanted, 0, 1).cpu >= first.cpu + 1)
    seen = backend.host.watch(wanted, 0, 0)
    assert seen.offset == first.offset == 0
    assert seen.clock > first.clock
    assert backend.host.end_installer(wanted, "ana").alive is False


def test_what_is_older_than_90_days_goes_at_a_start_and_the_rest_stays(backend: Site) -> None:
    old, young, next_one = mark("prod-dmz-29"), mark("prod-dmz-30"), mark("prod-dmz-31")
    for wanted in (old, young):
        backend.host.start_installer(act(backend), wanted, soon())
        to_the_end(backend.host, wanted)
    marks = backend.box.path(r"C:\ProgramData\nps\marks")
    _age(marks / f"{old.name}.json", 91)
    _age(marks / f"{young.name}.json", 89)
    backend.host.start_installer(act(backend), next_one, soon())
    to_the_end(backend.host, next_one)
    left = files(backend, "marks") | files(backend, "logs")
    assert not [name for name in left if name.startswith(f"{old.name}.")]
    assert {f"{young.name}.json", f"{young.name}.end", f"{young.name}.children", f"{young.name}.log"} <= left


def test_delivered_packages_go_after_90_days_but_for_those_that_are_needed(backend: Site) -> None:
    packages, now = backend.box.path(r"C:\ProgramData\nps\packages"), mark("prod-dmz-33")
    elsewhere = backend.box.path(r"C:\elsewhere")
    elsewhere.mkdir()
    for letter, days in zip("abcdef", (91, 91, 91, 89, 91, 91), strict=True):
        folder = packages / (letter * 64)
        folder.mkdir(parents=True)
        for name in ("prm_setup.exe", "other.exe.part"):
            (folder / name).write_bytes(b"x")
            _age(folder / name, days)
    (packages / ("f" * 64) / "link").symlink_to(os.path.relpath(elsewhere, packages / ("f" * 64)))
    (elsewhere / "kept.txt").write_text("kept")
    _age(elsewhere / "kept.txt", 91)
    os.chown(packages / ("e" * 64), 1, 1)
    needed = rf"C:\ProgramData\nps\packages\{'b' * 64}\prm_setup.exe"
    tasks = backend.box.path(r"C:\ProgramData\nps\tasks")
    tasks.mkdir(parents=True, exist_ok=True)
    (tasks / "nps-waiting.json").write_text(json.dumps({"path": needed}))
    own = rf"C:\ProgramData\nps\packages\{'c' * 64}\prm_setup.exe"
    shutil.copy(backend.programs.setup, backend.box.path(own))
    _age(backend.box.path(own), 91)
    backend.host.start_installer(act(backend, path=own), now, soon())
    to_the_end(backend.host, now)
    (tasks / "nps-waiting.json").unlink()
    assert sorted(path.name[0] for path in packages.iterdir() if path.name[0] != "f") == ["b", "c", "d", "e"]
    assert (elsewhere / "kept.txt").exists()


def _age(path: Path, days: int) -> None:
    then = time.time() - days * DAY
    os.utime(path, (then, then))


@pytest.mark.parametrize("content", [b"", bytes(300), b'{"name": "nps-a1'])
@pytest.mark.parametrize("ending", ["json", "end"])
def test_a_mark_that_a_power_cut_has_emptied_is_named_and_nothing_is_begun(
    frontend: Site, content: bytes, ending: str
) -> None:
    marks, wanted, launched = frontend.box.path(r"C:\ProgramData\nps\marks"), mark("cut-1"), frontend.box.launches()
    starting = act(frontend)
    marks.mkdir(parents=True, exist_ok=True)
    (marks / f"{wanted.name}.json").write_text(json.dumps({"name": wanted.name, "state": "given_up"}))
    damaged = marks / f"{wanted.name}.{ending}"
    damaged.write_bytes(content)
    try:
        for asked in (lambda: frontend.host.observe(Query()), lambda: _start(frontend, starting)):
            with pytest.raises(ActFailed, match=rf"marks\\{damaged.name} is damaged") as caught:
                asked()
            assert "delete that file" in caught.value.sentence
    finally:
        for path in marks.glob(f"{wanted.name}.*"):
            path.unlink()
    assert frontend.box.launches() == launched


def _start(site: Site, starting: Act) -> None:
    site.host.start_installer(starting, mark("cut-2"), soon())
