"""Each act on a server that was not written here: its state then holds, and a second time changes nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from box import Site, until

from bot.errors import ActFailed, HostBusy, TooLate
from bot.windows.facts import HostFacts, Query
from bot.windows.host import Host, MarkId
from bot.windows.states import Act, Copied, DcomLocation, Disabled, NoProcess, Reachable, Renamed, Running

pytestmark = pytest.mark.winbox


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=5)


def brought_about(host: Host, state: Reachable) -> tuple[HostFacts, HostFacts]:
    """The facts before and after; the act is asked for twice, and the second time must change nothing."""
    before = host.observe(state.query())
    act = state.act(before)
    changed, after = host.act(act, soon(), then=state.query())
    assert changed
    assert after is not None
    assert not state.holds(before)
    assert state.holds(after), state.found(after)
    changed_again, again = host.act(act, soon(), then=state.query())
    assert not changed_again
    assert again is not None
    assert state.found(again) == state.found(after)
    return before, after


def foretold(state: Reachable, before: HostFacts) -> str:
    return state.found(state.after(before))


def test_a_backup_is_proven_and_a_second_one_copies_nothing(backend: Site) -> None:
    to = r"C:\ProgramData\nps\backups\prod-dmz-1"
    kept = (("alinfo.bin",), ("secrets.bin",), ("PredefinedQuestions.txt", "Predefined Questions.txt"), ("Templates",))
    state = Copied(files=kept, to=to)
    before, after = brought_about(backend.host, state)
    assert after.backup is not None
    names = [file.name for file in after.backup.files]
    assert names == [
        "alinfo.bin",
        "secrets.bin",
        "Predefined Questions.txt",
        r"Templates\welcome.html",
        r"Templates\de\welcome.html",
    ]
    copies = backend.box.path(to)
    assert (copies / "secrets.bin").read_bytes() == bytes(range(256))
    assert (copies / "Templates/de/welcome.html").read_text() == "<p>Willkommen</p>"
    assert sorted(path.name for path in copies.iterdir()) == sorted(
        ["Predefined Questions.txt", "Templates", "alinfo.bin", "manifest.json", "secrets.bin"]
    )
    assert foretold(state, before) == state.found(after)


def test_a_backup_without_its_manifest_is_made_anew(backend: Site) -> None:
    to = r"C:\ProgramData\nps\backups\torn"
    state = Copied(files=(("secrets.bin",),), to=to)
    torn = backend.box.path(to)
    torn.mkdir(parents=True)
    (torn / "secrets.bin").write_bytes(b"half")
    (torn / "manifest.json.1.tmp").write_text("{")
    brought_about(backend.host, state)
    assert (torn / "secrets.bin").read_bytes() == bytes(range(256))


def test_a_backup_that_lacks_a_file_is_no_backup(backend: Site) -> None:
    to = r"C:\ProgramData\nps\backups\no"
    act = Act(verb="back_up", args={"folder": backend.product.folder, "files": ["gone.bin"], "to": to})
    with pytest.raises(ActFailed, match=r"no gone\.bin in C:\\Program Files"):
        backend.host.act(act, soon())
    assert backend.host.observe(Query(backup=r"C:\ProgramData\nps\backups\no")).backup is None


def test_a_damaged_manifest_is_told_by_name(backend: Site) -> None:
    folder = backend.box.path(r"C:\ProgramData\nps\backups\damaged")
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text('{"folder": ')
    with pytest.raises(ActFailed, match=r"damaged\\manifest\.json can't be read"):
        backend.host.observe(Query(backup=r"C:\ProgramData\nps\backups\damaged"))


def test_the_service_is_disabled_stopped_and_started_again(backend: Site) -> None:
    disabled, running = Disabled(), Running()
    before, after = brought_about(backend.host, disabled)
    assert foretold(disabled, before) == disabled.found(after)
    assert after.processes == ()
    with pytest.raises(ActFailed, match="start_service"):
        backend.host.act(running.act(after), soon())
    backend.box.powershell("-Command", f"Set-Service {backend.product.service} -StartupType Automatic")
    before, after = brought_about(backend.host, running)
    assert after.service is not None
    assert after.service.started is not None
    assert after.service.started > before.clock


def test_an_act_on_a_service_that_is_not_there_says_so(backend: Site) -> None:
    with pytest.raises(ActFailed, match="There is no service 'nobody'") as caught:
        backend.host.act(Act(verb="disable_service", args={"service": "nobody"}), soon())
    assert caught.value.next_move


def test_the_executable_is_renamed_and_an_older_one_moved_aside(frontend: Site) -> None:
    folder = frontend.box.path(frontend.product.folder)
    (folder / "PRMService.exe.old").write_bytes(b"from the last upgrade")
    state = Renamed(old="PRMService.exe", new="PRMService.exe.old")
    before, after = brought_about(frontend.host, state)
    assert foretold(state, before) == state.found(after)
    assert after.version("PRMService.exe") == "9.2.0.0"
    [aside] = folder.glob("PRMService.exe.old.2*Z")
    assert aside.read_bytes() == b"from the last upgrade"
    aside.unlink()
    (folder / "PRMService.exe.old").rename(folder / "PRMService.exe")


def test_a_rename_of_nothing_says_that_neither_name_is_there(frontend: Site) -> None:
    act = Act(verb="rename_file", args={"folder": frontend.product.folder, "old": "a.exe", "new": "a.exe.old"})
    with pytest.raises(ActFailed, match=r"neither a\.exe nor a\.exe\.old"):
        frontend.host.act(act, soon())


def test_a_left_over_process_is_ended_by_id_and_start_time(frontend: Site) -> None:
    path = frontend.product.file("PRMService.exe")
    frontend.box.start(f'"{path}"')
    state = NoProcess(name="PRMService.exe")
    facts = frontend.host.observe(Query())
    [process] = facts.processes
    assert (process.path, process.name) == (path, "PRMService.exe")
    another = process.model_copy(update={"started": "2020-01-01T00:00:00.0000000Z"})
    changed, _ = frontend.host.act(Act(verb="end_process", args={"processes": [another.model_dump()]}), soon())
    assert not changed
    brought_about(frontend.host, state)


def test_dcom_is_pointed_at_the_backend_in_both_views_and_nothing_local_is_left(backend: Site) -> None:
    state = DcomLocation(server="be01.corp.example")
    backend.box.reset_dcom()
    before, after = brought_about(backend.host, state)
    assert after.dcom is not None
    assert before.dcom is not None
    assert after.dcom == state.after(before).dcom
    assert {c.local_server_off for c in after.dcom.classes} == {backend.product.file("PRMService.exe")}
    assert state.changed(after, after) == ()
    backend.box.reset_dcom()


def test_dcom_that_is_off_here_but_points_elsewhere_is_corrected(frontend: Site) -> None:
    brought_about(frontend.host, DcomLocation(server="be02.corp.example"))
    brought_about(frontend.host, DcomLocation(server="be01.corp.example"))


def test_an_app_id_that_is_no_app_id_is_refused(frontend: Site) -> None:
    with pytest.raises(ActFailed, match="is no AppID"):
        frontend.host.act(Act(verb="set_dcom_location", args={"app_id": r"..\CLSID", "server": "x"}), soon())


def test_an_act_that_is_taken_up_too_late_touches_nothing(frontend: Site) -> None:
    act = Act(verb="set_dcom_location", args={"app_id": frontend.product.app_id, "server": "late.example"})
    before = frontend.host.observe(Query()).dcom
    with pytest.raises(TooLate):
        frontend.host.act(act, datetime.now(UTC) - timedelta(seconds=30))
    assert frontend.host.observe(Query()).dcom == before


def test_an_act_beside_another_one_is_busy_and_touches_nothing(frontend: Site) -> None:
    held = frontend.box.path(r"C:\held.txt")
    hold = r"$m = New-Object Threading.Mutex $true, 'Global\nps-bot'; Set-Content C:\held.txt 1; "
    wait = r"while (Test-Path C:\held.txt) { Start-Sleep 1 }"
    frontend.box.start(f'powershell.exe -NoProfile -Command "{hold}{wait}"')
    until(held.exists)
    before = frontend.host.observe(Query()).dcom
    act = Act(verb="set_dcom_location", args={"app_id": frontend.product.app_id, "server": "other.example"})
    with pytest.raises(HostBusy, match="20 s"):
        frontend.host.act(act, soon())
    start = Act(
        verb="start_installer", args={"path": r"C:\prm_setup.exe", "kind": "exe", "arguments": [], "sha256": ""}
    )
    with pytest.raises(HostBusy, match="probably this run's own, which starts the installer: Retry then watches on"):
        frontend.host.start_installer(start, MarkId(store="a1b2c3", run="held-1", step=1, attempt=1), soon())
    held.unlink()
    assert frontend.host.observe(Query()).dcom == before
