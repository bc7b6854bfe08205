"""A question in a run's thread: the gate with its buttons, and what is proposed there. Pure."""

from bot.messages import Message
from bot.slack.parts import (
    GATE_RANK,
    REASON,
    SAID,
    TEXT,
    Block,
    actions,
    addressed,
    button,
    context,
    message,
    section,
    sections,
    tail,
)
from bot.telling import gate_line, meanings, what_next
from bot.texts import at, escape, escaped, lasted, short
from bot.view import Gate, Proposal, Reminder, Run, Said

LABELS = {"wait": "Let it finish", "end": "End all its processes"}
MEANS = {"wait": "is also what happens if nobody answers", "end": "may leave files half-written"}
"""Where the button's label says itself what the word would do."""


def gate_messages(run: Run, channel: str, gate: Gate) -> list[Message]:
    """Told in the channel while they are open; what was decided before it was posted is told in the thread only.

    What is proposed is a reply of its own, for an edit of the gate would notify nobody.
    """
    name = gate_name(gate)
    made = {name: message(run, channel, name, _gate(run, gate), GATE_RANK, broadcast=gate.decided is None)}
    asked: list[tuple[Proposal, Said | None]] = [*gate.turned_down, *([(gate.proposal, None)] if gate.proposal else [])]
    for proposal, turned_down in asked:
        told = _fate(gate, proposal, turned_down)
        body = _closed_proposal(run, gate, proposal, told) if told else _proposal(run, gate, proposal)
        part = proposal_name(gate, proposal)
        # the same proposed again has the same name: one message, which shows how it stands now
        made[part] = message(run, channel, part, body, GATE_RANK, broadcast=not told)
    for reminder in gate.reminders:
        of = f"-{reminder.proposal[:6]}" if reminder.proposal else ""
        part = f"{name}-{'escalated' if reminder.escalated else 'reminded'}{of}"
        made[part] = message(run, channel, part, _reminder(run, gate, reminder), GATE_RANK)
    return list(made.values())


def gate_name(gate: Gate) -> str:
    return f"gate-{gate.step}-{gate.attempt}"


def proposal_name(gate: Gate, proposal: Proposal) -> str:
    return f"{gate_name(gate)}-proposal-{proposal.hash[:6]}"


def question_name(gate: Gate) -> str:
    """Which message has the buttons of what is asked now."""
    return proposal_name(gate, gate.proposal) if gate.proposal else gate_name(gate)


def _gate(run: Run, gate: Gate) -> Block:
    asked = escaped(gate.sentence, SAID)
    if gate.decided is not None:
        told = gate_line(gate)
        block = section(f"{asked}\n*{escaped(told, SAID)}* {at(gate.decided.at)}")
        return {"text": "", "blocks": [block]}
    asks = f"{run.id} asks, and goes on if nobody answers" if gate.is_optional else f"{run.id} waits for a decision"
    head = f"*{escape(asks)}*"
    blocks = (
        [section(head), *_concerns(gate), section(escaped(gate.next_move, SAID))]
        if gate.concerns
        else [section(f"{head}\n{asked}\n{escaped(gate.next_move, SAID)}".rstrip())]
    )
    blocks += tail(run.step(gate.step)) if gate.step else []
    if gate.proposal:
        blocks.append(section(f"{_proposed(gate.proposal)}. It is a reply of its own in this thread."))
    blocks += [*_choices(run, gate), _gate_buttons(run, gate)]
    pieces = [f"{asks}.", short(gate.sentence, SAID), short(gate.next_move, SAID)]
    text = " ".join(piece for piece in [*pieces, _wanted(run, gate)] if piece)
    # what changes here later is told in a reply of its own, which mentions whom it asks
    mentions = () if gate.proposal or gate.turned_down or gate.reminders else gate.mentions
    return addressed(mentions, text, blocks)


def _reminder(run: Run, gate: Gate, reminder: Reminder) -> Block:
    """Put again in a reply of its own, for an edit would notify nobody."""
    whose = "The admins are asked now" if reminder.escalated else "This is a reminder"
    if gate.decided is not None:
        told = f"{run.id} was still waiting after {lasted(reminder.after)}. {gate_line(gate)}."
        return {"text": escaped(told, TEXT), "blocks": [section(escaped(told, SAID))]}
    since = f"{run.id} has been waiting for a decision for {lasted(reminder.after)}. {whose}."
    asked, proposed = short(gate.sentence, SAID), _wanted(run, gate)
    blocks = [section("\n".join([f"*{escape(since)}*", escaped(asked, SAID), escaped(proposed, SAID)]).rstrip())]
    return addressed(
        reminder.mentions, f"{since} {asked} {proposed}", [*blocks, *_choices(run, gate), *buttons_anew(run, gate)]
    )


def _choices(run: Run, gate: Gate) -> list[Block]:
    """What each button would do."""
    told = [f"*{_label(word)}* {escaped(MEANS.get(word, does), SAID)}." for word, does in meanings(run, gate).items()]
    return [section("\n".join(told))] if told else []


def _label(word: str) -> str:
    return LABELS.get(word, word.capitalize())


def _concerns(gate: Gate) -> list[Block]:
    """Each on a line of its own, for there may be some of every host."""
    return sections(["Not started yet:", *(f"• {concern.sentence}" for concern in gate.concerns)])


def _wanted(run: Run, gate: Gate) -> str:
    """What is proposed, and the line that approves it."""
    if gate.proposal is None:
        return ""
    why = f"Their reason: {gate.proposal.reason}." if gate.proposal.reason else ""
    return f"{what_next(run)}. {why}".strip()


def _proposed(proposal: Proposal, verb: str = "proposes") -> str:
    why = f" because {escaped(proposal.reason, REASON)}" if proposal.reason else ""
    return f"*{escape(proposal.by.by.shown)} {verb} to {proposal.word}*{why}"


def buttons_anew(run: Run, gate: Gate) -> list[Block]:
    """All that can be pressed about the open question, in one place."""
    asked = [_gate_buttons(run, gate)]
    return [*asked, _proposal_buttons(run, gate.proposal)] if gate.proposal else asked


def _proposal_buttons(run: Run, proposal: Proposal) -> Block:
    value = f"{run.id}|{proposal.hash}"
    of = f"the {proposal.word}, {run.id}"
    approve = button("Approve", "approve", value, "primary", f"Approve the {proposal.word}?", of=of)
    return actions(approve, button("Turn down", "reject", value, of=of))


def _proposal(run: Run, gate: Gate, proposal: Proposal) -> Block:
    """It waits: whole by itself, for in the channel it is read without the gate above it."""
    effect = f"Repair would {gate.change}." if gate.change and proposal.word == "repair" else ""
    others = f"Somebody other than {escape(proposal.by.by.shown)} decides."
    so_far = f"{len(proposal.approvals)} of {proposal.wanted} approvals. {others}"
    why = f"Their reason: {proposal.reason}." if proposal.reason else ""
    pieces = [f"{run.id}: {what_next(run)}.", why, short(gate.sentence, SAID), effect]
    blocks = [
        section(f"{_proposed(proposal)}\n{escaped(gate.sentence, SAID)}"),
        *([section(escaped(effect, SAID))] if effect else []),
        context(f"{escape(run.id)}, proposal {proposal.hash[:6]}  ·  {so_far}"),
        _proposal_buttons(run, proposal),
    ]
    mentions = () if proposal.approvals else proposal.mentions
    return addressed(mentions, " ".join(piece for piece in pieces if piece), blocks)


def _closed_proposal(run: Run, gate: Gate, proposal: Proposal, told: str) -> Block:
    why = f" because {proposal.reason}" if proposal.reason else ""
    sentence = f"{run.id}: {proposal.by.by.shown} proposed to {proposal.word}{why}. {told}."
    shown = section(f"{_proposed(proposal, 'proposed')}\n{escaped(told, SAID)}.")
    return {"text": escaped(sentence, TEXT), "blocks": [shown]}


def _fate(gate: Gate, proposal: Proposal, turned_down: Said | None) -> str:
    """What became of a proposal; nothing while it waits."""
    if turned_down:
        return f"{turned_down.by.shown} turned it down: {turned_down.text}"
    if gate.decided is None:
        return ""
    if len(proposal.approvals) >= proposal.wanted:
        return f"Approved by {' and '.join(said.by.shown for said in proposal.approvals)}"
    return gate_line(gate)


def _gate_buttons(run: Run, gate: Gate) -> Block:
    styles = {"abort": "danger", "end": "danger"} | ({} if gate.proposal else {"retry": "primary", "wait": "primary"})
    offered = [w for w in gate.words if not gate.proposal or w in ("retry", "abort")]
    buttons = [button(_label(word), word, f"{run.id}|{gate.id}", styles.get(word)) for word in offered]
    return actions(*buttons)
