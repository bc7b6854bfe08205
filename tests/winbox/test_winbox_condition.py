"""What condition.ps1 reads of a server that was not written here: renames at its next start, room, installations."""

import json
import re
import shutil
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pytest
from box import Site, until
from installing import package

from bot.errors import ActFailed
from bot.windows.channel import Meter, _Shell
from bot.windows.facts import PendingRename, Query
from bot.windows.faults import Unfit
from bot.windows.states import AtHand, DcomLocation, NoProcess, Renamed

pytestmark = pytest.mark.winbox
MANAGER = r"HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager"
RENAMED = Renamed(old="PRMService.exe", new="PRMService.exe.old")


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=5)


def set_renames(site: Site, *paths: str) -> None:
    values = ", ".join(f"'{path}'" for path in paths)
    name = "-Name PendingFileRenameOperations"
    how = f"Set-ItemProperty {name} -Type MultiString -Value @({values})" if paths else f"Remove-ItemProperty {name}"
    site.box.powershell("-Command", f"{how} -LiteralPath '{MANAGER}'")


def test_a_file_that_comes_back_at_the_next_start_fails_the_check_until_that_start(frontend: Site) -> None:
    exe = frontend.product.file("PRMService.exe")
    new = frontend.product.file("nps.tmp")
    frontend.host.act(RENAMED.act(frontend.host.observe(Query())), soon())
    assert RENAMED.holds(frontend.host.observe(Query()))
    frontend.box.path(new).write_bytes(frontend.programs.service.read_bytes())
    set_renames(frontend, r"\??\C:\windows\other.tmp", "", rf"\??\{new}", rf"!\??\{exe.upper()}")
    try:
        facts = frontend.host.observe(Query())
        assert facts.renames == (PendingRename(source=new, target=exe.upper()),)
        assert facts.reboot_due == ("pending file renames",)
        assert not RENAMED.holds(facts)
        assert "brings PRMService.exe back at the next restart" in RENAMED.found(facts)
    finally:
        set_renames(frontend)
    facts = frontend.host.observe(Query())
    assert (facts.renames, facts.reboot_due) == ((), ())
    assert RENAMED.holds(facts)
    frontend.box.path(new).unlink()
    folder = frontend.box.path(frontend.product.folder)
    (folder / "PRMService.exe.old").rename(folder / "PRMService.exe")


def test_a_file_in_use_is_not_renamed_and_the_sentence_says_what_to_do(frontend: Site) -> None:
    path, held = frontend.product.file("PRMService.exe"), frontend.box.path(r"C:\held.txt")
    script = frontend.box.path(r"C:\hold.ps1")
    script.write_text(
        f"$f = [IO.File]::Open('{path}', 'Open', 'Read', 'Read'); Set-Content C:\\held.txt 1\n"
        "while (Test-Path C:\\held.txt) { Start-Sleep -Milliseconds 200 }\n",
        encoding="utf-8-sig",
    )
    frontend.box.start(r"powershell.exe -NoProfile -File C:\hold.ps1")
    until(held.exists)
    with pytest.raises(ActFailed, match="rename_file") as caught:
        frontend.host.act(RENAMED.act(frontend.host.observe(Query())), soon())
    assert "Close what holds it open" in caught.value.next_move
    held.unlink()
    assert frontend.host.observe(Query()).image("PRMService.exe")


def test_a_busy_windows_installer_is_seen_by_its_mutex(frontend: Site) -> None:
    assert not frontend.host.observe(Query()).msi_busy
    held = frontend.box.path(r"C:\held.txt")
    hold = r"$m = New-Object Threading.Mutex $true, 'Global\_MSIExecute'; Set-Content C:\held.txt 1; "
    wait = r"while (Test-Path C:\held.txt) { Start-Sleep -Milliseconds 200 }"
    frontend.box.start(f'powershell.exe -NoProfile -Command "{hold}{wait}"')
    until(held.exists)
    assert frontend.host.observe(Query()).msi_busy
    held.unlink()
    until(lambda: not frontend.host.observe(Query()).msi_busy)


def test_the_room_on_each_drive_is_read_once_the_systems_first(frontend: Site) -> None:
    facts = frontend.host.observe(Query(backup=r"c:\backups\prod-dmz-1"))
    assert [drive.name for drive in facts.drives] == ["C:"]
    assert (facts.free(r"c:\anything") or 0) > 0
    assert facts.free(r"X:\nowhere") is None


def test_settings_of_dcom_are_read_and_a_box_that_would_win_is_taken_out(frontend: Site) -> None:
    key = rf"HKLM:\SOFTWARE\Classes\AppID\{frontend.product.app_id}"
    values = {"ActivateAtStorage": "Y", "AuthenticationLevel": 5}
    for name, value in values.items():
        typed = "-Type DWord" if isinstance(value, int) else ""
        frontend.box.powershell(
            "-Command", f"Set-ItemProperty -LiteralPath '{key}' -Name {name} {typed} -Value {json.dumps(value)}"
        )
    state = DcomLocation(server="be01.corp.example")
    before = frontend.host.observe(state.query())
    assert before.dcom
    assert (before.dcom.activate_at_storage, before.dcom.authentication_level) == ("Y", 5)
    assert not state.holds(before)
    changed, after = frontend.host.act(state.act(before), soon(), then=state.query())
    assert changed
    assert after
    assert state.holds(after)
    assert after.dcom == state.after(before).dcom
    frontend.box.reset_dcom()


def test_a_system_log_that_can_not_be_read_says_why_and_only_where_it_was_asked_for(frontend: Site) -> None:
    assert frontend.host.observe(Query()).dcom_events is None
    events = frontend.host.observe(Query(dcom_events=True)).dcom_events
    assert events
    assert events.unread or events.count == 0


def test_a_delayed_start_is_read(backend: Site) -> None:
    service = rf"HKLM:\SYSTEM\CurrentControlSet\Services\{backend.product.service}"
    before = backend.host.observe(Query()).service
    assert before
    assert not before.delayed
    backend.box.powershell(
        "-Command", f"Set-ItemProperty -LiteralPath '{service}' -Name DelayedAutostart -Type DWord -Value 1"
    )
    after = backend.host.observe(Query()).service
    assert after
    assert after.delayed


def test_a_constrained_powershell_says_so_in_the_channels_first_line(backend: Site) -> None:
    """In that mode nothing of ours can run: the bootstrap itself must bear it."""
    bootstrap = files("bot.windows").joinpath("bootstrap.ps1").read_text("ascii")
    backend.box.path(r"C:\bootstrap.ps1").write_text(bootstrap.replace("Start-Sleep 10\n    exit 1", "exit 0"))
    backend.box.path(r"C:\constrained.ps1").write_text(
        "$ExecutionContext.SessionState.LanguageMode = 'ConstrainedLanguage'\n. C:\\bootstrap.ps1\n"
    )
    told = json.loads(backend.box.powershell("-File", r"C:\constrained.ps1"))
    assert told == {"id": 0, "unfit": told["unfit"]}
    assert re.fullmatch(r"PowerShell \d+\.\d+ in ConstrainedLanguage mode", told["unfit"])
    with pytest.raises(Unfit, match="ConstrainedLanguage"):
        _Shell(backend.server.login(), Meter())._greet(told)


def test_a_process_of_the_services_image_is_found_under_any_name(frontend: Site) -> None:
    """The service may run another file than the article's."""
    image = frontend.product.file("pwdsvc.exe")
    service = rf"HKLM:\SYSTEM\CurrentControlSet\Services\{frontend.product.service}"
    frontend.box.path(image).write_bytes(frontend.programs.service.read_bytes())

    def set_image(line: str) -> None:
        frontend.box.powershell(
            "-Command", f"Set-ItemProperty -LiteralPath '{service}' -Name ImagePath -Value '{line}'"
        )

    set_image(f'"{image}"')
    frontend.box.start(f'"{image}"')
    state = NoProcess(name="PRMService.exe")
    until(lambda: not state.holds(frontend.host.observe(Query())))
    facts = frontend.host.observe(Query())
    assert [(process.name, process.path) for process in facts.processes] == [("pwdsvc.exe", image)]
    assert state.found(facts) == "pwdsvc.exe runs"
    changed, after = frontend.host.act(state.act(facts), soon(), then=Query())
    assert changed
    assert after
    assert state.holds(after)
    set_image(f'"{frontend.product.file("PRMService.exe")}"')
    frontend.box.path(image).unlink()


def test_a_running_executable_is_renamed_and_its_process_is_still_seen(frontend: Site) -> None:
    """Windows allows that: a rename that went well proves nothing of the process."""
    path, state = frontend.product.file("PRMService.exe"), NoProcess(name="PRMService.exe")
    frontend.box.start(f'"{path}"')
    until(lambda: not state.holds(frontend.host.observe(Query())))
    changed, after = frontend.host.act(RENAMED.act(frontend.host.observe(Query())), soon(), then=Query())
    assert changed
    assert after
    assert RENAMED.holds(after)
    assert not state.holds(after)
    changed, after = frontend.host.act(state.act(after), soon(), then=Query())
    assert after
    assert state.holds(after)
    folder = frontend.box.path(frontend.product.folder)
    (folder / "PRMService.exe.old").rename(folder / "PRMService.exe")


def test_who_else_may_write_beside_a_staged_installer_is_asked_about(backend: Site) -> None:
    folder = backend.box.path(r"C:\stage")
    folder.mkdir(0o755)
    shutil.copy(backend.programs.setup, folder / "prm_setup.exe")
    state = AtHand(package=package(backend, path=r"C:\stage\prm_setup.exe"))
    facts = backend.host.observe(state.query())
    assert state.holds(facts)
    assert state.concerns(facts) == ()
    folder.chmod(0o777)
    [concern] = state.concerns(backend.host.observe(state.query()))
    assert "Everyone may write to C:\\stage: a library put beside prm_setup.exe would run with it" in concern.sentence
    assert not concern.stops
