"""nps.toml: a good file loads, a faulty one lists every fault by its line, and no secret is ever shown."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cases import FOLDER, load

from bot import settings
from bot.errors import SettingsFault
from bot.settings.base import Section
from bot.settings.file import Person
from bot.settings.toml_lines import line_of

GOOD = (FOLDER / "nps.toml").read_text(encoding="utf-8")
TEST = "[environments.test]"
"""The last table of the good file."""


def written(folder: Path, text: str) -> Path:
    path = folder / "nps.toml"
    path.write_text(text, encoding="utf-8")
    return path


def faults(path: Path) -> list[str]:
    """The fault's lines, each without the file's path."""
    with pytest.raises(SettingsFault) as caught:
        settings.load(path)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}:") for line in lines), lines
    return [line.removeprefix(f"{path}:") for line in lines]


def test_the_file_of_the_design_loads(tmp_path: Path) -> None:
    read = settings.load(written(tmp_path, GOOD))
    environment = read.environments["prod-dmz"]
    assert (environment.backend, environment.frontends, environment.package) == ("be01", ("fe01",), "9.3")
    assert environment.approval_expires == timedelta(hours=24)
    assert (environment.approvals, environment.may_run) == (1, ("S0OPS", "ana"))
    assert read.packages["9.3"].sha256 == "ab" * 32
    assert read.channel("prod-dmz") == "C0OPS"
    assert read.channel("test") == "C0TEST"
    assert (read.audit, read.engine) == (tmp_path / "var/audit.sqlite", tmp_path / "var/engine.sqlite")
    assert read.data == tmp_path / "var"
    assert read.path(read.hosts["be01"].ca or Path()) == tmp_path / "certs/corp-ca.pem"
    assert (environment.service, environment.backups) == ("PRMService", "C:\\ProgramData\\nps\\backups")


def test_an_empty_file_names_nothing_and_is_no_fault(tmp_path: Path) -> None:
    read = settings.load(written(tmp_path, ""))
    assert (read.environments, read.hosts, read.slack.channel) == ({}, {}, None)


def test_a_byte_order_mark_of_notepad_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "nps.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert "prod-dmz" in settings.load(path).environments


def test_how_long_a_package_may_take_and_which_codes_it_may_end_with(tmp_path: Path) -> None:
    packages = settings.load(written(tmp_path, GOOD)).packages
    assert packages["9.3"].deadline == timedelta(hours=2)
    assert packages["9.3"].inactivity == timedelta(minutes=30)
    assert packages["9.3"].success_codes == (0, 3010, 1641)
    limits = 'deadline = "4h"\ninactivity = "10m"\nsuccess_codes = [0, 0x80070bc2]\n'
    client = settings.load(written(tmp_path, GOOD.replace('run_as = "SYSTEM"\n', limits))).packages["client"]
    assert (client.deadline, client.inactivity) == (timedelta(hours=4), timedelta(minutes=10))
    assert client.success_codes == (0, -2147021886), "as Windows tells them: in 32 bits, with a sign"


@pytest.mark.parametrize("case", load("settings.toml", "faults"), ids=lambda case: case["told"][:60])
def test_one_fault_is_told_with_its_line(case: dict[str, str], tmp_path: Path) -> None:
    """`was` is exchanged for `by` in the good file; `at` is what begins the line that must be named."""
    assert GOOD.count(case["was"]) == 1, "the case must change one place"
    text = GOOD.replace(case["was"], case["by"])
    number = f"\n{text}".index(f"\n{case['at']}")
    line = 1 + text[:number].count("\n")
    assert faults(written(tmp_path, text)) == [f"{line}: {case['told']}"]


def test_all_faults_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    """Faults of all kinds together: a type, a lacking key, an unknown one, a reference, one hidden behind another."""
    text = GOOD
    cases = [case for case in load("settings.toml", "faults") if case.get("together")]
    assert len(cases) >= 6
    for case in cases:
        text = text.replace(case["was"], case["by"])
    told = faults(written(tmp_path, text))
    assert sorted(re.sub(r"^\d+: ", "", line) for line in told) == sorted(case["told"] for case in cases)
    numbers = [int(line.split(":")[0]) for line in told]
    assert numbers == sorted(numbers)


def test_a_reference_is_told_although_its_table_has_another_fault(tmp_path: Path) -> None:
    text = GOOD.replace('backend = "be01"', 'backend = "be02"\nzone = "dmz"\napprovals = 99')
    text = re.sub("approvals = 1 .*\n", "", text)
    told = "\n".join(faults(written(tmp_path, text)))
    assert "environments.prod-dmz.backend: there is no [hosts.be02]" in told
    assert "environments.prod-dmz.zone: needs a worker" in told
    assert "environments.prod-dmz.approvals: Input should be less than or equal to 10" in told


@pytest.mark.parametrize(
    "inline",
    ['"hunter2-secret"', '{ env = "A", file = "b", value = "hunter2-secret" }', '["hunter2-secret"]',
     '{ password = "hunter2-secret" }', '{ env = ["hunter2-secret"] }', '"""\nhunter2-secret"""'],
)  # fmt: skip
def test_a_secret_written_into_the_file_is_refused_and_not_repeated(inline: str, tmp_path: Path) -> None:
    text = GOOD.replace('{ env = "NPS_CORP_PASSWORD" }', inline)
    told = "\n".join(faults(written(tmp_path, text)))
    assert "credentials.corp.password" in told
    assert "hunter2" not in told


def test_a_password_in_an_address_is_refused_and_not_repeated(tmp_path: Path) -> None:
    text = GOOD.replace("https://be01", "https://svc:hunter2@be01")
    told = "\n".join(faults(written(tmp_path, text)))
    assert "hosts.be01.url: should carry no user and no password" in told
    assert "hunter2" not in told


def test_what_is_no_file_or_no_text_is_one_sentence(tmp_path: Path) -> None:
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\x80\x00\xff")
    invalid = written(tmp_path, "[slack\nchannel =")
    for path, said in [
        (tmp_path / "none.toml", "none.toml can't be read: No such file or directory. Name it with --config"),
        (tmp_path, "can't be read: Is a directory"),
        (binary, "binary.toml is not UTF-8 text. Save it as UTF-8."),
        (invalid, "nps.toml is not valid TOML: Expected ']' at the end of a table declaration (at line 1, column 7)."),
    ]:
        with pytest.raises(SettingsFault) as caught:
            settings.load(path)
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)


def test_secrets_are_read_when_asked_for_and_shown_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPS_CORP_PASSWORD", "hunter2")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/dmz").write_text("hünter3 \n", encoding="utf-8-sig")
    read = settings.load(written(tmp_path, GOOD))
    passwords = read.passwords()
    corp, dmz = passwords["corp"], passwords["dmz"]
    assert (corp.get_secret_value(), dmz.get_secret_value()) == ("hunter2", "hünter3 ")
    for shown in (repr(read), str(read), repr(passwords), str(read.public())):
        assert "hunter2" not in shown
        assert "hünter3" not in shown
    assert read.public()["credentials"]["corp"]["password"] == {
        "env": "NPS_CORP_PASSWORD", "file": None, "keyring": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "can't be read: No such file"), (b"", "is empty"), (b"\n", "is empty"), (b"\xff\xfe", "is not UTF-8 text")],
)
def test_a_secret_that_is_not_to_be_had_is_a_sentence(content: bytes | None, said: str, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    if content is not None:
        (tmp_path / "secrets/dmz").write_bytes(content)
    read = settings.load(written(tmp_path, GOOD))
    with pytest.raises(SettingsFault, match=said):
        read.passwords()


def test_an_unset_variable_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NPS_CORP_PASSWORD", raising=False)
    read = settings.load(written(tmp_path, GOOD))
    with pytest.raises(SettingsFault, match="NPS_CORP_PASSWORD is not set"):
        read.passwords()


def test_all_secrets_that_are_not_to_be_had_are_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NPS_CORP_PASSWORD", raising=False)
    with pytest.raises(SettingsFault) as caught:
        settings.load(written(tmp_path, GOOD)).passwords()
    corp, dmz = str(caught.value).splitlines()
    assert corp.startswith("[credentials.corp] password: The environment variable NPS_CORP_PASSWORD is not set.")
    assert dmz.startswith("[credentials.dmz] password: The secret file ")


LINES = """\
top = 1
[packages."9.3"]
file = "a.exe"
"quoted" = 2
source.staged = "x"

[hosts]
be01.url = "u"
be02 = { url = "v" }
[ environments . 'prod' ]  # a comment
backend = "be01"
[packages]  # after its own tables
"""


@pytest.mark.parametrize(
    ("where", "line"),
    [
        (("top",), 1), (("packages", "9.3"), 2), (("packages", "9.3", "file"), 3), (("packages", "9.3", "quoted"), 4),
        (("packages", "9.3", "source", "staged"), 5), (("packages", "9.3", "version"), 2),
        (("hosts", "be01", "url"), 8), (("hosts", "be02", "url"), 9), (("environments", "prod", "backend"), 11),
        (("environments", "prod", "x"), 10), (("nowhere",), 1),
    ],
)  # fmt: skip
def test_a_key_is_found_at_its_line_however_it_is_written(where: tuple[str, ...], line: int) -> None:
    assert line_of(LINES, where) == line


@pytest.mark.parametrize(
    "with_nobody",
    ['admins = []\napprovals = 2', "admins = []\nmay_run = []", 'may_run = ["ana"]\napprovers = []'],
)  # fmt: skip
def test_an_environment_whose_upgrades_nobody_may_approve_is_a_fault(with_nobody: str, tmp_path: Path) -> None:
    told = faults(written(tmp_path, f"{GOOD}\n{with_nobody}\n"))
    line = f"{GOOD}\n{with_nobody}".splitlines().index("approvers = []" if "approvers" in with_nobody else TEST) + 1
    assert told == [f"{line}: environments.test.approvers: nobody may approve its upgrades; name somebody there, in "
                    "may_run or in admins, or set approvals = 0."]  # fmt: skip


def test_without_any_admins_an_environment_needs_approvers_of_its_own(tmp_path: Path) -> None:
    text = GOOD.replace('admins = ["U0ANA"]\n', "")
    [told] = faults(written(tmp_path, text))
    assert "environments.test.approvers: nobody may approve" in told
    assert settings.load(written(tmp_path, text + "\napprovals = 0\n"))
    assert settings.load(written(tmp_path, text + '\nmay_run = ["S0OPS"]\n'))


def test_every_setting_is_used() -> None:
    bot = Path(settings.__file__).parents[1]
    code = "".join(path.read_text(encoding="utf-8") for path in bot.rglob("*.py"))
    sections = set(Section.__subclasses__()) - {Person}  # its accounts are looked up by their side
    fields = {name for section in sections for name in section.model_fields}
    assert {"approvals", "dcom_backend"} <= fields
    assert sorted(name for name in fields if f".{name}" not in code) == []


def test_the_settings_can_not_be_changed(tmp_path: Path) -> None:
    read: Any = settings.load(written(tmp_path, GOOD))
    with pytest.raises(ValueError, match="frozen"):
        read.environments["prod-dmz"].approvals = 0
