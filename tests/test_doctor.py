"""`nps doctor`: what is wrong, a line each, with nothing changed and no account locked."""

import base64
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from certs import Authority
from replaying import replaying

from bot.doctor import Finding, examine
from bot.lab.demo import PASSWORD, Lab
from bot.lab.windows import OLD_VERSION
from bot.windows.facts import Query
from bot.windows.host import Host
from bot.windows.recording import Recording, load
from bot.windows.states import EXECUTABLE

STREAM = re.compile(r":Stream [^>]*>([^<]+)<")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    with Lab(tmp_path) as lab:
        for name, value in lab.environment.items():
            monkeypatch.setenv(name, value)
        yield lab


def found(lab: Lab, about: str = "") -> list[Finding]:
    return [one for one in examine(lab.folder / "nps.toml") if about in ("", one.about)]


def told(lab: Lab, about: str) -> tuple[str, str]:
    [one] = found(lab, about)
    return one.kind, f"{one.sentence} {one.next_move}".strip()


def edit(lab: Lab, was: str, by: str) -> None:
    path = lab.folder / "nps.toml"
    text = path.read_text(encoding="utf-8")
    assert was in text
    path.write_text(text.replace(was, by), encoding="utf-8")


def test_where_all_is_well_each_line_says_what_was_found(lab: Lab) -> None:
    lines = [one.shown() for one in found(lab)]
    assert lines == [
        "ok     nps.toml: no fault. Hosts: be01, fe01.",
        *Finding(kind="ok", about="data folder", sentence=f"{lab.folder}/var. No bot runs on it.").shown().split("\0"),
        "ok     Slack: the bot is nps in Lab.",
        "ok     channel C0OPS: #ops, read by this workspace alone.",
        "ok     user group S0LEADS: 2 members.",
        "ok     be01: BE01 by ntlm, PowerShell 5.1.20348.2849, PRMService 9.2.0.0.",
        "ok     fe01: FE01 by ntlm, PowerShell 5.1.20348.2849, PRMService 9.2.0.0.",
    ]


def test_nothing_is_changed_and_no_shell_is_left(lab: Lab) -> None:
    before = sorted(lab.folder.rglob("*"))
    found(lab)
    assert sorted(lab.folder.rglob("*")) == before
    for server in (lab.backend, lab.frontend):
        assert server.counts == {}
        assert server.requests["Create"] == server.requests["Delete"] == 1
    assert lab.slack.all_messages() == []


def test_a_wrong_password_is_tried_once_on_one_host_alone(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPS_LAB_PASSWORD", "not-it-at-all")
    lines = {one.about: one for one in found(lab)}
    assert (lines["be01"].kind, lines["be01"].sentence) == ("wrong", "be01 refused the login.")
    assert lines["fe01"].sentence == (
        "fe01 was not asked, for be01 refused the credential lab: more tries could lock it."
    )
    assert (lab.backend.refused_logins, lab.frontend.refused_logins) == (1, 0)
    assert not any("not-it-at-all" in one.shown() for one in lines.values())


def test_hosts_are_told_each_by_itself(lab: Lab) -> None:
    edit(lab, lab.frontend.url, "http://127.0.0.1:1/wsman")
    assert told(lab, "fe01")[1].startswith("fe01 can't be reached at http://127.0.0.1:1/wsman: nobody listens there.")
    assert told(lab, "be01")[0] == "ok"
    edit(lab, "http://127.0.0.1:1/wsman", "https://fe01.nowhere.invalid:5986/wsman")
    assert "The name in https://fe01.nowhere.invalid:5986/wsman is not known here." in told(lab, "fe01")[1]


def test_a_backend_that_is_away_hides_nothing_of_its_frontend(lab: Lab) -> None:
    edit(lab, lab.backend.url, "http://127.0.0.1:1/wsman")
    lab.frontend.change(admin=False)
    assert "nobody listens there" in told(lab, "be01")[1]
    assert told(lab, "fe01")[1].startswith("the bot's account is no administrator there. Put it into")


def test_what_stands_in_the_way_of_an_upgrade_is_wrong_and_what_people_may_judge_is_a_note(lab: Lab) -> None:
    lab.backend.change(service=None, reboot_due=("a file rename",))
    lab.backend.change_clock(timedelta(minutes=9))
    lab.frontend.change(package=None)
    kinds = {(one.kind, one.sentence) for one in found(lab, "be01")}
    assert ("wrong", "the product's service was not found there.") in kinds
    assert ("note", "a restart is due there (a file rename).") in kinds
    [clock] = [kind for kind, sentence in kinds if "ahead of the bot's" in sentence]
    assert clock == "note"
    assert told(lab, "fe01")[1].startswith(r"the installer D:\stage\prm_setup.exe is not there.")


def test_an_installer_of_another_hash_is_wrong(lab: Lab) -> None:
    package = lab.frontend.facts.package
    assert package
    lab.frontend.change(package=package.model_copy(update={"sha256": "ab" * 32}))
    assert told(lab, "fe01") == (
        "wrong", r"D:\stage\prm_setup.exe is not the file whose sha256 nps.toml has. Put the right file there."
    )  # fmt: skip


def test_a_secret_that_is_not_to_be_had_is_told_and_its_hosts_are_not_asked(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NPS_LAB_PASSWORD")
    assert told(lab, "[credentials.lab]")[1].startswith("The environment variable NPS_LAB_PASSWORD is not set.")
    assert told(lab, "be01") == ("wrong", "not asked, for lab is not to be had.")
    assert lab.backend.requests == {}


def test_a_secret_that_everybody_may_read_is_a_note(lab: Lab) -> None:
    secret = lab.folder / "secret"
    secret.write_text(PASSWORD, encoding="utf-8")
    edit(lab, '{ env = "NPS_LAB_PASSWORD" }', '{ file = "secret" }')
    secret.chmod(0o644)
    assert told(lab, "[credentials.lab]") == (
        "note", f"everybody on this machine may read {secret}. chmod 600 {secret}"
    )  # fmt: skip
    secret.chmod(0o600)
    assert found(lab, "[credentials.lab]") == []


def test_a_secret_that_can_not_even_be_looked_at_hides_nothing_else(lab: Lab) -> None:
    edit(lab, '{ env = "NPS_LAB_PASSWORD" }', f'{{ file = "{"x" * 300}" }}')
    assert told(lab, "[credentials.lab]")[0] == "wrong"
    assert told(lab, "be01") == ("wrong", "not asked, for lab is not to be had.")


def test_tls_that_proves_nothing_is_told_as_what_it_is(lab: Lab) -> None:
    authority = Authority(lab.folder / "ca")
    edit(lab, f'url = "{lab.frontend.url}"', f'url = "{lab.frontend.url.replace("http:", "https:")}"\nca = "ca/ca.pem"')
    assert authority.pem.exists()
    assert "what answers there does not speak TLS. Look at the port in url" in told(lab, "fe01")[1]


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("SLACK_BOT_TOKEN", "", "SLACK_BOT_TOKEN is not set, but the other Slack token is."),
        ("SLACK_BOT_TOKEN", "xapp-1-x", "SLACK_BOT_TOKEN does not begin with xoxb-."),
        ("SLACK_BOT_TOKEN", "xoxb-of-nobody", "it does not take SLACK_BOT_TOKEN: invalid_auth."),
        ("SLACK_API_URL", "http://127.0.0.1:1/api/", "http://127.0.0.1:1/api/ can't be reached"),
    ],
)
def test_what_is_wrong_with_slack_is_a_line(
    variable: str, value: str, said: str, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    kind, sentence = told(lab, "Slack")
    assert kind == "wrong"
    assert sentence.startswith(said)
    assert "of-nobody" not in sentence


def test_channels_that_others_read_or_the_bot_is_not_in_are_told(lab: Lab) -> None:
    lab.slack.share("ops", pending=True)
    assert told(lab, "channel C0OPS") == ("ok", "#ops. Another organisation reads along there, or is invited to.")
    edit(lab, "approvers = ", "production = true\napprovers = ")
    kind, sentence = told(lab, "channel C0OPS")
    assert (kind, "prod-dmz is marked production. Unshare it" in sentence) == ("wrong", True)
    edit(lab, 'channel = "C0OPS"', 'channel = "C0GONE"')
    kind, sentence = told(lab, "channel C0GONE")
    assert (kind, "channel_not_found. Is C0GONE right? Invite @nps-bot" in sentence) == ("wrong", True)
    ops = lab.slack.workspace.channels["C0OPS"]
    lab.slack.workspace.channels["C0GONE"] = replace(ops, id="C0GONE", has_bot=False)
    assert told(lab, "channel C0GONE") == ("wrong", "nps-bot is not in #ops. Type there: /invite @nps-bot")


def test_a_group_that_cannot_be_read_is_told(lab: Lab) -> None:
    lab.slack.missing_scope("usergroups.users.list", needed="usergroups:read")
    kind, sentence = told(lab, "user group S0LEADS")
    assert (kind, "missing_scope. The app needs usergroups:read" in sentence) == ("wrong", True)


def test_without_tokens_slack_is_a_note(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    monkeypatch.delenv("SLACK_APP_TOKEN")
    assert told(lab, "Slack") == ("note", "no tokens are set, so the terminal alone is served.")


def test_a_faulty_file_is_told_line_by_line_and_nobody_is_asked(lab: Lab) -> None:
    edit(lab, 'backend = "be01"', 'backend = "be02"')
    edit(lab, 'auth = "ntlm"', 'auth = "digest"')
    assert [one.about for one in found(lab)] == ["nps.toml"] * 3
    assert lab.backend.requests == {}


def test_a_data_folder_that_is_a_file_is_wrong(lab: Lab) -> None:
    (lab.folder / "var").write_text("", encoding="utf-8")
    assert told(lab, "data folder")[0] == "wrong"


def test_no_line_is_longer_than_eighty_columns(lab: Lab) -> None:
    lab.backend.change(admin=False, reboot_due=("x" * 30, "a file rename"))
    lines = [line for one in found(lab) for line in one.shown().splitlines()]
    assert max(len(line) for line in lines) <= 80


def test_a_recording_is_kept_without_secrets_and_tells_the_same_again(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "recorded.jsonl"
    *_, last = examine(lab.folder / "nps.toml", Recording(path, names=False))
    kept = load(path)
    assert last.sentence.startswith(f"{len(kept)} answers are in {path}")
    said = "".join(base64.b64decode(text).decode() for one in kept for text in STREAM.findall(f"{one}"))
    assert f'"version": "{OLD_VERSION}"' in said
    assert [word for word in (PASSWORD, "svc-nps", "BE01", "fe01") if word in said + str(kept)] == []
    with replaying(kept) as replay:
        for _ in ("be01", "fe01"):
            host = Host(replay.login)
            assert host.observe(Query()).version(EXECUTABLE) == OLD_VERSION
            host.close()
