"""What the bot keeps fresh of Slack: members of groups, shared channels, and whose the bot is."""

import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cases import FOLDER

from bot.audit import Audit
from bot.lab.slack import PretendSlack
from bot.settings import Settings, load
from bot.slack.channels import channels
from bot.slack.groups import groups
from bot.slack.keeping import Keeper
from bot.slack.listeners import client
from bot.slack.own_team import OwnTeam


@pytest.fixture
def slack() -> Iterator[PretendSlack]:
    with PretendSlack() as slack:
        yield slack


@pytest.fixture
def audit(tmp_path: Path) -> Iterator[Audit]:
    with closing(Audit(tmp_path / "audit.sqlite")) as audit:
        yield audit


def web(slack: PretendSlack) -> Any:
    return client(slack.bot_token, slack.api_url)


def named(**environment: Any) -> Settings:
    read = load(FOLDER / "nps.toml")
    prod = read.environments["prod-dmz"].model_copy(update=environment)
    return read.model_copy(update={"environments": {"prod-dmz": prod}})


# --- groups ----------------------------------------------------------------------------------------------------------


def test_members_are_read_once_and_then_kept(slack: PretendSlack, audit: Audit) -> None:
    keeper = groups(audit, named(), web(slack))
    for _ in range(3):
        keeper.refresh()
    assert {name: members for name, (members, _) in audit.groups().items()} == {
        "S0LEADS": {"U0BEN", "U0CHRIS"}, "S0OPS": {"U0ANA", "U0BEN", "U0CHRIS"},
    }  # fmt: skip
    assert len(slack.calls("usergroups.users.list")) == 2


def test_a_group_that_is_gone_has_no_members_and_others_are_read(slack: PretendSlack, audit: Audit) -> None:
    audit.set_groups({"S0GONE": ["U0ANA"], "S0OPS": ["U0EVA"]})
    groups(audit, named(may_run=("S0GONE", "S0OPS")), web(slack)).refresh()
    found = audit.groups()
    assert found["S0GONE"][0] == frozenset()
    assert "U0ANA" in found["S0OPS"][0]


@pytest.mark.parametrize("error", ["missing_scope", "plan_upgrade_required"])
def test_members_of_a_group_that_cannot_be_read_stay_as_old_as_they_are(
    error: str, slack: PretendSlack, audit: Audit, caplog: pytest.LogCaptureFixture
) -> None:
    audit.set_groups({"S0OPS": ["U0EVA"]})
    before = audit.groups()["S0OPS"]
    slack.faults.answers["usergroups.users.list"] = {"error": error}
    keeper = groups(audit, named(), web(slack))
    with caplog.at_level(logging.WARNING, "nps.slack"):
        keeper.refresh()
        keeper.refresh()
    assert audit.groups()["S0OPS"] == before
    assert caplog.text.count(f"S0OPS could not be read ({error})") == 1


def test_each_name_is_read_again_when_it_is_due() -> None:
    read: list[str] = []
    often, seldom = Keeper(["a", "b"], read.append, "", every=0.0), Keeper(["c"], read.append, "")
    for _ in range(2):
        often.refresh()
        seldom.refresh()
    assert read == ["a", "b", "c", "a", "b"]


def test_a_group_that_slack_asks_to_wait_for_is_read_then(slack: PretendSlack, audit: Audit) -> None:
    slack.rate_limit("usergroups.users.list", times=2, retry_after=0)
    keeper = groups(audit, named(), web(slack))
    keeper.refresh()
    assert audit.groups() == {}
    keeper.refresh()
    assert set(audit.groups()) == {"S0LEADS", "S0OPS"}


# --- channels --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pending", [False, True])
def test_a_shared_channel_is_known_and_said_once(
    pending: bool, slack: PretendSlack, audit: Audit, caplog: pytest.LogCaptureFixture
) -> None:
    slack.share("ops", pending=pending)
    keeper = channels(audit, named(production=True), web(slack))
    with caplog.at_level(logging.WARNING, "nps.slack"):
        keeper.refresh()
        keeper.refresh()
    assert audit.channels()["C0OPS"][0]
    assert caplog.text.count("requests for prod-dmz are refused") == 1
    slack.unshare("ops")
    channels(audit, named(), web(slack)).refresh()
    assert not audit.channels()["C0OPS"][0]


def test_a_channel_that_cannot_be_read_stays_unknown(
    slack: PretendSlack, audit: Audit, caplog: pytest.LogCaptureFixture
) -> None:
    slack.missing_scope("conversations.info", needed="channels:read")
    with caplog.at_level(logging.WARNING, "nps.slack"):
        channels(audit, named(production=True), web(slack)).refresh()
    assert audit.channels() == {}
    assert "channel C0OPS is shared" in caplog.text


# --- whose the bot is ------------------------------------------------------------------------------------------------

HOME: dict[str, Any] = {"user": {"id": "U0ANA", "team_id": "T0LAB"}, "team": {"id": "T0LAB"}}


def pressed(theirs: str | None, home: str = "T0LAB", **more: Any) -> dict[str, Any]:
    return {"user": {"id": "U0X", "team_id": theirs}, "team": {"id": home}} | more


GRID = {"team": {"id": "T0LAB", "enterprise_id": "E0CORP"}}
THEIR_VIEW = {"view": {"app_installed_team_id": "T0LAB"}, "team": {"id": "T0OTHER"}}
CASES = [
    (HOME, False),
    (pressed("T0OTHER"), True),
    (pressed(None), True),
    ({"user": {"id": "U0X"}}, True),
    (pressed("T0LAB", user={"id": "U0X", "team_id": "T0LAB", "is_stranger": True}), True),
    (pressed("T0LAB", view={"app_installed_team_id": "T0LAB"}), False),
    (pressed("T0OTHER", **THEIR_VIEW), True),
    ({"user_id": "U0ANA", "team_id": "T0LAB"}, False),
]


@pytest.mark.parametrize(("body", "is_stranger"), CASES)
def test_a_stranger_is_known_by_the_payload_before_and_after_slack_has_told_whose_the_bot_is(
    body: dict[str, Any], is_stranger: bool, slack: PretendSlack
) -> None:
    team = OwnTeam(web(slack))
    assert team.is_stranger(body) == is_stranger
    team.keeper.refresh()
    assert team.is_stranger(body) == is_stranger


def test_in_an_organisation_of_many_workspaces_the_organisation_counts(slack: PretendSlack) -> None:
    assert not OwnTeam(web(slack)).is_stranger(pressed("E0CORP", **GRID))
    assert OwnTeam(web(slack)).is_stranger(pressed("E0OTHER", **GRID))


def test_what_slack_has_told_counts_more_than_what_a_payload_says(slack: PretendSlack) -> None:
    team = OwnTeam(web(slack))
    forged = pressed("T0OTHER", home="T0OTHER")
    assert not team.is_stranger(forged)
    team.keeper.refresh()
    assert team.is_stranger(forged)
    assert team.is_stranger({"user_id": "U0X", "team_id": "T0OTHER"})


def test_without_an_answer_the_payload_is_believed(slack: PretendSlack) -> None:
    slack.unknown_method("auth.test")
    team = OwnTeam(web(slack))
    team.keeper.refresh()
    assert [team.is_stranger(body) for body, _ in CASES] == [stranger for _, stranger in CASES]
    assert slack.calls("auth.test")[0].error == "unknown_method"
