"""Backups between settings, plan and act: what is stopped, kept and spared, and a rollback that can't be begun."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cases import FOLDER
from worlds import BE, FE, facts, plan, planned, requested, started

from bot import events as e
from bot.audit import Audit, Draft
from bot.plan import Backups
from bot.runs import preflight
from bot.runs.operations import Operator
from bot.runs.planner import make_plan
from bot.settings import Settings, load
from bot.windows.facts import HostFacts, Query
from bot.windows.states import Act, Copied


def settings_with(folder: Path, was: str = "", by: str = "") -> Settings:
    text = (FOLDER / "nps.toml").read_text(encoding="utf-8")
    assert was in text
    (folder / "nps.toml").write_text(text.replace(was, by, 1) if was else text, encoding="utf-8")
    return load(folder / "nps.toml")


@pytest.mark.parametrize(
    ("was", "by", "stops"),
    [
        ("", "", False),
        ("approvals = 1 ", "stop_service = true\napprovals = 1 ", True),
        ('arguments = ["/S"]', 'arguments = ["/S"]\nstop_service = true', True),
        ('run_as = "SYSTEM"', 'run_as = "SYSTEM"\nstop_service = true', False),
    ],
    ids=["neither", "the environment", "its package", "another package"],
)
@pytest.mark.parametrize("runbook", ["upgrade", "backup"])
def test_the_service_is_stopped_where_the_environment_or_the_package_says_so(
    tmp_path: Path, runbook: str, was: str, by: str, stops: bool
) -> None:
    package = "9.3" if runbook == "upgrade" else None
    made = make_plan(settings_with(tmp_path, was, by), requested(runbook, package=package), "prod-dmz-17", store="a1b2")
    state = made.steps[0].state
    assert isinstance(state, Copied)
    assert (state.stop, state.keep, state.store) == (stops, 10, "a1b2")


class Recorder:
    """A host that keeps the acts it is asked for."""

    def __init__(self) -> None:
        self.acts: list[Act] = []

    def get(self, run: str, ref: Any) -> "Recorder":
        return self

    def act(self, act: Act, not_after: datetime, then: Query) -> tuple[bool, HostFacts]:
        self.acts.append(act)
        return True, facts(FE)[BE.name]


@pytest.fixture
def audit(tmp_path: Path) -> Iterator[Audit]:
    made = Audit(tmp_path / "var/audit.sqlite")
    yield made
    made.close()


def test_a_backup_spares_the_one_that_an_open_rollback_names(tmp_path: Path, audit: Audit) -> None:
    hosts = Recorder()
    operator = Operator(settings_with(tmp_path), audit, hosts, None)  # type: ignore[arg-type]
    seen, made = facts(FE), plan("backup", FE, backups=Backups(root="C:\\b", keep=2), run="prod-dmz-3")
    ended = e.Ended(outcome="rejected", sentence="No.")
    told: list[tuple[str, e.Event]] = [
        ("prod-dmz-1", requested("rollback", package=None, target="prod-dmz-9")),
        ("prod-dmz-2", requested("rollback", package=None, target="prod-dmz-8")),
        ("prod-dmz-2", ended),
        ("prod-dmz-3", requested("backup", approvals=0, package=None)),
        ("prod-dmz-3", planned(made, seen)),
        ("prod-dmz-3", started(seen)),
    ]
    for number, (run, event) in enumerate(told):
        audit.append(f"test:{number}", lambda _, run=run, event=event: [Draft(event=event, run=run)])
    given = {"run": "prod-dmz-3", "step": 1, "attempt": 1, "repairing": False}
    operator.do(given | {"facts": seen[BE.name].model_dump(mode="json")})
    [act] = hosts.acts
    assert (act.verb, act.args["spared"], act.args["keep"]) == ("back_up", ["prod-dmz-9"], 2)


def test_a_rollback_whose_backup_is_gone_is_stopped_before_it_begins() -> None:
    seen = facts(FE)
    made = plan("rollback", FE)
    told = preflight.judged(made, seen, datetime.fromisoformat(seen[BE.name].clock))
    fault = preflight.fault(told)
    assert fault
    assert fault.sentence == (
        "be01: the backup of prod-dmz-3 can't be put back: no proven backup in "
        "C:\\ProgramData\\nps\\backups\\prod-dmz-3."
    )
