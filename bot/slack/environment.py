"""What an environment's locks look like in Slack. Pure: its view in, messages out.

A lock is one message in the channel, edited when it is over; who lost theirs to another person is mentioned.
"""

from bot.messages import Message
from bot.slack.parts import Block, actions, button, context, section
from bot.slack.spoken import whole
from bot.texts import at, escape, typed
from bot.view import EnvironmentView, Lock

RANK = 0


def messages(environment: EnvironmentView) -> list[Message]:
    """The lock that holds, and the last one that is over."""
    locks = [lock for lock in (environment.ended_lock, environment.lock) if lock]
    return [message for lock in locks for message in _messages(environment.name, lock)]


def _messages(name: str, lock: Lock) -> list[Message]:
    if lock.channel is None:
        return []
    card = Message(
        run=name, name=f"lock-{lock.seq}", channel=lock.channel, body=whole(_lock(name, lock)), rank=RANK
    )  # fmt: skip
    if lock.freed is None or not lock.lost or lock.taken:
        return [card]
    told = Message(
        run=name, name=f"unlock-{lock.freed_seq}", channel=lock.channel, body=whole(_lost(name, lock)), rank=RANK,
        thread=card.name, broadcast=True,
    )  # fmt: skip
    return [card, told]


def _lock(name: str, lock: Lock) -> Block:
    """While it holds, with its button."""
    who, why = escape(lock.by.by.shown), escape(lock.by.text)
    head = f"{name} is locked by {who}" if lock.freed is None else f"{name} was locked by {who}"
    taken = f" {_loser(lock.mention, lock.taken_from)} had it locked and has lost it." if lock.taken_from else ""
    if lock.freed:
        verb = "took it over" if lock.taken else "unlocked it"
        reason = f" because {escape(lock.freed.text)}" if lock.freed.text else ""
        over = f"{escape(lock.freed.by.shown)} {verb}{reason}"
        told = f"*{head}* {at(lock.by.at)} because {why}{taken}\n{over} {at(lock.freed.at)}"
        return {"text": "", "blocks": [section(told)]}
    rule = "No run starts there until it is unlocked; what is going on goes on."
    over = typed(f"lock {name} take because REASON")
    line = f"{who} types: {typed(f'unlock {name}')}. An admin may take it over: {over}"
    told = f"*{head}* {at(lock.by.at)} because {why}\n{f'{taken} {rule}'.strip()}"
    unlock = button("Unlock", "unlock", f"{name}|{lock.seq}")
    return {"text": "", "blocks": [section(told), context(line), actions(unlock)]}


def _lost(name: str, lock: Lock) -> Block:
    """To the one whose lock another person ended."""
    assert lock.freed
    loser = _loser(lock.lost_mention, lock.by.by.shown)
    told = f"{loser}: {escape(lock.freed.by.shown)} has unlocked {name}, because {escape(lock.freed.text)}."
    return {"text": told, "blocks": [section(told)]}


def _loser(mention: str | None, shown: str | None) -> str:
    return f"<@{mention}>" if mention else escape(shown or "")
