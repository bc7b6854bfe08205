"""What a run looks like in Slack: its card, and the replies in its thread. Pure: a run in, messages out.

`text` always holds the whole sentence, for screen readers read nothing else; no meaning by colour or sign alone.
"""

from typing import Any

from bot.messages import UNHURRIED, Message
from bot.telling import (
    foretold_line,
    gate_line,
    progress,
    read_at,
    state,
    step_details,
    step_line,
    title,
    warnings,
    what_next,
)
from bot.texts import at, escape, escaped, lasted, short
from bot.view import Gate, Proposal, Run, Said, StepView

Block = dict[str, Any]
SECTION, HEADER, TEXT = 2900, 150, 3900
LINES = 8000
"""All lines of a plan together; Slack takes about 13,000 characters of blocks in a message."""
REASON, SAID, DETAIL, TAIL = 400, 900, 450, 2500
GATE_RANK, END_RANK, STEP_RANK = 0, 1, 2


def messages(run: Run, installing: dict[int, tuple[str, int | None]]) -> list[Message]:
    """Every message that the run should show now, the card first; older attempts keep what they showed."""
    channel = run.request.channel
    if channel is None:
        return []
    made = [_message(run, channel, "card", card(run), GATE_RANK, thread=False)]
    for step in run.steps:
        if step.begun:
            body = _step(run, step, installing.get(step.number) if step.state == "running" else None)
            rank = UNHURRIED if step.state == "running" else STEP_RANK
            made.append(_message(run, channel, f"step-{step.number}-{step.attempt}", body, rank))
        made += [message for gate in step.gates for message in _gate_messages(run, channel, gate)]
    for gate in (*run.general_gates, *([run.gate] if run.gate else [])):
        made += _gate_messages(run, channel, gate)
    if run.voided:
        waits = not run.is_approved and not run.ended
        made.append(_message(run, channel, f"voided-{run.n}", _voided(run), GATE_RANK, broadcast=waits))
    if run.ended:
        # what a verify finds in the middle of another run is no news for the channel
        beside = run.request.beside is not None
        made.append(_message(run, channel, "end", _end(run), END_RANK, broadcast=not beside))
    return made


def _message(
    run: Run, channel: str, name: str, body: Block, rank: int, *, thread: bool = True, broadcast: bool = False
) -> Message:
    return Message(
        run=run.id,
        name=name,
        channel=channel,
        body=body,
        rank=rank,
        thread="card" if thread else None,
        broadcast=broadcast,
    )


def _gate_messages(run: Run, channel: str, gate: Gate) -> list[Message]:
    """Told in the channel while they are open; what was decided before it was posted is told in the thread only.

    What is proposed is a reply of its own, for an edit of the gate would notify nobody.
    """
    name = f"gate-{gate.step}-{gate.attempt}"
    made = {name: _message(run, channel, name, _gate(run, gate), GATE_RANK, broadcast=gate.decided is None)}
    asked: list[tuple[Proposal, Said | None]] = [*gate.turned_down, *([(gate.proposal, None)] if gate.proposal else [])]
    for proposal, turned_down in asked:
        told = _fate(gate, proposal, turned_down)
        body = _closed_proposal(run, gate, proposal, told) if told else _proposal(run, gate, proposal)
        part = f"{name}-proposal-{proposal.hash[:6]}"
        # the same proposed again has the same name: one message, which shows how it stands now
        made[part] = _message(run, channel, part, body, GATE_RANK, broadcast=not told)
    return list(made.values())


# --- the card -------------------------------------------------------------------------------------------------------


def card(run: Run) -> Block:
    """The one message of a run that is always up to date."""
    over, total = progress(run)
    count = f", {over} of {total} steps done" if run.started and not run.ended else ""
    why = f" because {short(run.request.reason, REASON)}" if run.request.reason else ""
    asked = f"Asked for by {run.requested.by.shown}{why}."
    first = f"{run.request.beside} holds the environment meanwhile. " if run.request.beside else ""
    told = "" if run.started else " ".join(warnings(run))
    pieces = [f"{first}{run.id}: {title(run)}. {state(run).capitalize()}{count}. {asked}", told, what_next(run)]
    sentence = " ".join(piece for piece in pieces if piece)
    blocks = [
        _header(title(run)),
        _section(f"*{state(run).capitalize()}*{count}\n{_asked(run)}"),
        *_lines(run),
        _context(_footer(run)),
        *_card_buttons(run),
    ]
    return {"text": escaped(sentence, TEXT), "blocks": blocks}


def _asked(run: Run) -> str:
    lines = [f"*{escape(run.request.beside)} holds the environment meanwhile*"] if run.request.beside else []
    lines.append(f"{escape(run.id)}, asked for by {escape(run.requested.by.shown)} {at(run.requested.at)}")
    if run.request.reason:
        lines.append(f"because {escaped(run.request.reason, REASON)}")
    lines += [f"approved by {escape(said.by.shown)} {at(said.at)}" for said in run.approvals]
    if run.rejected:
        lines.append(f"rejected by {escape(run.rejected.by.shown)}: {escaped(run.rejected.text, REASON)}")
    if run.abort:
        lines.append(f"aborted by {escape(run.abort.by.shown)}: {escaped(run.abort.text, REASON)}")
    return "\n".join(lines)


def _lines(run: Run) -> list[Block]:
    """The plan while it waits, the steps as they stand from the start on."""
    if run.plan is None:
        return []
    if not run.started:
        bold = [bool(told.effect) for told in run.foretold]
        plan = _sections([foretold_line(run, step.number) for step in run.steps], bold)
        return [*plan, *_sections([f"⚠ {line}" for line in warnings(run)])]
    return _sections([step_line(step) for step in run.steps])


def _footer(run: Run) -> str:
    parts = [f"plan {run.hash[:6]}"] if run.hash else []
    if run.started and run.ended_at:
        parts.append(f"took {lasted(run.ended_at - run.started)}")
    if run.expires and not run.is_approved and not run.ended:
        parts.append(f"expires {at(run.expires)}")
    if run.started_changed:
        parts.append("changed since the plan: " + escaped("; ".join(run.started_changed), SAID))
    if run.ended:
        parts.append(f"audit {run.head.split(':')[0]}:{run.head.split(':')[1][:12]}")
    elif nxt := what_next(run):
        parts.append(escape(nxt))
    return "  ·  ".join(parts) or "the servers are being read"


def _card_buttons(run: Run) -> list[Block]:
    if run.ended or run.gate or run.abort:
        return []
    if run.plan and not run.is_approved and not run.request.only_plan:
        approve = _button("Approve", "approve", f"{run.id}|{run.hash}", "primary", confirm=f"Approve {title(run)}?")
        return [_actions(approve, _button("Reject", "reject", f"{run.id}|{run.hash}", "danger"))]
    if run.plan and run.plan.opens_gates and not run.request.only_plan:
        return [_actions(_button("Abort", "abort", run.id, "danger"))]
    return []


# --- the thread -----------------------------------------------------------------------------------------------------


def _step(run: Run, step: StepView, installing: tuple[str, int | None] | None) -> Block:
    head = step_line(step) + (f", attempt {step.attempt}" if step.attempt > 1 else "")
    details = step_details(step)
    if installing:
        line, percent = installing
        details.append(
            f"installer: {f'{percent} %, ' if percent is not None else ''}{line}" if line else "installer: started"
        )
    read = escape(read_at(step.end)) if step.end else ""
    told = "\n".join(escaped(line, DETAIL) for line in details)
    blocks = [_section(f"*{escaped(head, REASON)}*\n{told}"), *_tail(step)]
    notes = [read] if read else []
    if step.end and step.end.log_sha256:
        notes.append(f"log {escaped(step.end.log or '', REASON)}, SHA-256 {step.end.log_sha256[:12]}…")
    if notes:
        blocks.append(_context("  ·  ".join(notes)))
    return {"text": escaped(f"{head}. {'; '.join(details)}", TEXT), "blocks": blocks}


def _tail(step: StepView) -> list[Block]:
    """The log's last lines, as a block that nothing in them can end."""
    if not step.end or not step.end.tail:
        return []
    tail = step.end.tail[-1000:].replace("```", "'''")
    return [_section(f"```{escaped(tail, TAIL)}```")]


def _gate(run: Run, gate: Gate) -> Block:
    asked = escaped(gate.sentence, SAID)
    if gate.decided is not None:
        told = gate_line(gate)
        block = _section(f"{asked}\n*{escaped(told, SAID)}* {at(gate.decided.at)}")
        return {"text": escaped(f"{gate.sentence} {told}.", TEXT), "blocks": [block]}
    change = f"Repair would {gate.change}." if gate.change and "repair" in gate.words else ""
    blocks = (
        [*_concerns(gate), _section(escaped(gate.next_move, SAID))]
        if gate.concerns
        else [_section(f"*{asked}*\n{escaped(gate.next_move, SAID)}")]
    )
    if change:
        blocks.append(_section(escaped(change, SAID)))
    blocks += _tail(run.step(gate.step)) if gate.step else []
    if gate.proposal:
        blocks.append(_section(f"{_proposed(gate.proposal)}. It is a reply of its own in this thread."))
    blocks.append(_gate_buttons(run, gate))
    pieces = [f"{run.id} waits for a decision.", short(gate.sentence, SAID), short(gate.next_move, SAID), change]
    text = " ".join(piece for piece in [*pieces, _choice(run, gate)] if piece)
    return {"text": escaped(text, TEXT), "blocks": blocks}


def _concerns(gate: Gate) -> list[Block]:
    """Each on a line of its own, for there may be some of every host."""
    return _sections(["Not started yet:", *(f"• {concern.sentence}" for concern in gate.concerns)])


def _choice(run: Run, gate: Gate) -> str:
    """What is to be decided, in words."""
    if gate.proposal is None:
        return f"Decide: {', '.join(gate.words)}."
    why = f"Their reason: {gate.proposal.reason}." if gate.proposal.reason else ""
    return f"{what_next(run)}. {why}".strip()


def _proposed(proposal: Proposal, verb: str = "proposes") -> str:
    why = f" because {escaped(proposal.reason, REASON)}" if proposal.reason else ""
    return f"*{escape(proposal.by.by.shown)} {verb} to {proposal.word}*{why}"


def _proposal(run: Run, gate: Gate, proposal: Proposal) -> Block:
    """It waits: whole by itself, for in the channel it is read without the gate above it."""
    effect = f"Repair would {gate.change}." if gate.change and proposal.word == "repair" else ""
    so_far = f"{len(proposal.approvals)} of {proposal.wanted} approvals. Somebody else decides."
    value = f"{run.id}|{proposal.hash}"
    approve = _button("Approve", "approve", value, "primary", f"Approve the {proposal.word}?")
    why = f"Their reason: {proposal.reason}." if proposal.reason else ""
    pieces = [f"{run.id}: {what_next(run)}.", why, short(gate.sentence, SAID), effect]
    return {
        "text": escaped(" ".join(piece for piece in pieces if piece), TEXT),
        "blocks": [
            _section(f"{_proposed(proposal)}\n{escaped(gate.sentence, SAID)}"),
            *([_section(escaped(effect, SAID))] if effect else []),
            _context(f"{escape(run.id)}, proposal {proposal.hash[:6]}  ·  {so_far}"),
            _actions(approve, _button("Turn down", "reject", value)),
        ],
    }


def _closed_proposal(run: Run, gate: Gate, proposal: Proposal, told: str) -> Block:
    why = f" because {proposal.reason}" if proposal.reason else ""
    sentence = f"{run.id}: {proposal.by.by.shown} proposed to {proposal.word}{why}. {told}."
    section = _section(f"{_proposed(proposal, 'proposed')}\n{escaped(told, SAID)}.")
    return {"text": escaped(sentence, TEXT), "blocks": [section]}


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
    styles = {"abort": "danger"} if gate.proposal else {"retry": "primary", "abort": "danger"}
    offered = [w for w in gate.words if not gate.proposal or w in ("retry", "abort")]
    buttons = [_button(word.capitalize(), word, f"{run.id}|{gate.id}", styles.get(word)) for word in offered]
    return _actions(*buttons)


def _voided(run: Run) -> Block:
    sentence = f"The plan of {run.id} is void: something changed before the start.{_after_void(run)}"
    note = f"plan {run.old_hash[:6]} became {run.hash[:6]}"
    return {
        "text": escaped(f"{sentence} {'; '.join(run.voided)}", TEXT),
        "blocks": [_section(f"*{escape(sentence)}*"), *_sections([f"• {line}" for line in run.voided]), _context(note)],
    }


def _after_void(run: Run) -> str:
    if run.is_approved:
        return " It was approved again."
    return "" if run.ended else " It waits for approval again."


def _end(run: Run) -> Block:
    assert run.ended is not None
    took = f" in {lasted(run.ended_at - run.started)}" if run.ended_at and run.started else ""
    sentence = f"{run.id}, {title(run)}: {run.ended.outcome}{took}. {short(run.ended.sentence, 2 * SAID)}"
    witness = f"audit head {run.head}"
    told = f"*{escape(run.id)}: {run.ended.outcome}*{took}\n{escaped(run.ended.sentence, 2 * SAID)}"
    return {"text": f"{escaped(sentence, TEXT - 100)} {witness}", "blocks": [_section(told), _context(witness)]}


# --- small blocks ---------------------------------------------------------------------------------------------------


def _header(text: str) -> Block:
    return {"type": "header", "text": {"type": "plain_text", "text": short(text, HEADER), "emoji": False}}


def _mrkdwn(text: str) -> Block:
    """Verbatim: Slack makes no link and no mention of what only looks like one."""
    return {"type": "mrkdwn", "text": short(text, SECTION), "verbatim": True}


def _section(text: str) -> Block:
    return {"type": "section", "text": _mrkdwn(text)}


def _sections(lines: list[str], bold: list[bool] | None = None) -> list[Block]:
    """As many sections as the lines need; each line is shortened alike where all together would be too long."""
    room = max(40, LINES // max(1, len(lines)))
    cut = [escaped(line, room - 3) for line in lines]
    shown = [f"*{line}*" if heavy else line for line, heavy in zip(cut, bold or [False] * len(cut), strict=True)]
    blocks: list[str] = []
    for line in shown:
        if blocks and len(blocks[-1]) + len(line) < SECTION:
            blocks[-1] += f"\n{line}"
        else:
            blocks.append(line)
    return [_section(text) for text in blocks]


def _context(text: str) -> Block:
    return {"type": "context", "elements": [_mrkdwn(text)]}


def _actions(*buttons: Block) -> Block:
    return {"type": "actions", "elements": list(buttons)}


def _button(label: str, word: str, value: str, style: str | None = None, confirm: str | None = None) -> Block:
    button: Block = {
        "type": "button", "text": {"type": "plain_text", "text": label}, "action_id": f"nps:{word}", "value": value,
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


def reason_modal(word: str, run: str, value: str) -> Block:
    """Asks for the reason that a word needs; its twin is the typed command."""
    label = {"reject": "Reject", "abort": "Abort", "skip": "Skip"}[word]
    field: Block = {"type": "plain_text_input", "action_id": "reason", "max_length": 500, "multiline": False}
    return {
        "type": "modal",
        "callback_id": f"nps:{word}",
        "private_metadata": value,
        "title": {"type": "plain_text", "text": short(f"{label} {run}", 24)},
        "submit": {"type": "plain_text", "text": label},
        "close": {"type": "plain_text", "text": "Not now"},
        "blocks": [
            {
                "type": "input", "block_id": "reason", "element": field,
                "label": {"type": "plain_text", "text": "Reason, for the thread and the audit"},
            }
        ],
    }  # fmt: skip
