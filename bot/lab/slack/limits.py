"""Slack's limits on blocks and views, told in Slack's own way: a list of faults, each with its JSON pointer. Pure."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .model import Json

Faults = Iterator[str]
Check = Callable[[Json, str], Faults]

CHECKED: dict[str, Check] = {}
ELEMENT_TYPES = {
    "button", "checkboxes", "datepicker", "datetimepicker", "timepicker", "overflow", "radio_buttons", "static_select",
    "multi_static_select", "users_select", "conversations_select", "channels_select", "plain_text_input", "image",
    "email_text_input", "url_text_input", "number_input", "workflow_button", "icon_button", "feedback_buttons",
}  # fmt: skip
UNCHECKED = {
    "alert", "call", "card", "carousel", "container", "context_actions", "data_table", "data_visualization", "file",
    "plan", "rich_text", "table", "task_card", "video",
}  # fmt: skip


def block_faults(blocks: Sequence[Any], *, at_most: int, missing: frozenset[str] = frozenset()) -> list[str]:
    """All that Slack would refuse in these blocks; `missing` are types this workspace does not know."""
    return list(_all_faults(blocks, at_most, missing))


def characters(blocks: Sequence[Any]) -> int:
    """How many characters the strings of the blocks hold, which Slack bounds for a message as a whole."""
    return sum(_length(block) for block in blocks)


def view_faults(view: Json) -> list[str]:
    """All that Slack would refuse in a modal or a home, its blocks aside."""
    return list(_view_faults(view))


def _all_faults(blocks: Sequence[Any], at_most: int, missing: frozenset[str]) -> Faults:
    if len(blocks) > at_most:
        yield _fault(f"no more than {at_most} items allowed", "/blocks")
    seen: set[str] = set()
    for number, block in enumerate(blocks):
        where = f"/blocks/{number}"
        yield from _one(block, where, missing)
        block_id = block.get("block_id") if isinstance(block, dict) else None
        if isinstance(block_id, str):
            if block_id in seen:
                yield _fault(f"`block_id` {block_id} already exists", f"{where}/block_id")
            seen.add(block_id)


def _one(block: Any, where: str, missing: frozenset[str]) -> Faults:
    if not isinstance(block, dict):
        yield _fault("must be an object", where)
        return
    kind = block.get("type")
    if not isinstance(kind, str) or kind in missing or kind not in CHECKED.keys() | UNCHECKED:
        yield _fault(f"unsupported type: {kind}", f"{where}/type")
        return
    yield from _string(block.get("block_id", "-"), 255, f"{where}/block_id")
    if kind in CHECKED:
        yield from CHECKED[kind](block, where)


def _checks(kind: str) -> Callable[[Check], Check]:
    def register(check: Check) -> Check:
        CHECKED[kind] = check
        return check

    return register


@_checks("section")
def _section(block: Json, where: str) -> Faults:
    if "text" not in block and not block.get("fields"):
        yield _fault("must provide text or fields", where)
    if "text" in block:
        yield from _text(block["text"], 3000, f"{where}/text")
    yield from _list(block.get("fields", []), 10, f"{where}/fields")
    for number, item in enumerate(_items(block.get("fields"))):
        yield from _text(item, 2000, f"{where}/fields/{number}")
    if "accessory" in block:
        yield from _element(block["accessory"], f"{where}/accessory")


@_checks("header")
def _header(block: Json, where: str) -> Faults:
    yield from _text(block.get("text"), 150, f"{where}/text", plain=True)


@_checks("divider")
def _divider(_block: Json, _where: str) -> Faults:
    return iter(())


@_checks("markdown")
def _markdown(block: Json, where: str) -> Faults:
    yield from _string(block.get("text"), 12000, f"{where}/text")


@_checks("image")
def _image(block: Json, where: str) -> Faults:
    yield from _string(block.get("image_url", "-"), 3000, f"{where}/image_url")
    yield from _string(block.get("alt_text"), 2000, f"{where}/alt_text")


@_checks("context")
def _context(block: Json, where: str) -> Faults:
    inner = block.get("elements")
    yield from _list(inner, 10, f"{where}/elements", at_least=1)
    for number, item in enumerate(_items(inner)):
        if isinstance(item, dict) and item.get("type") == "image":
            yield from _image(item, f"{where}/elements/{number}")
        else:
            yield from _text(item, 3000, f"{where}/elements/{number}")


@_checks("actions")
def _actions(block: Json, where: str) -> Faults:
    inner = block.get("elements")
    yield from _list(inner, 25, f"{where}/elements", at_least=1)
    seen: set[str] = set()
    for number, item in enumerate(_items(inner)):
        yield from _element(item, f"{where}/elements/{number}")
        action = item.get("action_id") if isinstance(item, dict) else None
        if isinstance(action, str):
            if action in seen:
                yield _fault(f"`action_id` {action} already exists", f"{where}/elements/{number}/action_id")
            seen.add(action)


@_checks("input")
def _input(block: Json, where: str) -> Faults:
    yield from _text(block.get("label"), 2000, f"{where}/label", plain=True)
    if "hint" in block:
        yield from _text(block["hint"], 2000, f"{where}/hint", plain=True)
    yield from _element(block.get("element"), f"{where}/element")


def _element(item: Any, where: str) -> Faults:
    if not isinstance(item, dict) or item.get("type") not in ELEMENT_TYPES:
        yield _fault(f"unsupported type: {item.get('type') if isinstance(item, dict) else item}", f"{where}/type")
        return
    yield from _string(item.get("action_id", "-"), 255, f"{where}/action_id")
    if item["type"] == "button":
        yield from _button(item, where)
    if "placeholder" in item:
        yield from _text(item["placeholder"], 150, f"{where}/placeholder", plain=True)
    if "confirm" in item:
        yield from _confirm(item["confirm"], f"{where}/confirm")
    for number, option in enumerate(_items(item.get("options"))):
        yield from _option(option, f"{where}/options/{number}")


def _option(item: Any, where: str) -> Faults:
    if not isinstance(item, dict):
        yield _fault("must be an object", where)
        return
    yield from _text(item.get("text"), 75, f"{where}/text")
    yield from _string(item.get("value"), 150, f"{where}/value")


def _button(item: Json, where: str) -> Faults:
    yield from _text(item.get("text"), 75, f"{where}/text", plain=True)
    yield from _string(item.get("value", "-"), 2000, f"{where}/value")
    yield from _string(item.get("url", "-"), 3000, f"{where}/url")
    yield from _string(item.get("accessibility_label", "-"), 75, f"{where}/accessibility_label")
    if item.get("style", "primary") not in ("primary", "danger"):
        yield _fault("must be a valid enum value", f"{where}/style")


def _confirm(item: Any, where: str) -> Faults:
    if not isinstance(item, dict):
        yield _fault("must be an object", where)
        return
    yield from _text(item.get("title"), 100, f"{where}/title", plain=True)
    yield from _text(item.get("text"), 300, f"{where}/text")
    for key in ("confirm", "deny"):
        yield from _text(item.get(key), 30, f"{where}/{key}", plain=True)


def _view_faults(view: Json) -> Faults:
    if view.get("type") not in ("modal", "home"):
        yield _fault("must be a valid enum value", "/view/type")
    if not isinstance(view.get("blocks"), list):
        yield _fault("missing required field: blocks", "/view")
    yield from _string(view.get("private_metadata", "-"), 3000, "/view/private_metadata", at_least=0)
    yield from _string(view.get("callback_id", "-"), 255, "/view/callback_id", at_least=0)
    if view.get("type") == "modal":
        yield from _modal_faults(view)


def _modal_faults(view: Json) -> Faults:
    yield from _text(view.get("title"), 24, "/view/title", plain=True)
    for key in ("submit", "close"):
        if view.get(key) is not None:
            yield from _text(view[key], 24, f"/view/{key}", plain=True)
    blocks = view.get("blocks")
    has_input = isinstance(blocks, list) and any(isinstance(b, dict) and b.get("type") == "input" for b in blocks)
    if has_input and not view.get("submit"):
        yield _fault("missing required field: submit", "/view")


def _text(item: Any, at_most: int, where: str, *, plain: bool = False) -> Faults:
    kinds = ("plain_text",) if plain else ("plain_text", "mrkdwn")
    if not isinstance(item, dict) or item.get("type") not in kinds:
        yield _fault(f"must be a text object of type {' or '.join(kinds)}", where)
        return
    yield from _string(item.get("text"), at_most, f"{where}/text")


def _string(item: Any, at_most: int, where: str, *, at_least: int = 1) -> Faults:
    if not isinstance(item, str):
        yield _fault("must be a string", where)
    elif len(item) > at_most:
        yield _fault(f"must be less than {at_most + 1} characters", where)
    elif len(item) < at_least:
        yield _fault(f"must be more than {at_least - 1} characters", where)


def _list(items: Any, at_most: int, where: str, *, at_least: int = 0) -> Faults:
    if not isinstance(items, list):
        yield _fault("must be an array", where)
    elif len(items) > at_most:
        yield _fault(f"no more than {at_most} items allowed", where)
    elif len(items) < at_least:
        yield _fault(f"no fewer than {at_least} items allowed", where)


def _items(items: Any) -> list[Any]:
    return items if isinstance(items, list) else []


def _length(part: Any) -> int:
    if isinstance(part, str):
        return len(part)
    if isinstance(part, list):
        return sum(_length(item) for item in part)
    return sum(_length(value) for value in part.values()) if isinstance(part, dict) else 0


def _fault(what: str, where: str) -> str:
    return f"[ERROR] {what} [json-pointer:{where}]"
