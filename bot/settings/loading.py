"""Reads nps.toml once, at start: every fault reported at once with its line."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bot.errors import SettingsFault
from bot.settings import references
from bot.settings.file import Settings
from bot.settings.toml_lines import line_of

LATER = {
    "zone": "needs a worker, and `nps work` does not exist yet; leave it out",
    "announce": "needs planned upgrades, which do not exist yet; leave it out",
    "announce_in": "needs planned upgrades, which do not exist yet; leave it out",
}
"""Settings that the design names and this version refuses."""


def load(path: Path) -> Settings:
    """Reads nps.toml; raises one SettingsFault that lists every fault, each by its line."""
    text = _read(path)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise SettingsFault(f"{path} is not valid TOML: {fault}.") from fault
    faults = list(references.faults(data))
    try:
        settings = Settings.model_validate(data, context={"folder": path.parent})
    except ValidationError as error:
        faults += [(tuple(str(p) for p in e["loc"]), _say(e)) for e in error.errors(include_input=False)]
    if faults:
        lines = sorted((line_of(text, where), ".".join(where), what) for where, what in faults)
        raise SettingsFault("\n".join(f"{path}:{line}: {where}: {what}." for line, where, what in lines))
    settings._folder = path.parent
    return settings


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as fault:
        raise SettingsFault(
            f"{path} can't be read: {fault.strerror}.", "Name it with --config or NPS_CONFIG."
        ) from fault
    except UnicodeDecodeError as fault:
        raise SettingsFault(f"{path} is not UTF-8 text.", "Save it as UTF-8.") from fault


def _say(error: Any) -> str:
    name = str(error["loc"][-1])
    if error["type"] == "extra_forbidden":
        return LATER.get(name, "is no setting of this table")
    known = {"missing": "is missing", "string_pattern_mismatch": "should be a Slack user's id (U…, W…)"}
    return known.get(error["type"]) or error["msg"].removeprefix("Value error, ").rstrip(".")
