"""The markers and NPS_REQUIRE, tried on the browser: present means a file named chromium on the PATH."""

from pathlib import Path

import pytest

BROWSER_TEST = """
import pytest

@pytest.fixture
def page():
    print("fixture was set up")

@pytest.mark.browser
def test_page(page):
    pass
"""


@pytest.fixture
def path(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH, empty."""
    pytester.makeconftest(Path(__file__).with_name("conftest.py").read_text())
    pytester.makeini("[pytest]\nmarkers =\n    browser: x\n")
    pytester.makepyfile(BROWSER_TEST)
    folder = pytester.mkdir("path")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("NPS_REQUIRE", raising=False)
    return folder


def put_chromium_in(folder: Path) -> None:
    (folder / "chromium").touch(mode=0o755)


@pytest.mark.usefixtures("path")
def test_absent_is_skipped_with_a_reason_before_any_fixture(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("-rs", "-s")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines("SKIPPED*chromium is not on the PATH*")
    result.stdout.no_fnmatch_line("*fixture was set up*")


@pytest.mark.usefixtures("path")
def test_absent_but_required_fails_with_the_reason(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPS_REQUIRE", "winbox,browser")
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines("*NPS_REQUIRE names browser, but chromium is not on the PATH*")


@pytest.mark.parametrize("require", ["", "browser"])
def test_present_runs(pytester: pytest.Pytester, path: Path, monkeypatch: pytest.MonkeyPatch, require: str) -> None:
    put_chromium_in(path)
    monkeypatch.setenv("NPS_REQUIRE", require)
    pytester.runpytest().assert_outcomes(passed=1)


@pytest.mark.usefixtures("path")
def test_a_need_nobody_knows_is_refused(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPS_REQUIRE", "browser,winbax")
    result = pytester.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("*NPS_REQUIRE names winbax; it may name winbox, browser, image, kdc.")
