"""What the README says is true: its table is the code's, its nps.toml loads, its make targets exist."""

import re
import textwrap
from pathlib import Path

from bot.settings import load

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_of_commands_is_current() -> None:
    scope: dict[str, object] = {"__name__": "docs", "__file__": str(ROOT / "docs/commands.py")}
    exec((ROOT / "docs/commands.py").read_text(encoding="utf-8"), scope)
    written = scope["written"]
    assert callable(written)
    assert written(README) == README, "run `make readme`"


def test_the_settings_in_the_readme_load(tmp_path: Path) -> None:
    found = re.search(r"```toml\n(.*?)```", README, re.DOTALL)
    assert found
    (tmp_path / "nps.toml").write_text(textwrap.dedent("   " + found[1]), encoding="utf-8")
    settings = load(tmp_path / "nps.toml")
    assert settings.environments["prod-dmz"].backend == "be01"


def test_every_make_target_that_is_named_exists() -> None:
    text = README + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:`|    )make ([\w-]+)", text))
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert named
    assert named <= targets


def test_every_link_into_the_repository_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_asserted_requests_are_the_benchs() -> None:
    bench = (ROOT / "tests/bench/test_bench_upgrade.py").read_text(encoding="utf-8")
    limits = re.search(r"^PLAN_REQUESTS, UPGRADE_REQUESTS = (\d+), (\d+)$", bench, re.MULTILINE)
    assert limits
    assert f"at most {limits[1]} a host for a plan, {limits[2]} for an upgrade" in README


def test_the_tasks_of_the_playbook_are_as_many_as_it_has() -> None:
    playbook = (ROOT / "tests/bench/ansible/upgrade.yml").read_text(encoding="utf-8")
    assert f"playbook of {playbook.count('ansible.windows.')} tasks" in README
