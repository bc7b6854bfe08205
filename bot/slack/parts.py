"""The small pieces that messages of a run are made of, within Slack's limits. Pure."""

from typing import Any

from bot.messages import Message
from bot.slack.spoken import whole
from bot.slack.wording import shown
from bot.texts import escaped, short
from bot.view import Run, StepView

Block = dict[str, Any]
SECTION, MOST, HEADER, TEXT, SPOKEN = 2900, 3000, 150, 3500, 75
"""Of a section as it is written and as it is shown, a header, a message's first sentence (what can be pressed has still
room behind it), and what is said of a button."""
LINES, LEAST = 8000, 40
"""All lines of a plan together; Slack takes about 13,000 characters of blocks in a message."""
REASON, SAID, DETAIL, TAIL, CHANGED, WARNED = 400, 900, 450, 2500, 2400, 2000
MENTIONED = 25
GATE_RANK, END_RANK, STEP_RANK = 0, 1, 2


def message(
    run: Run, channel: str, name: str, body: Block, rank: int, *, thread: bool = True, broadcast: bool = False
) -> Message:
    """A message of the run, with all its words in `text`."""
    return Message(
        run=run.id,
        name=name,
        channel=channel,
        body=whole(body),
        rank=rank,
        thread="card" if thread else None,
        broadcast=broadcast,
    )


def tail(step: StepView) -> list[Block]:
    """The log's last lines, as a block that nothing in them can end."""
    if not step.end or not step.end.tail:
        return []
    tail = step.end.tail[-1000:].replace("```", "'''")
    return [section(f"```{escaped(tail, TAIL)}```")]


def mention(names: tuple[str, ...]) -> str:
    """These users and user groups, for a post; an edit would notify nobody."""
    return " ".join(f"<!subteam^{name}>" if name.startswith("S") else f"<@{name}>" for name in names[:MENTIONED])


def addressed(names: tuple[str, ...], text: str, blocks: list[Block]) -> Block:
    """The body of a message that asks these people."""
    if not names:
        return {"text": escaped(text, TEXT), "blocks": blocks}
    to = mention(names)
    return {"text": f"{to} {escaped(text, TEXT - len(to) - 1)}", "blocks": [section(to), *blocks]}


def header(text: str) -> Block:
    return {"type": "header", "text": {"type": "plain_text", "text": short(text, HEADER), "emoji": False}}


def mrkdwn(text: str) -> Block:
    """Verbatim: Slack makes no link and no mention of what only looks like one."""
    return {"type": "mrkdwn", "text": shown(short(text, SECTION), MOST), "verbatim": True}


def section(text: str) -> Block:
    return {"type": "section", "text": mrkdwn(text)}


def sections(lines: list[str], bold: list[bool] | None = None, room: int = LINES) -> list[Block]:
    """As many sections as the lines need; each line is shortened alike where all together would be too long, and the
    last ones are only counted where that is not enough."""
    most = max(1, room // LEAST)
    if len(lines) > most:
        lines = [*lines[: most - 1], f"… and {len(lines) - most + 1} more"]
    each = max(LEAST, room // max(1, len(lines)))
    cut = [escaped(line, each - 3) for line in lines]
    heavy = bold or [False] * len(cut)
    shown = [f"*{line}*" if is_heavy else line for line, is_heavy in zip(cut, heavy, strict=False)]
    blocks: list[str] = []
    for line in shown:
        if blocks and len(blocks[-1]) + len(line) < SECTION:
            blocks[-1] += f"\n{line}"
        else:
            blocks.append(line)
    return [section(text) for text in blocks]


def context(text: str) -> Block:
    return {"type": "context", "elements": [mrkdwn(text)]}


def actions(*buttons: Block) -> Block:
    return {"type": "actions", "elements": list(buttons)}


def button(
    label: str, word: str, value: str, style: str | None = None, confirm: str | None = None, of: str = ""
) -> Block:
    """A screen reader says what it is about, too: what `of` names, else what its value begins with."""
    about = short(f"{label.rstrip('… ')}: {of or value.partition('|')[0]}", SPOKEN)
    button: Block = {
        "type": "button", "text": {"type": "plain_text", "text": label}, "action_id": f"nps:{word}", "value": value,
        "accessibility_label": about,
    }  # fmt: skip
    if style:
        button["style"] = style
    if confirm:
        button["confirm"] = {
            "title": {"type": "plain_text", "text": short(confirm, 100)},
            "text": {"type": "plain_text", "text": "You have read what it will do."},
            "confirm": {"type": "plain_text", "text": label},
            "deny": {"type": "plain_text", "text": "Not now"},
        }
    return button
