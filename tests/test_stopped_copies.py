"""A copy that was cut off has left its service stopped: the end of an aborted run starts it again, and says no more."""

from pathlib import Path

import pytest
from desks import RUN, started
from worlds import ANA, begun, ended

from bot import events as e
from bot.audit import Audit, Draft
from bot.lab.windows import PACKAGE_SHA256, PretendWindows, single
from bot.lab.windows.presets import PACKAGE_PATH
from bot.runs import settling
from bot.runs.logs import Logs
from bot.runs.settling import Settling
from bot.windows.facts import LeftStopped


@pytest.mark.parametrize("stops", [True, False])
def test_the_service_that_a_lost_copy_stopped_runs_once_the_run_has_ended(stops: bool, tmp_path: Path) -> None:
    with PretendWindows(single(), password="s3cret") as server:
        source, more = f"staged = '{PACKAGE_PATH}'", "stop_service = true" if stops else ""
        read, audit, hosts, plan = started(tmp_path, server, sha256=PACKAGE_SHA256, source=source, more=more)
        number = next(i for i, step in enumerate(plan.steps, 1) if step.state.kind == "copied")
        lost = ended(number, outcome="failed", found="", sentence="be01 gave no answer in time.", next_move="Look.")
        for event in (begun(number), lost, e.AbortRequested(reason="wrong night")):
            audit.append(None, lambda _, event=event: [Draft(event=event, run=RUN, actor=ANA)])
        service = server.facts.service
        assert service
        left = LeftStopped(service=service.name, folder="C:\\b", since=server.facts.clock)
        server.change(left_stopped=left, service=service.model_copy(update={"state": "Stopped"}))
        Settling(read, audit, hosts, Logs(tmp_path, [])).settle({"run": RUN, "n": 1, "count": 0})
        assert server.facts.service
        assert server.facts.service.state == ("Running" if stops else "Stopped")
        assert outcome(audit) == "Aborted by ana: wrong night."
        hosts.close(RUN)
        audit.close()


def outcome(audit: Audit) -> str:
    run = audit.run(RUN)
    assert run
    assert run.ended
    return run.ended.sentence


def test_a_copy_that_still_runs_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "PAUSE", 0.0)
    with PretendWindows(single(), password="s3cret") as server:
        source = f"staged = '{PACKAGE_PATH}'"
        read, audit, hosts, plan = started(
            tmp_path, server, sha256=PACKAGE_SHA256, source=source, more="stop_service = true"
        )
        number = next(i for i, step in enumerate(plan.steps, 1) if step.state.kind == "copied")
        for event in (begun(number), e.AbortRequested(reason="wrong night")):
            audit.append(None, lambda _, event=event: [Draft(event=event, run=RUN, actor=ANA)])
        server.faults.fail("start_left_stopped", "Another act has been running on this host for 20 s.", "busy")
        end = Settling(read, audit, hosts, Logs(tmp_path, []))
        assert end.settle({"run": RUN, "n": 1, "count": 0}) == {}
        assert end.settle({"run": RUN, "n": 1, "count": 1})["on"]
        hosts.close(RUN)
        audit.close()
