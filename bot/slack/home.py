"""The app's home of one person: what waits for them, what runs, and each environment. Pure: what is known in, a view
out. It holds no time that passes by itself, so that an unchanged view is known by its hash."""

from dataclasses import dataclass, field
from datetime import datetime

from bot.slack.parts import Block, actions, button, context, header, section
from bot.telling import state, title, what_next
from bot.texts import at, escape, escaped, short, typed
from bot.view import Run, Seen

WAITING, RUNNING, ENVIRONMENTS = 12, 20, 20
"""How many of each are shown: a view has at most 100 blocks. Whoever has more types status."""
LINE = 400


@dataclass(frozen=True, kw_only=True)
class Place:
    """An environment as it looks now, whoever looks; `links` lead to the cards of its runs, `questions` to where the
    open ones are asked something."""

    name: str
    is_known: bool
    """Whether nps.toml still has it."""
    hosts: tuple[str, ...]
    versions: dict[str, Seen]
    open: tuple[Run, ...]
    last: Run | None
    links: dict[str, str]
    questions: dict[str, str] = field(default_factory=dict)
    to_review: tuple[Run, ...] = ()
    notes: tuple[str, ...] = ()
    """What keeps runs out, in Slack's markup."""


@dataclass(frozen=True, kw_only=True)
class Own:
    """What a person has to do with an environment: by run the words with which they could answer its question."""

    place: Place
    answers: dict[str, tuple[str, ...]]
    may_upgrade: bool


def view(owns: list[Own], channels: list[str], note: str = "") -> Block:
    """The whole home. `channels` are where somebody without a role may ask, `note` is an answer in Slack's markup."""
    told = [section(note)] if note else []
    if not owns:
        return _home([*told, section(f"No environment of nps.toml has a role for you.{_ask_there(channels)}")])
    known = [(own, run) for own in owns for run in (*own.place.open, *own.place.to_review)]
    asked = [(own.place, run) for own, run in known if own.answers.get(run.id)]
    others = [(own.place, run) for own, run in known if not own.answers.get(run.id) and not run.ended]
    return _home([
        *told, *_waiting(asked), *_running(others, besides=bool(asked)), *_environments(owns), context(_foot(owns)),
    ])  # fmt: skip


def _home(blocks: list[Block]) -> Block:
    return {"type": "home", "callback_id": "home", "blocks": blocks}


def _ask_there(channels: list[str]) -> str:
    named = ", ".join(f"<#{channel}>" for channel in channels)
    return f" In {named} you can type {typed('status')}." if named else ""


def _foot(owns: list[Own]) -> str:
    more = f"{len(owns) - ENVIRONMENTS} more environments: type {typed('status')}. " if len(owns) > ENVIRONMENTS else ""
    return f"{more}All that can be typed: {typed('help')}"


def _waiting(asked: list[tuple[Place, Run]]) -> list[Block]:
    if not asked:
        return [header("Nothing waits for you")]
    blocks = [header(f"Waits for you ({len(asked)})"), *(_question(place, run) for place, run in asked[:WAITING])]
    return [*blocks, *_more(len(asked) - WAITING)]


def _question(place: Place, run: Run) -> Block:
    """What is asked, and the way to where it is asked: there the whole can be read before anybody decides."""
    asked = f"since {at(asked_at(run))}, asked for by {escape(run.requested.by.shown)}"
    told = f"*{_name(place, run)}* {escape(title(run))}: {escape(state(run))} {asked}"
    question = run.gate.sentence if run.gate else ""
    lines = [told, *([escaped(question, LINE)] if question else []), escaped(what_next(run), LINE)]
    block = section("\n".join(line for line in lines if line))
    link = place.questions.get(run.id) or place.links.get(run.id)
    return block | ({"accessory": _button("Open", "open", run.id) | {"url": link}} if link else {})


def asked_at(run: Run) -> datetime:
    """Since when the run stands as it stands, as far as people are asked."""
    return (run.gate and run.gate.at) or run.ended_at or run.planned_at or run.requested.at


def _running(going: list[tuple[Place, Run]], besides: bool) -> list[Block]:
    """Those of which the person is asked nothing."""
    if not going:
        return [] if besides else [header("No run is open")]
    lines = [f"*{_name(place, run)}* {escape(title(run))}: {escape(state(run))}, by {escape(run.requested.by.shown)}"
             for place, run in going[:RUNNING]]  # fmt: skip
    name = f"{'Other open' if besides else 'Open'} runs ({len(going)})"
    return [header(name), *map(section, lines), *_more(len(going) - RUNNING)]


def _more(count: int) -> list[Block]:
    return [context(f"And {count} more: type {typed('status')}")] if count > 0 else []


def _environments(owns: list[Own]) -> list[Block]:
    blocks = [header("Environments")]
    for own in owns[:ENVIRONMENTS]:
        blocks.append(section(_place(own.place)))
        if own.place.is_known:
            buttons = [_button("Verify now", "verify", own.place.name)]
            buttons += [_button("Upgrade …", "upgrade", own.place.name)] if own.may_upgrade else []
            blocks.append(actions(*buttons))
    return blocks


def _place(place: Place) -> str:
    lines = [f"*{escape(place.name)}*: {_versions(place)}", *place.notes]
    if place.last:
        ended = f" {at(place.last.ended_at)}" if place.last.ended_at else ""
        lines.append(f"last run: {_name(place, place.last)} {escape(title(place.last))}, {state(place.last)}{ended}")
    return "\n".join(lines)


def _versions(place: Place) -> str:
    """One version where all hosts have the same, else each host's; the time is that of the oldest reading."""
    if not place.is_known:
        return "gone from nps.toml while a run of it is open"
    known = {host: place.versions[host] for host in place.hosts if host in place.versions}
    if not known:
        return "its version is not known yet, Verify now reads it"
    read = f"read {at(min(seen.at for seen in known.values()))}"
    told = {seen.version for seen in known.values()}
    if len(told) == 1 and len(known) == len(place.hosts):
        return f"version {escape(told.pop())}, {read}"
    each = [f"{escape(host)} {escape(known[host].version) if host in known else 'not known'}" for host in place.hosts]
    return f"version by host: {', '.join(each)}; {read}"


def _name(place: Place, run: Run) -> str:
    link = place.links.get(run.id)
    return f"<{link}|{escape(run.id)}>" if link else escape(run.id)


def _button(label: str, word: str, value: str) -> Block:
    """Answered by the home's listener, for here is no message to answer under."""
    # many have the same label, and a screen reader reads them without what is around them
    return button(label, word, value) | {
        "action_id": f"home:{word}",
        "accessibility_label": short(f"{label}: {value}", 75),
    }
