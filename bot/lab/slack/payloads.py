"""What Slack sends to the bot when a person does something: the payloads inside the envelopes. Pure but for the ids."""

from dataclasses import dataclass
from typing import Any

from .model import APP, BOT_USER, COMMAND, DOMAIN, TEAM, Channel, Ephemeral, Json, Message, Person, View
from .shape import message_json, team_json
from .workspace import Workspace

VERIFICATION = "lab-verification"
KEPT = ("type", "action_id", "text", "value", "style")
INSTALLED = {"enterprise": None, "is_enterprise_install": False}


@dataclass(frozen=True, kw_only=True)
class Pressed:
    """An element as it was when the person used it, with the block it was in and what it now says."""

    block: Json
    element: Json
    value: Json
    state: Json


def escaped(text: str) -> str:
    """Slack escapes three characters in what a person typed."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def command(person: Person, channel: Channel, text: str, trigger: str, response_url: str) -> Json:
    """Of a slash command."""
    return {
        "token": VERIFICATION,
        "team_id": person.team,
        "team_domain": DOMAIN,
        "channel_id": channel.id,
        "channel_name": channel.name,
        "user_id": person.id,
        "user_name": person.name,
        "command": COMMAND,
        "text": escaped(text),
        "api_app_id": APP,
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": trigger,
    }


def _interaction(kind: str, person: Person) -> Json:
    user = {"id": person.id, "username": person.name, "name": person.name, "team_id": person.team}
    return {"type": kind, "user": user, "api_app_id": APP, "token": VERIFICATION, "team": team_json(), **INSTALLED}


def _action(pressed: Pressed, action_ts: str) -> Json:
    kept: Json = {key: pressed.element[key] for key in KEPT if key in pressed.element}
    return {**kept, "block_id": pressed.block["block_id"], **pressed.value, "action_ts": action_ts}


def message_press(
    person: Person, channel: Channel, message: Message | Ephemeral, pressed: Pressed, workspace: Workspace
) -> Json:
    """Of a press in a message; Slack sends along the message as it was shown, but not an ephemeral one."""
    is_ephemeral = isinstance(message, Ephemeral)
    container: Json = {"type": "message", "message_ts": message.ts, "channel_id": channel.id}
    container["is_ephemeral"] = is_ephemeral
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    payload = _interaction("block_actions", person) | {
        "container": container,
        "channel": {"id": channel.id, "name": channel.name},
        "state": {"values": pressed.state},
        "actions": [_action(pressed, workspace.new_ts())],
    }
    return payload | ({} if isinstance(message, Ephemeral) else {"message": message_json(message, workspace)})


def view_press(person: Person, view: View, pressed: Pressed, action_ts: str) -> Json:
    """Of a press in a modal or a home."""
    return _interaction("block_actions", person) | {
        "container": {"type": "view", "view_id": view.id},
        "view": with_state(view, pressed.state),
        "actions": [_action(pressed, action_ts)],
    }


def submission(person: Person, view: View, state: Json) -> Json:
    """Of a modal's submit button."""
    return _interaction("view_submission", person) | {"view": with_state(view, state), "response_urls": []}


def closed(person: Person, view: View) -> Json:
    """Of a modal that was closed without submitting it."""
    return _interaction("view_closed", person) | {"view": view.body, "is_cleared": False}


def with_state(view: View, state: Json) -> Json:
    """The view with what the person has entered so far."""
    return {**view.body, "state": {"values": state}}


def event(kind: str, about: Json, event_id: str, at: float, event_ts: str) -> Json:
    """Of the Events API."""
    authorization = {"enterprise_id": None, "team_id": TEAM, "user_id": BOT_USER, "is_bot": True}
    return {
        "token": VERIFICATION,
        "team_id": TEAM,
        "api_app_id": APP,
        "event": {"type": kind, **about, "event_ts": event_ts},
        "type": "event_callback",
        "event_id": event_id,
        "event_time": int(at),
        "authorizations": [{**authorization, "is_enterprise_install": False}],
        "is_ext_shared_channel": False,
        "event_context": f"4-{event_id}",
    }


def chosen(element: Json, wanted: str) -> Json:
    """What an element says once the person has typed, or picked the option of that value or label."""
    kind = element["type"]
    if kind == "button":
        return {}
    if kind not in ("static_select", "radio_buttons", "overflow"):
        return {"type": kind, "value": wanted or None}
    options: list[Any] = element.get("options", [])
    for option in options:
        if wanted in (option["value"], option["text"]["text"]):
            return {"type": kind, "selected_option": option}
    if not wanted:
        return {"type": kind, "selected_option": element.get("initial_option")}
    raise LookupError(f"{element['action_id']} has no option {wanted!r}; it has {[o['value'] for o in options]}")
