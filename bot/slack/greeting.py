"""What the app says once in a channel that it is added to. Pure."""

from bot.messages import Message
from bot.slack.parts import section
from bot.slack.spoken import whole
from bot.texts import escape, typed

RANK = 1
RUN = "greeting"
"""Takes the place of a run's name in the outbox, where one message a channel has this name."""


def greeting(channel: str, environments: list[str]) -> Message:
    """Says what is told there, or that nothing is yet, and the first thing to type."""
    named = ", ".join(f"*{escape(name)}*" for name in environments)
    here = f"Runs of {named} are told in this channel." if named else (
        "No environment is told about in this channel yet: nps.toml says where each is."
    )  # fmt: skip
    me = "I am nps-bot. I upgrade Netwrix Password Secure servers, step by step, once another person approves the plan."
    told = f"{me}\n{here}\nType {typed('help')} to see what I can do." + (
        f" {typed(f'verify {escape(environments[0])}')} looks at the servers and changes nothing." if named else ""
    )
    body = whole({"text": me, "blocks": [section(told)]})
    return Message(run=RUN, name=channel, channel=channel, body=body, rank=RANK)
