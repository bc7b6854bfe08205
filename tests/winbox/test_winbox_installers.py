"""Installers on a server that was not written here: begun once, outliving the connection, watched, given up, ended."""

import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from box import Site, until
from installing import act, mark, package, soon, to_the_end

from bot.errors import ActFailed, HostAway, HostBusy, TooLate
from bot.windows import host
from bot.windows.facts import Query
from bot.windows.host import Host, MarkId
from bot.windows.states import Installed

pytestmark = pytest.mark.winbox


def test_an_installer_on_the_backend_is_begun_once_and_brings_the_version_about(backend: Site) -> None:
    state = Installed(package=package(backend, "/WAIT=1500"))
    before = backend.host.observe(state.query())
    assert not state.holds(before)
    launched, wanted = backend.box.launches(), mark("prod-dmz-1")
    begun = backend.host.start_installer(state.act(before), wanted, soon())
    assert (begun.name, begun.state, begun.alive) == ("nps-a1b2c3-prod-dmz-1-1-1", "started", True)
    again = backend.host.start_installer(state.act(before), wanted, soon())
    assert (again.name, again.started) == (begun.name, begun.started)
    ended, log, seen = to_the_end(backend.host, wanted)
    assert (ended.state, ended.code, ended.alive) == ("finished", 0, False)
    assert log.decode().splitlines()[0].strip() == "5% stopping the service"
    assert (seen[-1].line, seen[-1].percent) == ("100% done", 100)
    after = backend.host.observe(state.query())
    assert state.holds(after)
    assert state.found(state.after(before)) == state.found(after)
    assert after.service is not None
    assert after.service.state == "Running"
    once_more = backend.host.start_installer(state.act(before), wanted, soon())
    assert (once_more.state, once_more.started) == ("finished", begun.started)
    assert backend.box.launches() == launched + 1


def test_an_installer_outlives_the_connection_and_another_one_watches_on(frontend: Site) -> None:
    wanted, launched = mark("prod-dmz-2"), frontend.box.launches()
    first = Host(frontend.server.login())
    first.start_installer(act(frontend, "/WAIT=2500", "/CODE=3010"), wanted, soon())
    first.close()
    second = Host(frontend.server.login())
    ended, log, _ = to_the_end(second, wanted)
    second.close()
    assert (ended.state, ended.code) == ("finished", 3010)
    assert b"100% done" in log
    facts = frontend.host.observe(Query())
    assert facts.service is not None
    assert (facts.service.start_mode, facts.service.state) == ("Disabled", "Stopped")
    assert facts.version("PRMService.exe") == frontend.programs.new
    assert frontend.box.launches() == launched + 1
    assert not list(frontend.box.path(r"C:\ProgramData\nps\tasks").iterdir())


def test_a_living_installer_is_watched_on_by_its_step_and_busy_for_any_other(backend: Site) -> None:
    wanted, launched = mark("prod-dmz-3"), backend.box.launches()
    starting = act(backend, "/WAIT=60000")
    begun = backend.host.start_installer(starting, wanted, soon())
    later = backend.host.start_installer(starting, mark("prod-dmz-3", attempt=2), soon())
    assert later.name == begun.name
    with pytest.raises(HostBusy, match=begun.name):
        backend.host.start_installer(starting, mark("other-1"), soon())
    with pytest.raises(HostBusy, match=begun.name):
        backend.host.start_installer(starting, MarkId(store="ffff", run="prod-dmz-3", step=1, attempt=1), soon())
    watched = backend.host.watch(wanted, 0, 1)
    assert watched.mark.alive
    assert watched.percent is not None
    assert [m.name for m in backend.host.observe(Query()).living_marks()] == [begun.name]
    ended = backend.host.end_installer(wanted, "ana")
    assert (ended.state, ended.by, ended.alive, ended.code) == ("ended", "ana", False, None)
    assert backend.host.end_installer(wanted, "ana").alive is False
    assert backend.host.observe(Query()).living_marks() == ()
    assert backend.box.launches() == launched + 1


def test_an_installer_that_leaves_its_work_and_its_log_to_a_child_has_not_ended_before_it(frontend: Site) -> None:
    wanted = mark("prod-dmz-4")
    frontend.host.start_installer(act(frontend, "/CHILD", "/WAIT=3000", "/LOG={log}"), wanted, soon())
    ended, log, _ = to_the_end(frontend.host, wanted)
    assert (ended.state, ended.code) == ("finished", 0)
    assert b"100% done" in log
    assert frontend.box.path(rf"C:\ProgramData\nps\logs\{wanted.name}.log").read_bytes() == log


def test_a_file_that_was_not_approved_is_never_run(backend: Site) -> None:
    launched = backend.box.launches()
    with pytest.raises(ActFailed, match="is not the file that was approved"):
        backend.host.start_installer(act(backend, sha256="0" * 64), mark("prod-dmz-6"), soon())
    with pytest.raises(ActFailed, match=r"no C:\\gone\.exe"):
        backend.host.start_installer(act(backend, path=r"C:\gone.exe"), mark("prod-dmz-6"), soon())
    with pytest.raises(TooLate):
        backend.host.start_installer(act(backend), mark("prod-dmz-6"), datetime.now(UTC) - timedelta(seconds=30))
    assert "nps-a1b2c3-prod-dmz-6-1-1" not in [m.name for m in backend.host.observe(Query()).marks]
    assert backend.box.launches() == launched


def test_a_file_that_is_swapped_after_it_was_approved_is_never_run(
    backend: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = r"C:\swapped.exe", r"C:\other.exe"
    shutil.copy(backend.programs.setup, backend.box.path(path))
    backend.box.path(other).write_bytes(backend.programs.setup.read_bytes() + b"!")
    first = "$ErrorActionPreference = 'Stop'\n"
    swapping = host._wrapper().replace(first, f"{first}[IO.File]::Copy('{other}', '{path}', $true)\n")
    monkeypatch.setattr(host, "_wrapper", lambda: swapping)
    launched, wanted = backend.box.launches(), mark("prod-dmz-11")
    backend.host.start_installer(act(backend, "/LOG={log}", path=path), wanted, soon())
    ended, log, _ = to_the_end(backend.host, wanted)
    assert backend.box.path(path).read_bytes() == backend.box.path(other).read_bytes()
    assert (ended.state, ended.code) == ("finished", 577)
    assert b"Nothing was started: C:\\swapped.exe is not the file that was approved any more" in log
    assert backend.box.launches() == launched


def test_a_running_installers_file_stays_where_it_was_approved(backend: Site) -> None:
    path, wanted, launched = r"C:\held.exe", mark("prod-dmz-12"), backend.box.launches()
    shutil.copy(backend.programs.setup, backend.box.path(path))
    backend.host.start_installer(act(backend, "/WAIT=60000", path=path), wanted, soon())
    until(lambda: backend.box.launches() == launched + 1)
    tried = "try { [IO.File]::Move('C:\\held.exe', 'C:\\away.exe'); 'moved' } catch { 'held' }"
    assert backend.box.powershell("-Command", tried).split()[-1] == "held"
    assert backend.host.end_installer(wanted, "ana").alive is False
    assert backend.box.powershell("-Command", tried).split()[-1] == "moved"


def test_an_attempt_that_was_given_up_can_never_begin(backend: Site) -> None:
    wanted, launched = mark("prod-dmz-7"), backend.box.launches()
    assert backend.host.give_up(wanted).state == "given_up"
    assert backend.host.give_up(wanted).state == "given_up"
    assert backend.host.start_installer(act(backend), wanted, soon()).state == "given_up"
    assert backend.box.launches() == launched


def test_an_attempt_that_began_is_not_given_up_and_a_second_wrapper_runs_nothing(frontend: Site) -> None:
    wanted, launched = mark("prod-dmz-9"), frontend.box.launches()
    frontend.host.start_installer(act(frontend, "/WAIT=60000"), wanted, soon())
    assert frontend.host.give_up(wanted).alive
    tasks = frontend.box.path(r"C:\ProgramData\nps\tasks")
    script = (tasks / f"{wanted.name}.ps1").read_text()
    (frontend.box.c / "again.ps1").write_text(script)
    frontend.box.powershell("-File", r"C:\again.ps1", wanted.name)
    assert frontend.box.launches() == launched + 1
    assert frontend.host.end_installer(wanted, "ana").alive is False


def left_behind(site: Site, of: MarkId, path: str, started: str) -> None:
    """A mark whose wrapper is gone, as a restart of the server leaves it."""
    gone = {"path": path, "state": "started", "started": started, "pid": 99_999_996, "pid_started": started}
    file = site.box.path(rf"C:\ProgramData\nps\marks\{of.name}.json")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"name": of.name, **of.model_dump(), **gone}))


def living(site: Site) -> list[str]:
    return [m.name for m in site.host.observe(Query()).living_marks()]


def test_an_old_dead_mark_does_not_come_alive_by_a_newer_installer_of_its_path(backend: Site) -> None:
    path, wanted = r"C:\again.exe", mark("prod-dmz-13")
    shutil.copy(backend.programs.setup, backend.box.path(path))
    left_behind(backend, mark("a-1"), path, "2020-01-01T00:00:00.0000000Z")
    starting = act(backend, "/WAIT=60000", path=path)
    begun = backend.host.start_installer(starting, wanted, soon())
    assert living(backend) == [begun.name]
    assert backend.host.start_installer(starting, mark("prod-dmz-13", attempt=2), soon()).name == begun.name
    assert backend.host.end_installer(wanted, "ana").alive is False
    assert living(backend) == []


def test_a_process_that_no_mark_knows_is_of_the_newest_mark_of_its_path(backend: Site) -> None:
    path, older, newer = r"C:\unknown.exe", mark("a-2"), mark("a-3")
    shutil.copy(backend.programs.setup, backend.box.path(path))
    left_behind(backend, older, path, "2020-01-01T00:00:00.0000000Z")
    left_behind(backend, newer, path, "2021-01-01T00:00:00.0000000Z")
    assert living(backend) == []
    launched = backend.box.launches()
    backend.box.start(rf"{path} /S /WAIT=60000 /LOG=C:\unknown.log")
    until(lambda: backend.box.launches() == launched + 1)
    assert living(backend) == [newer.name]
    with pytest.raises(HostBusy, match=newer.name):
        backend.host.start_installer(act(backend), mark("prod-dmz-14"), soon())
    assert backend.host.end_installer(newer, "ana").alive is False
    assert living(backend) == []


def test_two_living_marks_answer_the_one_whose_step_asks(backend: Site) -> None:
    """The first by name is somebody else's."""
    launched, marks = backend.box.launches(), {r"C:\first.exe": mark("a-4"), r"C:\second.exe": mark("a-5")}
    for number, (path, of) in enumerate(marks.items(), 1):
        shutil.copy(backend.programs.setup, backend.box.path(path))
        left_behind(backend, of, path, "2020-01-01T00:00:00.0000000Z")
        backend.box.start(rf"{path} /S /WAIT=60000 /LOG=C:\two{number}.log")
    until(lambda: backend.box.launches() == launched + 2)
    assert backend.host.start_installer(act(backend), mark("a-5", attempt=2), soon()).name == mark("a-5").name
    for of in marks.values():
        assert backend.host.end_installer(of, "ana").alive is False


def test_an_installer_cut_off_by_a_reboot_is_neither_alive_nor_finished(frontend: Site) -> None:
    wanted = mark("prod-dmz-10")
    frontend.host.start_installer(act(frontend, "/WAIT=60000"), wanted, soon())
    booted = frontend.host.observe(Query()).booted
    frontend.server.faults({"reboot": 1})
    until(lambda: _booted(frontend.host) > booted)
    [left] = [m for m in frontend.host.observe(Query()).marks if m.name == wanted.name]
    assert (left.state, left.alive, left.code) == ("started", False, None)


def _booted(by: Host) -> str:
    try:
        return by.observe(Query()).booted
    except HostAway:
        return ""


@pytest.mark.parametrize("run", ["", "a b", "..", "a'b", "x" * 81, "a\nb"])
def test_a_mark_has_a_name_that_needs_no_quotes_anywhere(run: str) -> None:
    with pytest.raises(ValueError, match="name a mark"):
        mark(run)
