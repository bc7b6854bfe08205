"""What is generated from the commands' table agrees with it: the manifest of the Slack app, and help."""

import json
import re
from pathlib import Path

import pytest

from bot.commands import TABLE, help_text
from bot.slack.manifest import manifest

BOT = Path(__file__).parents[1] / "bot"
SCOPE = {
    "chat.postMessage": {"chat:write"}, "chat.update": {"chat:write"}, "chat.postEphemeral": {"chat:write"},
    "chat.getPermalink": set(), "views.open": set(),
    "views.publish": set(), "member_joined_channel": {"channels:read", "groups:read"}, "app_home_opened": set(),
    "conversations.info": {"channels:read", "groups:read"},
    "conversations.replies": {"channels:history", "groups:history"},
    "conversations.history": {"channels:history", "groups:history"}, "usergroups.users.list": {"usergroups:read"},
    "/nps": {"commands"},
}  # fmt: skip
"""What Slack's reference asks for by method; the history methods for public and private channels."""


def called() -> set[str]:
    """Slack's methods that bot/slack names, as text or as a method of the client."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted((BOT / "slack").glob("*.py")))
    known = r"(chat|views|conversations|usergroups|users|reactions|files|bookmarks|pins)"
    named = {found[0] for found in re.findall(rf"\"({known}\.[a-zA-Z.]+)\"", text)}
    python = {found[0] for found in re.findall(rf"\.({known}_[a-zA-Z_]+)\(", text)}
    return named | {name.replace("_", ".") for name in python}


def subscribed() -> set[str]:
    return set(manifest()["settings"]["event_subscriptions"]["bot_events"])


def test_the_manifest_subscribes_to_the_events_that_the_bot_listens_to_and_no_others() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted((BOT / "slack").glob("*.py")))
    assert subscribed() == set(re.findall(r"\.event\(\"([a-z_]+)\"\)", text))
    assert manifest()["features"]["app_home"]["home_tab_enabled"] is True


def test_the_readme_says_what_each_scope_and_event_is_for() -> None:
    readme = (BOT.parent / "README.md").read_text(encoding="utf-8")
    wanted = {*manifest()["oauth_config"]["scopes"]["bot"], *subscribed()}
    assert {name for name in wanted if f"`{name}`" not in readme} == set()


def test_the_manifest_asks_for_the_scopes_that_the_bot_uses_and_no_others() -> None:
    unknown = {name for name in called() if name.lower() not in {known.lower() for known in SCOPE}}
    assert unknown == set()
    used = {
        method for method in SCOPE if method.lower() in {name.lower() for name in called()} | {"/nps", *subscribed()}
    }
    assert set(manifest()["oauth_config"]["scopes"]["bot"]) == set().union(*(SCOPE[method] for method in used))


def test_the_manifest_has_the_one_command_and_its_words() -> None:
    (command,) = manifest()["features"]["slash_commands"]
    assert command["command"] == "/nps"
    assert command["usage_hint"].split(" | ") == [usage.word for usage in TABLE]
    assert command["should_escape"] is True, "the grammar undoes it"


def test_the_manifest_is_json_within_slacks_limits() -> None:
    made = manifest()
    assert json.loads(json.dumps(made)) == made
    assert len(made["display_information"]["name"]) <= 35
    assert len(made["display_information"]["description"]) <= 140
    assert len(made["features"]["bot_user"]["display_name"]) <= 80
    (command,) = made["features"]["slash_commands"]
    assert len(command["usage_hint"]) <= 1000
    assert len(command["description"]) <= 2000


def test_the_bot_needs_no_address_that_slack_could_reach() -> None:
    made = manifest()["settings"]
    assert made["socket_mode_enabled"] is True
    assert made["interactivity"] == {"is_enabled": True}
    assert "http" not in json.dumps(manifest())


@pytest.mark.parametrize("usage", TABLE, ids=lambda usage: usage.word)
def test_help_fits_a_phone(usage) -> None:  # type: ignore[no-untyped-def]
    assert len(usage.line) <= 60
    assert len(usage.summary) <= 80
    assert not usage.summary.endswith(".")
    assert len(help_text(usage.word).splitlines()) <= 4
