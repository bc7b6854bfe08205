"""The container image, built by buildah and run as users run it: same user, same command, /data beside it."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.image, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[1]
BUILDAH = str(ROOT / ".ci/buildah")
NAME = f"nps-bot:test-{os.getpid()}"
SETTINGS = """
[slack]
channel = "C0OPS"
admins = ["U0ANA"]
"""


def buildah(*words: str) -> str:
    ended = subprocess.run([BUILDAH, *words], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout.strip()


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    built = subprocess.run([ROOT / ".ci/image", NAME], capture_output=True, text=True)
    assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
    yield NAME
    buildah("rmi", NAME)


@pytest.fixture(scope="module")
def container(image: str) -> Iterator[str]:
    name = buildah("from", "--pull=never", image)
    # Otherwise buildah puts the image's own volume on top of the folder that a test mounts there.
    buildah("config", "--volume", "/data-", name)
    yield name
    buildah("rm", name)


@pytest.fixture(scope="module")
def config(image: str) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(buildah("inspect", "--type", "image", image))["Docker"]["config"]
    return config


@pytest.fixture
def data(container: str, tmp_path: Path) -> Path:
    """What is mounted at /data: the user's own, as the documentation says it must be."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    shutil.chown(folder, user=int(buildah("run", container, "--", "id", "-u")))
    return folder


def in_container(container: str, data: Path, *words: str) -> list[str]:
    return [BUILDAH, "run", "--volume", f"{data}:/data", container, "--", *words]


def test_it_serves_by_default_with_its_data_in_a_volume(config: dict[str, Any]) -> None:
    assert config["Entrypoint"] + config["Cmd"] == ["nps", "serve"]
    assert config["Volumes"] == {"/data": {}}
    assert config["WorkingDir"] == "/data"
    assert "NPS_CONFIG=/data/nps.toml" in config["Env"]
    assert config["Healthcheck"]["Test"] == ["CMD", "nps", "health"]


def test_it_runs_as_a_user_who_can_write_only_the_data(container: str) -> None:
    assert buildah("run", container, "--", "id", "-un") == "nps"
    own = "find / -xdev -writable ( -type f -o -type d ) -not -path /proc/* -not -path /sys/* -not -path /dev/*"
    found = subprocess.run([BUILDAH, "run", container, "--", *own.split()], capture_output=True, text=True)
    writable = set(found.stdout.split())
    assert "/data" in writable
    assert writable <= {"/data", "/tmp", "/var/tmp", "/run/lock"}


def test_it_holds_no_compiler_no_pip_and_no_cache(container: str) -> None:
    root = Path(buildah("mount", container))
    tools = [path.name for folder in ("usr/bin", "opt/nps/bin") for path in (root / folder).iterdir()]
    assert {"python3", "nps"} <= set(tools)
    assert [
        name for name in tools if name.startswith(("gcc", "cc1", "cc-", "clang", "pip")) or name in ("cc", "c99")
    ] == []
    assert not (root / "root/.cache").exists()
    assert list((root / "var/lib/apt/lists").iterdir()) == []


def test_nothing_of_the_building_machine_stays_in_it(container: str) -> None:
    root = Path(buildah("mount", container))
    assert not (root / "etc/pip.conf").exists()
    assert [str(path) for path in (root / "etc/xdg").rglob("*") if path.is_file()] == []


def test_help_answers(container: str) -> None:
    assert "serve" in buildah("run", container, "--", "nps", "--help")


def test_without_a_bot_it_is_not_healthy(container: str, data: Path) -> None:
    (data / "nps.toml").write_text(SETTINGS)
    checked = subprocess.run(in_container(container, data, "nps", "health"), capture_output=True, text=True)
    assert checked.returncode != 0
    assert "The bot does not run." in checked.stdout + checked.stderr
    assert "Traceback" not in checked.stdout + checked.stderr


def is_healthy(container: str, data: Path) -> bool:
    check = in_container(container, data, "nps", "health")
    return subprocess.run(check, capture_output=True).returncode == 0


def test_serve_becomes_healthy_and_ends_at_sigterm(container: str, data: Path, tmp_path: Path) -> None:
    (data / "nps.toml").write_text(SETTINGS)
    # buildah kills what it runs when it is told to end, so the bot itself is told: there is no namespace of processes.
    serve = in_container(container, data, "sh", "-c", "echo $$ >/data/pid && exec nps serve")
    output = tmp_path / "output"
    with output.open("w") as log, subprocess.Popen(serve, stdout=log, stderr=log) as bot:
        try:
            deadline = time.monotonic() + 60
            while not is_healthy(container, data):
                assert bot.poll() is None, output.read_text()
                assert time.monotonic() < deadline, output.read_text()
            os.kill(int((data / "pid").read_text()), signal.SIGTERM)
            assert bot.wait(timeout=60) == 0, output.read_text()
        finally:
            bot.kill()
    assert "Traceback" not in output.read_text()
