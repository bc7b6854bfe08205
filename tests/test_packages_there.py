"""A package as it lies on a host: what is judged of its place."""

import pytest

from bot.windows.facts import HostFacts, PackageFile
from bot.windows.states import AtHand, Package

PACKAGE = Package(name="9.3", file="setup.exe", version="9.3.0.0", sha256="ab" * 32, path=r"D:\stage\setup.exe")


@pytest.mark.parametrize("writers", [(), ("BUILTIN\\Users", "Everyone")])
def test_a_staging_folder_that_others_may_write_to_is_asked_about_and_stops_nothing(writers: tuple[str, ...]) -> None:
    facts = HostFacts(
        computer="be01", clock="2026-01-01T00:00:00Z", booted="2026-01-01T00:00:00Z", powershell="5.1",
        language="en-US", admin=True,
        package=PackageFile(path=PACKAGE.path, size=1, sha256=PACKAGE.sha256, writers=writers),
    )  # fmt: skip
    state = AtHand(package=PACKAGE)
    assert state.holds(facts), "the file itself is the approved one"
    assert [c.sentence.partition(":")[0] for c in state.concerns(facts)] == (
        ["BUILTIN\\Users, Everyone may write to D"] if writers else []
    )
    assert not any(c.stops for c in state.concerns(facts))
