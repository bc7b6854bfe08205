"""What is asked or told in a modal; each that asks has a twin that is typed, and names it. Pure."""

from dataclasses import dataclass

from bot.commands import REASON_LIMIT, USAGES, Command
from bot.slack.parts import Block, context, section
from bot.texts import escape, short

TITLE, OPTION, OPTIONS = 24, 75, 100
UPGRADE_LINE = USAGES["upgrade"].line


def reason_modal(word: str, run: str, value: str, about: str = "", proposal: str = "") -> Block:
    """Asks for the reason that a word needs; `about` is what is decided about, in Slack's markup. A rejection that
    turns a proposal down names it."""
    title, submit, told = _act(word, run, proposal)
    typed = f"The same, typed: /nps {word} {run} because REASON"
    return _modal(
        title, f"nps:{word}", value, submit,
        [
            *([section(about)] if about else []),
            context(f"{submit}: {escape(told)}."),
            _input("reason", "Reason, for the thread and the audit", _text("reason"), hint=typed),
        ],
    )  # fmt: skip


def _act(word: str, run: str, proposal: str) -> tuple[str, str, str]:
    """The title, the button, and what it would do."""
    if word == "reject" and proposal:
        told = f"the {proposal} is not carried out, and the question stays open"
        return f"Turn down the {proposal}", "Turn down", told
    summary = USAGES[word].summary
    if word == "end":
        return "End its processes", "End them", f"{summary}; files may be left half-written"
    return f"{word.capitalize()} {run}", word.capitalize(), summary


@dataclass(frozen=True, kw_only=True)
class UpgradeForm:
    """What an upgrade's form offers: `own` has each environment's own package, `versions` each package's version.
    `asked` is what is filled in, `origin` the channel where it was opened; `turn` counts what it was refused so far,
    so that each time it is sent is an act of its own."""

    own: dict[str, str]
    versions: dict[str, str]
    asked: Command
    origin: str = ""
    turn: int = 0
    refusal: str = ""

    def view(self) -> Block:
        environments = [_option(name, f"{name} (its own package: {package})") for name, package in self.own.items()]
        packages = [_option(name, f"{name} (version {version})") for name, version in self.versions.items()]
        chosen = self.asked.environment or (next(iter(self.own)) if len(self.own) == 1 else None)
        blocks = [
            *([section(f"*This can't be asked for.* {self.refusal}")] if self.refusal else []),
            _input("environment", "Environment", _select("environment", environments, chosen)),
            _input(
                "package", "Package", _select("package", packages, self.asked.package),
                "Left empty: the environment's own.", True,
            ),
            _input("reason", "Reason, for the thread and the audit", _text("reason", self.asked.reason), None, True),
            context(f"The bot shows the plan first and starts once it is approved. {self._twin()}"),
        ]  # fmt: skip
        return _modal("Upgrade", "form:upgrade", f"{self.origin}|{self.turn}", "Ask for it", blocks)

    def _twin(self) -> str:
        more = " Not all fit here; those can be typed." if max(len(self.own), len(self.versions)) > OPTIONS else ""
        return f"The same, typed: `/nps {escape(UPGRADE_LINE)}`.{more}"


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


def _select(name: str, options: list[Block], chosen: str | None) -> Block:
    shown = options[:OPTIONS]
    first = [{"initial_option": option} for option in shown if option["value"] == chosen]
    return {"type": "static_select", "action_id": name, "options": shown, **(first[0] if first else {})}


def _option(value: str, text: str) -> Block:
    return {"text": _plain(short(text, OPTION)), "value": value}
