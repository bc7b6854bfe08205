"""Requests, logins and seconds of a fact and an act, beside the like through pywinrm's Session.run_ps, on winbox.

Requests and logins are asserted; seconds and ratios are only printed.
"""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from box import ARTICLE, PASSWORD, USER, Server
from measured import circumstances
from winrm import Session

from bot.windows.facts import Query
from bot.windows.host import Host
from bot.windows.states import Act

pytestmark = [pytest.mark.winbox, pytest.mark.bench]

ROUNDS = 10
RUN_PS_ROUNDS = 3
QUERY = Query(files=("alinfo.bin", "secrets.bin", "Templates"), package=r"C:\prm_setup.exe")

# As short as run_ps's 3000 characters want it: much less than what `facts` reads.
FACT_PS = r"""
$folder = 'C:\Program Files (x86)\NetWrix Password Manager'
$service = Get-Service PRMService
$app = Get-ItemProperty 'HKLM:\SOFTWARE\Classes\AppID\APP'
ConvertTo-Json @{
    state = "$($service.Status)"; mode = "$($service.StartType)"; app = $app.LocalService
    version = (Get-Item "$folder\PRMService.exe").VersionInfo.FileVersion
    files = @(Get-ChildItem $folder | Select-Object Name, Length)
    sha256 = (Get-FileHash C:\prm_setup.exe).Hash
}
""".replace("APP", ARTICLE.app_id)

RENAME_PS = r"Rename-Item 'C:\Program Files (x86)\NetWrix Password Manager\{}' '{}'"


def timed(rounds: int, work: Callable[[int], object]) -> float:
    """Seconds for one."""
    start = time.perf_counter()
    for number in range(rounds):
        work(number)
    return (time.perf_counter() - start) / rounds


def requests_of(server: Server, work: Callable[[], object]) -> int:
    server.forget()
    work()
    return len(server.trace())


def renaming(number: int) -> Act:
    old, new = ("alinfo.bin", "alinfo.old") if number % 2 == 0 else ("alinfo.old", "alinfo.bin")
    return Act(verb="rename_file", args={"folder": ARTICLE.folder, "old": old, "new": new})


def test_a_fact_and_an_act_beside_run_ps(slow_server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    host = Host(slow_server.login())
    later = datetime.now(UTC) + timedelta(hours=1)
    opening = timed(1, lambda _: host.observe(QUERY))
    fact = timed(ROUNDS, lambda _: host.observe(QUERY))
    act = timed(ROUNDS, lambda number: host.act(renaming(number), later))
    both = timed(ROUNDS, lambda number: host.act(renaming(number), later, then=QUERY))
    assert requests_of(slow_server, lambda: host.observe(QUERY)) == 2
    assert requests_of(slow_server, lambda: host.act(renaming(0), later, then=QUERY)) == 2
    assert requests_of(slow_server, lambda: host.act(renaming(1), later)) == 2
    assert host.channel.meter.logins == 1

    session = Session(slow_server.url, auth=(USER, PASSWORD), proxy=None, ca_trust_path=None)

    def run_ps(script: str) -> bytes:
        done = session.run_ps(script)
        assert done.status_code == 0, done.std_err
        return bytes(done.std_out)

    assert json.loads(run_ps(FACT_PS))["state"] == "Running"
    old_fact = timed(RUN_PS_ROUNDS, lambda _: run_ps(FACT_PS))
    old_act = timed(
        2, lambda number: run_ps(RENAME_PS.format(renaming(number).args["old"], renaming(number).args["new"]))
    )
    old_requests = requests_of(slow_server, lambda: run_ps(FACT_PS))
    host.close()

    cost = "2 requests"
    rows = [
        f"opening and first fact  {opening:6.3f} s  6 requests, 1 login",
        f"a fact                  {fact:6.3f} s  {cost}   run_ps {old_fact:.3f} s, {old_requests} requests",
        f"an act                  {act:6.3f} s  {cost}   run_ps {old_act:.3f} s",
        f"an act and facts after  {both:6.3f} s  {cost}   run_ps {old_act + old_fact:.3f} s",
        f"a fact takes 1/{old_fact / fact:.0f} of run_ps's time, an act 1/{old_act / act:.0f}",
    ]
    with capsys.disabled():
        print(f"\nThe channel on winbox, {circumstances()}", *rows, sep="\n  ")  # noqa: T201


def test_all_facts_of_a_plan_cost_at_most_twelve_requests_a_host(slow_server: Server) -> None:
    host = Host(slow_server.login("ntlm"))

    def plan() -> None:
        host.observe(QUERY)
        host.close()

    assert requests_of(slow_server, plan) <= 12
    assert host.channel.meter.logins == 1
