"""The channels of runs: with which login a host is reached, and which faults there are."""

from pathlib import Path

import pytest
from cases import FOLDER

from bot import errors, settings
from bot.errors import HostError
from bot.plan import HostRef
from bot.runs.hosts import Hosts, login

FE = HostRef(name="fe01", url="http://fe01.dmz.example:5985/wsman")


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> settings.Settings:
    monkeypatch.setenv("NPS_CORP_PASSWORD", "hunter2")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/dmz").write_text("old-password", encoding="utf-8")
    (tmp_path / "nps.toml").write_text((FOLDER / "nps.toml").read_text(encoding="utf-8"), encoding="utf-8")
    return settings.load(tmp_path / "nps.toml")


def test_a_password_changed_in_its_file_is_not_used_before_it_can_be_masked(
    read: settings.Settings, tmp_path: Path
) -> None:
    passwords = read.passwords()
    (tmp_path / "secrets/dmz").write_text("new-password", encoding="utf-8")
    made = login(read, passwords, FE)
    assert (made.user, made.password.get_secret_value()) == ("svc-nps", "old-password")
    (tmp_path / "secrets/dmz").unlink()
    assert login(read, passwords, FE) == made
    assert Hosts(read, passwords).get("prod-dmz-1", FE).channel.login == made


@pytest.mark.parametrize(
    ("ref", "said"),
    [
        (FE.model_copy(update={"name": "fe09"}), "fe09 is no longer in nps.toml"),
        (FE.model_copy(update={"url": "http://fe02.dmz.example:5985/wsman"}), "fe01 has another address in nps.toml"),
    ],
)
def test_a_host_that_is_not_the_plan_s_is_refused(ref: HostRef, said: str, read: settings.Settings) -> None:
    with pytest.raises(HostError, match=said):
        Hosts(read, read.passwords()).get("prod-dmz-1", ref)


def test_a_channel_is_lent_to_one_run_at_a_time(read: settings.Settings) -> None:
    hosts = Hosts(read, read.passwords())
    first, second = hosts.get("prod-dmz-1", FE), hosts.get("prod-dmz-2", FE)
    assert first is not second
    assert hosts.get("prod-dmz-1", FE) is first
    hosts.keep("prod-dmz-1")
    assert hosts.get("prod-dmz-3", FE) is first
    assert hosts.get("prod-dmz-1", FE) is not first


def test_every_fault_of_the_tree_is_raised_somewhere() -> None:
    bot = Path(errors.__file__).parent
    code = "".join(path.read_text(encoding="utf-8") for path in bot.rglob("*.py") if path.name != "errors.py")
    faults = [name for name, value in vars(errors).items() if isinstance(value, type)]
    assert "HostAway" in faults
    assert [name for name in faults if f"{name}(" not in code and f"{name}," not in code] == []
