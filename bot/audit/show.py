"""A run's events as a table for an auditor at a terminal."""

from typing import Any

from rich.table import Table
from rich.text import Text

from bot.events import Stored, to_data
from bot.texts import visible

LONG = frozenset({"plan", "facts", "foretold", "settings"})


def table(events: list[Stored]) -> Table:
    """One row an event: place, time in UTC, who, by which rule, what."""
    made = Table("seq", "at (UTC)", "who", "by the rule", "what", box=None, padding=(0, 1), pad_edge=False)
    for item in events:
        who = item.actor.shown if item.actor.account == "bot" else f"{item.actor.shown} ({item.actor.account})"
        claimed = " (claimed)" if item.actor.claimed else ""
        cells = (str(item.seq), f"{item.at:%Y-%m-%d %H:%M:%S}", who + claimed, item.actor.rule, _what(item))
        made.add_row(*(Text(visible(cell)) for cell in cells))
    return made


def _what(item: Stored) -> str:
    data = {k: v for k, v in to_data(item.event).items() if v not in (None, "", [], False) and k not in LONG}
    return f"{type(item.event).__name__} {', '.join(f'{name} {_short(value)}' for name, value in data.items())}".strip()


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 200 else text[:199] + "…"
