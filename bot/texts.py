"""Small pieces of text that every surface shows alike. A time is written as Slack's date token; other surfaces show
its fallback. Pure."""

import re
import unicodedata
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

TOKEN = re.compile(r"<!date\^\d+\^[^|>]*\|([^>]*)>")
LINK = re.compile(r"<(?:https?:[^|>]*)\|([^>]*)>")
GROUP = re.compile(r"<!subteam\^(S[A-Z0-9]+)>")
USER = re.compile(r"<@([UW][A-Z0-9]+)>")
CHANNEL = re.compile(r"<(#[CG][A-Z0-9]+)>")
BOLD = re.compile(r"(?<![^\s(])\*([^*\s](?:[^*\n]*[^*\s])?)\*(?![\w*])")
CODE = re.compile(r"`([^`\n]+)`")
TYPED = "`\u2060"
"""Begins a line to type: a sign that nobody sees, and that `clean` takes out of what people write."""
LINE = re.compile(f"{TYPED}([^`\\n]+)`")


def escape(text: str) -> str:
    """What Slack wants of text that is not its own markup; nothing a person wrote can mention or link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescape(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def plain(text: str) -> str:
    """The same text for a terminal: tokens become their fallback, links their words; a lone star or backtick stays."""
    text = untyped(text)
    for pattern in (TOKEN, LINK, GROUP, USER, CHANNEL, BOLD, CODE):
        text = pattern.sub(r"\1", text)
    return unescape(text)


def typed(line: str) -> str:
    """A line to type, as every surface knows it; Slack shows it as code with /nps in front, a terminal as it is."""
    return f"{TYPED}{line}`"


def untyped(text: str) -> str:
    """The same with its lines to type as plain words."""
    return LINE.sub(r"\1", text).replace(TYPED, "")


def at(when: datetime, zone: str | None = None) -> str:
    """A moment in each reader's own zone, in UTC where the surface can't; what lies ahead is told in the environment's
    zone too, where it has one."""
    told = f"<!date^{int(when.timestamp())}^{{date_short_pretty}} {{time}}|{when:%Y-%m-%d %H:%M} UTC>"
    return told + there(when, zone)


def at_second(when: datetime) -> str:
    """When a reading was made, to the second: logs of its server are looked at beside it."""
    return f"<!date^{int(when.timestamp())}^{{date_short_pretty}} {{time_secs}}|{when:%Y-%m-%d %H:%M:%S} UTC>"


def there(when: datetime, zone: str | None) -> str:
    """A moment by the clocks of a zone, with its day: (Sun 1 Feb 13:00 Europe/Berlin). Nothing where that is UTC."""
    if zone in (None, "UTC", "Etc/UTC"):
        return ""
    local = when.astimezone(ZoneInfo(zone))
    return f" ({local:%a} {local.day} {local:%b %H:%M} {zone})"


def moment(when: datetime, zone: str | None = None) -> str:
    """A moment inside a sentence that is stored or escaped; Slack shows a date token in its place."""
    told = f"{when:%Y-%m-%d %H:%M} UTC"
    return told + there(when, zone)


def lasted(span: timedelta) -> str:
    """A duration as a person says it: 4 s, 2 min 5 s, 1 h 3 min."""
    seconds = int(span.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s".removesuffix(" 0 s")
    return f"{seconds // 3600} h {seconds % 3600 // 60} min".removesuffix(" 0 min")


def clean(text: str) -> str:
    """One line without control characters and without marks that turn the direction of writing."""
    kept = (
        " " if c.isspace() else c
        for c in text
        if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co")
    )
    return " ".join("".join(kept).split())


def short(text: str, limit: int = 40) -> str:
    """At most `limit` characters, so that an answer that quotes stays one sentence."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def stopped(text: str) -> str:
    """With a full stop, where it ends in nothing else that ends a sentence."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def escaped(text: str, limit: int) -> str:
    """Escaped, and cut so that the whole has at most `limit` characters and no entity is cut in two."""
    whole = escape(text)
    if len(whole) <= limit:
        return whole
    kept, room = [], limit - 1
    for piece in map(escape, text):
        room -= len(piece)
        if room < 0:
            break
        kept.append(piece)
    return "".join(kept) + "…"


def visible(text: str) -> str:
    """One line as a terminal may print it: what a host or a person wrote can't move the cursor."""
    return "".join(c if c.isprintable() and unicodedata.category(c) != "Cf" else " " for c in untyped(text))
