"""A task that is begun ahead of its time: it waits for its job, runs nothing without one, and is never needed."""

import pytest
from box import Site, until
from installing import act, mark, soon, to_the_end

from bot.errors import ActFailed
from bot.windows import host
from bot.windows.facts import Query

pytestmark = pytest.mark.winbox

TASKS = r"C:\ProgramData\nps\tasks"


def left(site: Site) -> list[str]:
    return sorted(path.name for path in site.box.path(TASKS).iterdir())


def test_a_task_begun_ahead_waits_for_its_job_and_runs_it_once(backend: Site) -> None:
    wanted, launched, starting = mark("prod-dmz-60"), backend.box.launches(), act(backend)
    backend.host.prepare(wanted)
    backend.host.prepare(wanted)
    assert left(backend) == [f"{wanted.name}.ps1"]
    facts = backend.host.observe(Query())
    assert wanted.name not in [m.name for m in facts.marks]
    assert facts.living_marks() == ()
    assert backend.host.start_installer(starting, wanted, soon()).state == "started"
    ended, _, _ = to_the_end(backend.host, wanted)
    assert (ended.state, ended.code) == ("finished", 0)
    assert backend.host.start_installer(starting, wanted, soon()).state == "finished"
    assert backend.box.launches() == launched + 1
    until(lambda: left(backend) == [])


def test_a_task_begun_ahead_ends_once_its_attempt_is_given_up(frontend: Site) -> None:
    wanted, launched = mark("prod-dmz-61"), frontend.box.launches()
    frontend.host.prepare(wanted)
    assert frontend.host.give_up(wanted).state == "given_up"
    until(lambda: left(frontend) == [])
    assert frontend.host.start_installer(act(frontend), wanted, soon()).state == "given_up"
    frontend.host.prepare(wanted)
    assert left(frontend) == []
    assert frontend.box.launches() == launched


def test_a_task_that_nobody_needed_in_time_ends_and_is_begun_anew(
    frontend: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, launched = mark("prod-dmz-63"), frontend.box.launches()
    hasty = host._wrapper().replace("TotalMinutes -ge 10", "TotalMinutes -ge 0")
    assert hasty != host._wrapper()
    with monkeypatch.context() as patched:
        patched.setattr(host, "_wrapper", lambda: hasty)
        frontend.host.prepare(wanted)
    until(lambda: left(frontend) == [])
    assert frontend.host.start_installer(act(frontend), wanted, soon()).state == "started"
    assert to_the_end(frontend.host, wanted)[0].code == 0
    assert frontend.box.launches() == launched + 1


def test_a_task_that_was_lost_while_it_waited_is_begun_again(frontend: Site) -> None:
    wanted, launched = mark("prod-dmz-62"), frontend.box.launches()
    frontend.box.path(TASKS).joinpath(f"{wanted.name}.ps1").write_text("exit", encoding="ascii")
    assert frontend.host.start_installer(act(frontend), wanted, soon()).state == "started"
    ended, _, _ = to_the_end(frontend.host, wanted)
    assert (ended.state, ended.code) == ("finished", 0)
    assert frontend.box.launches() == launched + 1
    until(lambda: left(frontend) == [])


def refused(monkeypatch: pytest.MonkeyPatch, leaving: str) -> None:
    """Tasks with an S4U logon leave at once and run nothing: so Windows tells of a missing right."""
    logon = "(Get-ScheduledTask -TaskPath '\\nps\\' -TaskName $name).Principal.LogonType -eq 'S4U'"
    script = f"param($name)\nif ({logon}) {{ {leaving} }}\n" + host._wrapper().replace("param($name)\n", "")
    monkeypatch.setattr(host, "_wrapper", lambda: script)


NOT_GRANTED = 0x80070569 - 2**32


@pytest.mark.parametrize("ahead", [False, True])
def test_an_account_without_the_batch_right_is_refused_later_and_system_runs_it(
    backend: Site, monkeypatch: pytest.MonkeyPatch, ahead: bool
) -> None:
    wanted, launched = mark("prod-dmz-63", attempt=1 + ahead), backend.box.launches()
    refused(monkeypatch, f"exit {NOT_GRANTED}")
    if ahead:
        backend.host.prepare(wanted)
    assert backend.host.start_installer(act(backend), wanted, soon()).state == "started"
    ended, _, _ = to_the_end(backend.host, wanted)
    assert (ended.state, ended.code) == ("finished", 0)
    assert backend.box.launches() == launched + 1
    until(lambda: left(backend) == [])


def test_a_task_that_ended_with_another_result_is_not_run_as_system(
    backend: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, launched = mark("prod-dmz-64"), backend.box.launches()
    refused(monkeypatch, r'[IO.File]::Delete("$env:ProgramData\nps\tasks\$name.ps1"); exit 7')
    with pytest.raises(ActFailed, match=r"nps-a1b2c3-prod-dmz-64-1-1 has not begun; its last result is 7\."):
        backend.host.start_installer(act(backend), wanted, soon())
    assert backend.host.give_up(wanted).state == "given_up"
    assert backend.box.launches() == launched
