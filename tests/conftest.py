"""What tests need beyond Python: skipped with a reason where it is absent, but failed where NPS_REQUIRE names it.

Owns the meaning of the markers winbox, browser, image and kdc; never installs or starts anything.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import pytest

Lack = str | None
"""Why a need is not met on this machine, or None where it is."""


def lack_of_winbox(config: pytest.Config) -> Lack:
    if not (config.rootpath.parent / "shared/winbox/winbox").exists():
        return "there is no ../shared/winbox"
    home = Path(os.environ.get("WINBOX_HOME", "/opt/winbox"))
    return None if (home / "ready").exists() else f"winbox is not set up in {home} (run ../shared/winbox/setup as root)"


def lack_of_browser(_: pytest.Config) -> Lack:
    return None if shutil.which("chromium") else "chromium is not on the PATH (apt install chromium)"


def lack_of_image(config: pytest.Config) -> Lack:
    if not shutil.which("buildah"):
        return "buildah is not on the PATH (apt install buildah)"
    return (
        None
        if has_base_image(config.rootpath)
        else "buildah has no image debian:trixie-slim (run .ci/base-image as root)"
    )


@cache
def has_base_image(root: Path) -> bool:
    inspect = [str(root / ".ci/buildah"), "inspect", "--type", "image", "debian:trixie-slim"]
    return subprocess.run(inspect, capture_output=True).returncode == 0


def lack_of_kdc(_: pytest.Config) -> Lack:
    if not shutil.which("krb5kdc", path="/usr/sbin:/usr/bin"):
        return "there is no krb5kdc (apt install krb5-kdc krb5-admin-server)"
    absent = [name for name in ("gssapi", "krb5") if importlib.util.find_spec(name) is None]
    return f"{absent[0]} is not installed (make kerberos)" if absent else None


NEEDS: Mapping[str, Callable[[pytest.Config], Lack]] = {
    "winbox": lack_of_winbox,
    "browser": lack_of_browser,
    "image": lack_of_image,
    "kdc": lack_of_kdc,
}


def required() -> set[str]:
    return {name for name in os.environ.get("NPS_REQUIRE", "").split(",") if name}


def pytest_configure(config: pytest.Config) -> None:
    if unknown := required() - NEEDS.keys():
        raise pytest.UsageError(f"NPS_REQUIRE names {', '.join(sorted(unknown))}; it may name {', '.join(NEEDS)}.")


LONG = re.compile(r"tests/(story/|winbox/|test_image)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take minutes first, or in the end one worker has one of them left and the others wait."""
    items.sort(key=lambda item: LONG.match(item.nodeid) is None)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for need, lack_of in NEEDS.items():
        if item.get_closest_marker(need) is None or (lack := lack_of(item.config)) is None:
            continue
        if need in required():
            pytest.fail(f"NPS_REQUIRE names {need}, but {lack}", pytrace=False)
        pytest.skip(lack)
