"""The Slack app's manifest, from the same table as the commands."""

from typing import Any

from bot.commands import TABLE

SCOPES = (
    "chat:write", "commands", "channels:history", "groups:history", "usergroups:read", "channels:read", "groups:read",
)  # fmt: skip
EVENTS = ("app_home_opened", "member_joined_channel")


def manifest() -> dict[str, Any]:
    """What to paste at Slack's "create an app from a manifest"; history scopes serve the read-back after a lost
    answer only, read scopes tell that the app was added to a channel, and who else reads one."""
    hint = " | ".join(usage.word for usage in TABLE)
    return {
        "display_information": {
            "name": "nps-bot", "description": "Upgrades Netwrix Password Secure servers, step by step",
        },
        "features": {
            "app_home": {"home_tab_enabled": True, "messages_tab_enabled": False},
            "bot_user": {"display_name": "nps-bot", "always_online": True},
            "slash_commands": [
                {
                    "command": "/nps", "description": "Netwrix Password Secure upgrades", "usage_hint": hint,
                    "should_escape": True,
                }
            ],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": {"bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": True}, "socket_mode_enabled": True, "token_rotation_enabled": False,
            "org_deploy_enabled": False,
        },
    }  # fmt: skip
