"""What is asked or told in a modal; each that asks has a twin that is typed, and names it. Pure."""

from bot.commands import REASON_LIMIT, USAGES
from bot.slack.parts import Block, context, section
from bot.texts import escape, short

TITLE, OPTION, OPTIONS = 24, 75, 100
UPGRADE_LINE = USAGES["upgrade"].line


def reason_modal(word: str, run: str, value: str) -> Block:
    """Asks for the reason that a word needs."""
    label = {"reject": "Reject", "abort": "Abort", "skip": "Skip", "review": "Review"}[word]
    typed = f"The same, typed: /nps {word} {run} because REASON"
    return _modal(
        f"{label} {run}", f"nps:{word}", value, label,
        [_input("reason", "Reason, for the thread and the audit", _text("reason"), hint=typed)],
    )  # fmt: skip


def upgrade_form(
    own: dict[str, str], versions: dict[str, str], origin: str, chosen: str | None = None, reason: str = ""
) -> Block:
    """Asks what to upgrade. `own` has each environment's own package, `versions` each package's version, `origin` the
    channel where it was asked for."""
    environments = [_option(name, f"{name} (its own package: {package})") for name, package in own.items()]
    first = next((option for option in environments if option["value"] == chosen), None)
    only = environments[0] if len(environments) == 1 else None
    packages = [_option(name, f"{name} (version {version})") for name, version in versions.items()]
    more = " Not all fit here; those can be typed." if max(len(environments), len(packages)) > OPTIONS else ""
    blocks = [
        _input("environment", "Environment", _select("environment", environments, first or only)),
        _input("package", "Package", _select("package", packages), "Left empty: the environment's own.", True),
        _input("reason", "Reason, for the thread and the audit", _text("reason", reason), None, True),
        context(f"The bot shows the plan first and starts once it is approved. The same, typed: "
                f"`/nps {escape(UPGRADE_LINE)}`.{more}"),
    ]  # fmt: skip
    return _modal("Upgrade", "form:upgrade", origin, "Ask for it", blocks)


def told(text: str) -> Block:
    """An answer where no message can carry one."""
    return {
        "type": "modal", "title": _plain("nps-bot"), "close": _plain("Close"), "blocks": [section(text)],
    }  # fmt: skip


def _modal(title: str, callback: str, metadata: str, submit: str, blocks: list[Block]) -> Block:
    return {
        "type": "modal", "callback_id": callback, "private_metadata": metadata, "title": _plain(short(title, TITLE)),
        "submit": _plain(submit), "close": _plain("Not now"), "blocks": blocks,
    }  # fmt: skip


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text}


def _input(name: str, label: str, element: Block, hint: str | None = None, optional: bool = False) -> Block:
    block: Block = {"type": "input", "block_id": name, "label": _plain(label), "element": element, "optional": optional}
    return block | ({"hint": _plain(hint)} if hint else {})


def _text(name: str, value: str = "") -> Block:
    field: Block = {
        "type": "plain_text_input", "action_id": name, "max_length": REASON_LIMIT, "multiline": False,
    }  # fmt: skip
    return field | ({"initial_value": value} if value else {})


def _select(name: str, options: list[Block], first: Block | None = None) -> Block:
    chosen = {"initial_option": first} if first in options[:OPTIONS] else {}
    return {"type": "static_select", "action_id": name, "options": options[:OPTIONS], **chosen}


def _option(value: str, text: str) -> Block:
    return {"text": _plain(short(text, OPTION)), "value": value}
