"""The runbooks read like the vendor's article: each of its numbers is a step, in its order, on the right host."""

import re
from pathlib import Path
from typing import Any

import pytest
from cases import load
from worlds import FE, FE2, facts, plan, site

import runbooks
from bot.plan import RUNBOOKS, Backups, Plan
from bot.windows.states import Reachable

ARTICLE = Path(__file__).parents[2] / "shared/seed/how-to-update.md"
PROCEDURES = load("article.toml", "procedure")
FRONTENDS = (FE, FE2)


def number(title: str) -> str:
    """`II.4`, `Note 1` or `Backup`, which a title begins with."""
    found = re.match(r"(I{1,2}\.\d|Note \d|Backup)\b", title)
    return found[1] if found else ""


def numbers(made: Plan) -> list[str]:
    return [number(step.title) for step in made.steps]


@pytest.mark.parametrize("procedure", PROCEDURES, ids=lambda p: p["name"])
def test_each_number_of_the_article_is_a_step_of_its_procedure(procedure: dict[str, Any]) -> None:
    made = plan("upgrade", *FRONTENDS[: procedure["frontends"]])
    assert set(numbers(made)) == set(procedure["numbers"]), "no step without a number, no number without a step"


def test_the_article_has_these_numbers_and_no_others() -> None:
    if not ARTICLE.exists():
        pytest.skip("there is no ../shared/seed/how-to-update.md")
    text = ARTICLE.read_text(encoding="utf-8")
    found: list[str] = []
    for section in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        roman = section.split(".")[0]
        found += [f"{roman}.{n}" for n in re.findall(r"^(\d+)\. ", section, re.MULTILINE)]
    found += [f"Note {i}" for i, _ in enumerate(re.findall(r"^\*\*NOTE\.\*\*", text, re.MULTILINE), 1)]
    found += ["Backup"] if re.search(r"^Prior to upgrade backup the following files", text, re.MULTILINE) else []
    assert sorted(found) == sorted({n for procedure in PROCEDURES for n in procedure["numbers"]})
    kept = re.findall(r"^- \*\*(.+?)\*\*", text, re.MULTILINE)
    files = [names[0] for names in runbooks.upgrade.KEEP]
    assert files == [name.removesuffix(" folder") for name in kept]
    assert runbooks.upgrade.ARTICLE in text


def test_the_dmz_procedure_keeps_the_articles_order_with_the_backend_first() -> None:
    steps = [(number(s.title), s.host) for s in plan("upgrade", FE).steps if number(s.title)[:4] != "Note"]
    assert steps == [
        ("Backup", "be01"), ("II.1", "be01"), ("II.2", "fe01"), ("II.3", "fe01"), ("II.4", "fe01"), ("II.5", "fe01"),
        ("II.6", "fe01"), ("II.3", "fe01"), ("II.4", "fe01"),
    ]  # fmt: skip


def test_a_single_server_is_backed_up_updated_and_its_service_runs() -> None:
    made = plan("upgrade")
    assert [(number(s.title), s.mode) for s in made.steps] == [
        ("Backup", "ensure"), ("Note 1", "check"), ("I.1", "ensure"), ("Note 3", "ensure"), ("Note 2", "check")
    ]  # fmt: skip
    assert {s.host for s in made.steps} == {"be01"}


def test_frontends_are_worked_one_after_another() -> None:
    steps = [(number(s.title), s.host) for s in plan("upgrade", FE, FE2).steps if number(s.title).startswith("II.")]
    hosts = [host for _, host in steps]
    assert hosts == ["be01"] + ["fe01"] * 5 + ["fe02"] * 5 + ["fe01"] * 2 + ["fe02"] * 2
    assert [n for n, _ in steps[1:6]] == [n for n, _ in steps[6:11]] == ["II.2", "II.3", "II.4", "II.5", "II.6"]


def test_what_an_installer_may_bring_back_late_is_looked_at_again_in_the_end() -> None:
    again = [s for s in plan("upgrade", FE, FE2).steps if " again" in s.title]
    assert [(number(s.title), s.host) for s in again] == [
        ("II.3", "fe01"), ("II.4", "fe01"), ("II.3", "fe02"), ("II.4", "fe02")
    ]  # fmt: skip
    assert all(s.mode == "check" and s.repair == s.state for s in again)


def test_nothing_acts_before_the_backup_and_the_approved_installer_is_at_hand_on_every_host() -> None:
    steps = plan("upgrade", FE, FE2).steps
    assert number(steps[0].title) == "Backup"
    at_hand = [s.host for s in steps if number(s.title) == "Note 1"]
    assert at_hand == ["be01", "fe01", "fe02"]
    installers = [i for i, s in enumerate(steps) if s.state.kind == "installed"]
    assert max(i for i, s in enumerate(steps) if number(s.title) == "Note 1") < min(installers)


def test_what_the_article_says_to_verify_is_checked_and_mended_only_by_order() -> None:
    steps = {number(s.title): s for s in reversed(plan("upgrade", FE).steps)}
    for n in ("II.3", "II.5", "II.6"):
        assert (steps[n].mode, isinstance(steps[n].repair, Reachable)) == ("check", True)
    assert [steps[n].mode for n in ("II.1", "II.2", "II.4")] == ["ensure"] * 3


def test_dcom_must_name_the_backend() -> None:
    wanted = [s.state.wanted() for s in plan("upgrade", FE).steps if number(s.title) == "II.6"]
    assert wanted == ["runs on be01, not on this computer"]
    named = plan("upgrade", FE, dcom_backend="be01.corp.example").steps
    assert [s.state.wanted() for s in named if number(s.title) == "II.6"] == [
        "runs on be01.corp.example, not on this computer"
    ]


def test_verify_changes_nothing_and_looks_at_the_same_things() -> None:
    made = plan("verify", FE, FE2)
    assert {s.mode for s in made.steps} == {"check"}
    assert all(s.act_state(repairing=r) is None for s in made.steps for r in (False, True))
    assert (made.takes_lock, made.opens_gates) == (False, False)
    assert {"II.3", "II.4", "II.5", "II.6", "Note 3"} <= set(numbers(made))
    upgraded = {number(s.title): s.state for s in plan("upgrade", FE).steps}
    for step in made.steps:
        if number(step.title).startswith("II."):
            assert step.state == upgraded[number(step.title)]


def test_verify_of_a_single_server_is_version_and_service() -> None:
    assert [(s.state.kind, s.host) for s in plan("verify").steps] == [("installed", "be01"), ("running", "be01")]


def test_backup_alone_is_the_upgrades_first_step() -> None:
    assert plan("backup", FE).steps == plan("upgrade", FE).steps[:1]
    assert plan("backup", FE).package is None


def test_a_rollback_says_first_what_is_lost_and_writes_only_while_the_service_stands_still() -> None:
    made = plan("rollback", FE)
    assert {s.host for s in made.steps} == {"be01"}, "only the backend has what is kept"
    assert made.steps[0].title == "Read first: the binaries stay, and what was written since the backup is lost"
    assert [(s.mode, s.state.kind) for s in made.steps] == [
        ("check", "proven"), ("ensure", "stopped"), ("ensure", "copied"), ("ensure", "restored"), ("ensure", "running")
    ]  # fmt: skip
    own, put_back = made.steps[2].state, made.steps[3].state
    assert (own.to, put_back.folder, put_back.saved) == (
        "C:\\ProgramData\\nps\\backups\\prod-dmz-17", "C:\\ProgramData\\nps\\backups\\prod-dmz-3", own.to
    )  # fmt: skip
    assert not own.stop


def test_a_rollback_without_a_run_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a run"):
        RUNBOOKS["rollback"].plan(site(FE, target=None))


def test_a_restart_is_one_step_on_the_backend_and_needs_no_package() -> None:
    made = plan("restart", FE)
    assert [(s.host, s.mode, s.state.kind) for s in made.steps] == [("be01", "ensure", "restarted")]
    assert made.package is None


def test_the_service_is_stopped_for_the_copy_where_the_settings_say_so() -> None:
    for stop in (False, True):
        backups = Backups(root="C:\\b", store="a1b2", keep=4, stop_service=stop)
        for name in ("upgrade", "backup"):
            state = plan(name, FE, backups=backups).steps[0].state
            assert (state.stop, state.keep, state.store, state.to) == (stop, 4, "a1b2", "C:\\b\\prod-dmz-17")


def test_each_run_backs_up_into_a_folder_of_its_own() -> None:
    folders = {plan("backup", FE, run=f"prod-dmz-{i}").steps[0].state.wanted() for i in (17, 18)}
    assert len(folders) == 2
    assert all("C:\\ProgramData\\nps\\backups\\prod-dmz-1" in folder for folder in folders)


def test_an_upgrade_without_a_package_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a package"):
        RUNBOOKS["upgrade"].plan(site(FE, package=None))


@pytest.mark.parametrize("name", RUNBOOKS)
@pytest.mark.parametrize("count", [0, 1, 2])
def test_one_reading_of_a_host_serves_all_its_steps(name: str, count: int) -> None:
    made = plan(name, *FRONTENDS[:count])
    assert made.steps
    for step in made.steps:
        query, one = made.host_query(step.host), made.query(step)
        assert set(one.files) <= set(query.files)
        assert one.package in (None, query.package)
        assert one.backup in (None, query.backup)
    assert len(made.foretell(facts(*FRONTENDS[:count]))) == len(made.steps)
