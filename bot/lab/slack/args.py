"""The arguments of a Web API request, whether they came as a form or as JSON. Pure."""

import json
from typing import Any

from .model import Json, SlackError


def text(args: Json, name: str) -> str:
    """The argument as a string, empty when left out."""
    value = args.get(name)
    return "" if value is None else str(value)


def needed(args: Json, name: str, error: str = "invalid_arguments") -> str:
    """An argument that must be there."""
    value = text(args, name)
    if not value:
        messages = [f"[ERROR] missing required field: {name}"]
        raise SlackError(error, response_metadata={"messages": messages})
    return value


def flag(args: Json, name: str) -> bool:
    """A boolean in any of the ways Slack takes one."""
    return text(args, name).lower() in ("1", "true")


def number(args: Json, name: str, default: int, at_most: int) -> int:
    """A count within Slack's bounds."""
    value = text(args, name)
    if value and not value.isdecimal():
        raise SlackError("invalid_limit")
    return max(1, min(int(value), at_most)) if value else default


def structure(args: Json, name: str, error: str) -> Any:
    """A nested argument, which a form carries as JSON text."""
    value = args.get(name)
    if not isinstance(value, str):
        return value
    if not value:
        return None
    try:
        return json.loads(value)
    except ValueError:
        raise SlackError(error) from None
