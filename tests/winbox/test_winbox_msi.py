"""A real .msi through a real msiexec: silent, logged, its properties whole, and judged by the file version."""

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from box import SOURCES, Site, run
from installing import mark, soon, to_the_end

from bot.windows.host import MarkId
from bot.windows.states import Installed, Package

pytestmark = pytest.mark.winbox

TOLD = 'two words, a "quote" and a \\ at the end\\'


@dataclass(frozen=True)
class Msi:
    file: Path

    def package(self, site: Site, *arguments: str) -> Package:
        path = rf"C:\stage of msi\{self.file.name}"
        there = site.box.path(path)
        there.parent.mkdir(exist_ok=True)
        shutil.copy(self.file, there)
        sha256 = hashlib.sha256(self.file.read_bytes()).hexdigest()
        return Package(
            name="msi", file=self.file.name, version=site.programs.new, sha256=sha256, path=path, arguments=arguments
        )


@pytest.fixture(scope="module")
def msi(frontend: Site, tmp_path_factory: pytest.TempPathFactory) -> Msi:
    if shutil.which("wixl") is None:
        lack = "wixl is not on the PATH (apt install wixl)"
        if "winbox" in os.environ.get("NPS_REQUIRE", "").split(","):
            pytest.fail(lack, pytrace=False)
        pytest.skip(lack)
    folder = tmp_path_factory.mktemp("msi")
    shutil.copy(frontend.programs.setup.parent / "new.exe", folder)
    shutil.copy(SOURCES / "package.wxs", folder)  # wixl looks for files beside it
    words = ["-D", f"VERSION={frontend.programs.new}", "-D", "PAYLOAD=new.exe", "-a", "x64"]
    run("wixl", *words, "-o", str(folder / "prm client.msi"), str(folder / "package.wxs"))
    return Msi(folder / "prm client.msi")


def installed(site: Site, package: Package, wanted: MarkId) -> tuple[int | None, bytes, Installed]:
    state = Installed(package=package)
    site.host.start_installer(state.act(site.host.observe(state.query())), wanted, soon())
    ended, log, _ = to_the_end(site.host, wanted)
    assert ended.state == "finished"
    return ended.code, log, state


def test_an_msi_is_installed_silently_with_its_properties_and_its_log(frontend: Site, msi: Msi) -> None:
    service = frontend.product.file("PRMService.exe")
    shutil.copy(frontend.programs.service, frontend.box.path(service))
    package = msi.package(frontend, f"INSTALLDIR={frontend.product.folder}", f"TOLD={TOLD}", "REBOOT=ReallySuppress")
    code, log, state = installed(frontend, package, mark("msi-1"))
    assert code == 0, log[-2000:]
    assert state.holds(frontend.host.observe(state.query()))
    said = frontend.box.powershell("-Command", "(Get-ItemProperty HKLM:\\SOFTWARE\\nps-bot-test).Told")
    assert said.strip() == TOLD
    assert len(log) > 1000
    assert frontend.box.path(rf"C:\ProgramData\nps\logs\{mark('msi-1').name}.log").read_bytes() == log


def test_a_file_that_is_no_msi_fails_with_a_code_and_leaves_the_version(frontend: Site, tmp_path: Path) -> None:
    service = frontend.product.file("PRMService.exe")
    shutil.copy(frontend.programs.service, frontend.box.path(service))
    (tmp_path / "broken.msi").write_bytes(b"no msi at all")
    code, _, state = installed(frontend, Msi(tmp_path / "broken.msi").package(frontend), mark("msi-2"))
    assert code == 1627, "Windows says 1620"
    assert frontend.host.observe(state.query()).version("PRMService.exe") == frontend.programs.old
