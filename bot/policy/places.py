"""Who may not decide whatever their role, for where they come from: another organisation, or a channel that another
organisation reads along in. Pure."""

from dataclasses import dataclass
from datetime import datetime

from bot.commands import Command
from bot.policy.roles import FRESH, Denied

ALWAYS = frozenset({"reject", "abort", "pause", "wait", "end"})
"""What only stops a run is taken from every channel."""
STRANGER = Denied(
    sentence="You belong to another organisation, and nps-bot listens to people of its own workspace only.",
    next_move="Ask one of them.", rule="stranger",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Place:
    """A channel; `shared` is None where that is not known, or was told too long ago."""

    id: str
    shared: bool | None


def place(channel: str | None, told: dict[str, tuple[bool, datetime]], now: datetime) -> Place | None:
    """The channel as the bot knows it."""
    if channel is None:
        return None
    shared, at = told.get(channel, (None, now))
    return Place(id=channel, shared=shared if now - at < FRESH else None)


def barred(command: Command, in_slack: bool, told_in: Place | None, here: Place | None) -> Denied | None:
    """Why the word is not taken for a production environment: what is told in `told_in`, or typed `here`, must not be
    read by another organisation. A terminal is no channel: there it hinders new runs alone, and only what is known."""
    if command.word in ALWAYS or (not in_slack and command.run and not command.environment):
        return None
    shared = next((one for one in (told_in, here) if one and one.shared), None)
    if shared:
        return Denied(
            sentence=f"Channel {shared.id} is shared with another organisation, and this is production.",
            next_move="Unshare it, or name another in nps.toml.", rule="shared channel",
        )  # fmt: skip
    if in_slack and told_in and told_in.shared is None:
        return Denied(
            sentence=f"Whether another organisation reads along in channel {told_in.id} is not known now, and this is "
            "production.",
            next_move="Try again in a minute, or type it in the terminal; the bot's log says why.",
            rule="unknown channel",
        )  # fmt: skip
    return None
