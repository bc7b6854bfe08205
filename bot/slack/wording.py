"""How a sentence that every surface shares is worded for Slack: moments in each reader's own zone, and lines to type
as they are typed there. Pure."""

import re
from datetime import datetime

from bot.texts import TYPED, at

MOMENT = re.compile(r"(?<![|\d-])(\d{4}-\d\d-\d\d \d\d:\d\d) UTC\b")
LEFT_OUT = "… (the rest is too long for one answer)"


def shown(text: str, limit: int) -> str:
    """The text for Slack; as it is where that has no room."""
    told = MOMENT.sub(_token, text).replace(TYPED, "`/nps ")
    return told if len(told) <= limit else text


def fitted(text: str, limit: int) -> str:
    """As many lines as there is room for, and the last one, which says what to do."""
    if len(text) <= limit:
        return text
    *lines, last = text.split("\n")
    room, kept = limit - len(last) - len(LEFT_OUT) - 2, []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    return "\n".join([*kept, LEFT_OUT, last]) if len(last) < limit - len(LEFT_OUT) - 2 else text[: limit - 1] + "…"


def _token(found: re.Match[str]) -> str:
    try:
        return at(datetime.fromisoformat(f"{found[1]}+00:00"))
    except ValueError:  # a host or a person wrote it, and no calendar has it
        return found[0]
