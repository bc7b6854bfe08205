"""Whose signature a file has, told by a server that was not written here; another one than wanted never runs."""

import hashlib
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import signing
from box import Boxes, Programs
from signing import SIGNER, Authority

from bot.errors import ActFailed
from bot.windows.facts import HostFacts
from bot.windows.host import Host, MarkId
from bot.windows.states import AtHand, Installed, Package

pytestmark = pytest.mark.winbox

FOUND = {
    "valid": f"signed by {SIGNER}",
    "unknown authority": f"signed by {SIGNER}, but not trusted here (UnknownError: A certificate chain could not be "
    "built to a trusted root authority)",
    "wrong signer": "signed by Netwrix Corporation Ltd.",
    "tampered": "changed after it was signed",
    "unsigned": "not signed",
}


@dataclass(frozen=True, kw_only=True)
class Signed:
    """A server with files whose signatures differ, `C:\\NAME.exe` each."""

    host: Host
    version: str
    hashes: dict[str, str]

    def package(self, name: str) -> Package:
        path = f"C:\\{name}.exe"
        return Package(
            name="9.3", file=f"{name}.exe", version=self.version, sha256=self.hashes[name], arguments=("/S",),
            path=path, signer=SIGNER,
        )  # fmt: skip

    def seen(self, name: str) -> HostFacts:
        return self.host.observe(AtHand(package=self.package(name)).query())


@pytest.fixture(scope="module")
def signed(made_boxes: Boxes, programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Signed:
    if told := signing.lack():
        if "winbox" in os.environ.get("NPS_REQUIRE", "").split(","):
            pytest.fail(told, pytrace=False)
        pytest.skip(told)
    folder = tmp_path_factory.mktemp("signed")
    ours, other = Authority.new(folder, "Ours"), Authority.new(folder, "Other")
    files = {
        "valid": ours.signed(programs.setup, folder / "valid.exe"),
        "unknown authority": other.signed(programs.setup, folder / "other.exe"),
        "wrong signer": ours.signed(programs.setup, folder / "wrong.exe", "Netwrix Corporation Ltd."),
        "tampered": folder / "tampered.exe",
        "unsigned": programs.setup,
    }
    spoilt = bytearray(files["valid"].read_bytes())
    spoilt[4000] ^= 1
    files["tampered"].write_bytes(spoilt)
    box = made_boxes.new()
    shutil.copy(ours.pem, box.c.parent / "roots")
    for name, file in files.items():
        shutil.copy(file, box.c / f"{name}.exe")
    server = box.serve()
    hashes = {name: hashlib.sha256(Path(file).read_bytes()).hexdigest() for name, file in files.items()}
    return Signed(host=Host(server.login()), version=programs.new, hashes=hashes)


@pytest.mark.parametrize("name", FOUND)
def test_a_signature_is_told_in_words_and_only_the_wanted_one_is_at_hand(signed: Signed, name: str) -> None:
    state, facts = AtHand(package=signed.package(name)), signed.seen(name)
    assert state.found(facts) == f"SHA-256 {signed.hashes[name][:12]}…, {FOUND[name]}"
    assert state.holds(facts) == (name == "valid")


def test_a_signature_is_read_only_where_a_signer_is_wanted(signed: Signed) -> None:
    unasked = AtHand(package=signed.package("valid").model_copy(update={"signer": None}))
    facts = signed.host.observe(unasked.query())
    assert facts.package
    assert facts.package.signature is None
    assert unasked.holds(facts)


@pytest.mark.parametrize("name", [name for name in FOUND if name != "valid"])
def test_a_file_with_another_signature_never_runs_though_its_step_was_skipped(signed: Signed, name: str) -> None:
    act = Installed(package=signed.package(name)).act(signed.seen(name))
    number = list(FOUND).index(name)
    mark = MarkId(store="a1b2c3", run="signed-1", step=number, attempt=1)
    with pytest.raises(ActFailed, match=f"has no valid signature of {SIGNER}"):
        signed.host.start_installer(act, mark, datetime.now(UTC) + timedelta(minutes=5))
    assert signed.seen(name).marks == ()
