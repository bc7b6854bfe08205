"""What is installed: locks that agree with pyproject.toml and name no host, and a wheel with everything in it."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
LOCKS = ("runtime", "demo", "dev", "kerberos")
EXTRAS = {"demo": ("lab",), "dev": ("lab", "keyring"), "kerberos": ("kerberos",)}
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())


def lock_text(lock: str) -> str:
    return (ROOT / "requirements" / f"{lock}.txt").read_text()


def pins(lock: str) -> dict[str, Version]:
    return {canonicalize_name(name): Version(pin) for name, pin in re.findall(r"^(\S+?)==(\S+)", lock_text(lock), re.M)}


def wanted(lock: str) -> list[Requirement]:
    groups = PROJECT["dependency-groups"]
    lines = PROJECT["project"]["dependencies"] + groups["build"]
    lines += [line for extra in EXTRAS.get(lock, ()) for line in PROJECT["project"]["optional-dependencies"][extra]]
    return [Requirement(line) for line in lines + (groups["dev"] if lock == "dev" else [])]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_what_pyproject_asks_for(lock: str) -> None:
    pinned = pins(lock)
    loose = [str(need) for need in wanted(lock) if not need.specifier.contains(pinned[canonicalize_name(need.name)])]
    assert loose == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash(lock: str) -> None:
    entries = re.split(r"^(?=\S)", lock_text(lock), flags=re.M)[1:]
    unhashed = [entry.splitlines()[0] for entry in entries if not re.search(r"--hash=sha256:[0-9a-f]{64}", entry)]
    assert len(entries) == len(pins(lock)) > len(wanted(lock))
    assert unhashed == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_package_index(lock: str) -> None:
    assert re.findall(r"://|--(?:extra-)?index|--find-links", lock_text(lock)) == []


def test_ansible_of_the_bench_is_pinned_and_hashed_too() -> None:
    text = (ROOT / "tests/bench/ansible/requirements.txt").read_text()
    entries = re.split(r"^(?=\S)", text, flags=re.M)[1:]
    assert all(re.match(r"\S+==\S+ [^#]*--hash=sha256:[0-9a-f]{64}", entry) for entry in entries)
    assert entries
    assert "://" not in text


@pytest.mark.parametrize("lock", ["runtime", "demo"])
def test_what_is_shipped_is_what_was_tested(lock: str) -> None:
    assert pins(lock).items() <= pins("dev").items()


def test_kerberos_adds_its_libraries_and_changes_no_other() -> None:
    added = dict(pins("kerberos").items() - pins("runtime").items())
    assert pins("runtime").items() <= pins("kerberos").items()
    assert set(added) == {"decorator", "gssapi", "krb5"}


def test_the_installed_version_is_the_newest_in_the_changelog() -> None:
    newest = re.search(r"^## (\d\S+)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert newest is not None
    assert newest[1] == PROJECT["project"]["version"] == version("nps-bot")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in a wheel built from a copy: a build folder that setuptools left behind would hide a missing file."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for package in ("bot", "runbooks"):
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "-w",
        str(out),
        str(source),
    ]
    subprocess.run(build, check=True, capture_output=True)
    with zipfile.ZipFile(next(out.glob("*.whl"))) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_every_file_of_the_packages(wheel: set[str]) -> None:
    files = (path for package in ("bot", "runbooks") for path in (ROOT / package).rglob("*") if path.is_file())
    sources = {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}
    assert "bot/__init__.py" in sources
    assert sources - wheel == set()


def test_the_wheel_brings_no_other_package(wheel: set[str]) -> None:
    assert {name.split("/")[0] for name in wheel} == {"bot", "runbooks", f"nps_bot-{version('nps-bot')}.dist-info"}


FakePython = Callable[[str], str]


@pytest.fixture
def setup_with(tmp_path: Path) -> FakePython:
    """Runs .ci/venv where python3 is this shell script and no other Python is on the PATH; returns what it says."""

    def run(python3: str) -> str:
        (tmp_path / ".ci").mkdir()
        script = shutil.copy(ROOT / ".ci/venv", tmp_path / ".ci/venv")
        (tmp_path / "python3").write_text(f"#!/bin/bash\n{python3}\n")
        (tmp_path / "python3").chmod(0o755)
        command = ["/bin/bash", script, "requirements/dev.txt"]
        ended = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
        assert ended.returncode == 1
        assert not (tmp_path / ".venv").exists()
        return ended.stderr

    return run


def test_setup_without_a_new_enough_python_says_what_it_tried(setup_with: FakePython) -> None:
    said = setup_with("exit 1")
    assert said.startswith(
        "No Python 3.11 or newer was found on the PATH (tried python3.13, python3.12, python3.11, python3)."
    )


def test_setup_with_a_python_that_lacks_venv_says_what_to_install(setup_with: FakePython) -> None:
    said = setup_with("[[ $2 != *ensurepip* ]]")
    assert said.startswith("python3 cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv.")
