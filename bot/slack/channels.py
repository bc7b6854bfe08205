"""Keeps fresh whether another organisation reads along in the channels where runs are told; policy refuses them to
production, and what is not known for a day too."""

import logging
from collections.abc import Mapping
from typing import Any

from slack_sdk import WebClient

from bot.audit import Audit
from bot.settings import Settings
from bot.slack.keeping import Keeper

COMPLAINT = (
    "Whether channel %s is shared with another organisation could not be read (%s); what is marked production is "
    "refused there after a day."
)
EVERY = 600.0
log = logging.getLogger("nps.slack")


def named_channels(settings: Settings) -> dict[str, list[str]]:
    """Each channel where runs are told, with the production environments that are told there."""
    found: dict[str, list[str]] = {}
    for name, env in settings.environments.items():
        if channel := settings.channel(name):
            found.setdefault(channel, [])
            found[channel] += [name] if env.production else []
    return found


def is_shared(about: Mapping[str, Any]) -> bool:
    """Whether another organisation reads along, or is invited to."""
    return bool(about.get("is_ext_shared") or about.get("is_pending_ext_shared"))


def channels(audit: Audit, settings: Settings, client: WebClient) -> Keeper:
    """A shared one is said once a start."""
    named = named_channels(settings)
    told: set[str] = set()

    def read(channel: str) -> None:
        about = client.conversations_info(channel=channel)["channel"]
        shared = is_shared(about)
        audit.set_channel(channel, shared)
        if shared and channel not in told:
            told.add(channel)
            refused = f"requests for {', '.join(named[channel])} are refused" if named[channel] else "be careful"
            log.warning("Another organisation reads along in channel %s, or is invited to: %s.", channel, refused)

    return Keeper(named, read, COMPLAINT, EVERY)
