"""A pretend Slack: a server that slack_sdk and slack_bolt take for the real one, and a page to look at it."""

from .model import Call, Channel, Ephemeral, Group, Message, Person, View
from .pretend import PretendSlack

__all__ = ["Call", "Channel", "Ephemeral", "Group", "Message", "Person", "PretendSlack", "View"]
