"""What a run looks like in Slack: its card, and the replies in its thread. Pure: a run in, messages out.

`text` always holds the whole sentence, for screen readers read nothing else; no meaning by colour or sign alone.
"""

from bot.messages import UNHURRIED, Message
from bot.slack.absence import absence_messages
from bot.slack.approving import approval_messages
from bot.slack.gates import gate_messages
from bot.slack.parts import (
    CHANGED,
    DETAIL,
    END_RANK,
    GATE_RANK,
    LINES,
    REASON,
    SAID,
    STEP_RANK,
    TEXT,
    WARNED,
    Block,
    actions,
    button,
    context,
    header,
    message,
    section,
    sections,
    tail,
)
from bot.telling import (
    decisions,
    foretold_line,
    override_lines,
    pause_line,
    plan_line,
    plan_of,
    progress,
    read_at,
    state,
    step_details,
    step_line,
    title,
    warnings,
    what_next,
)
from bot.texts import at, escape, escaped, lasted, short, stopped, typed
from bot.view import Pause, Run, StepView


def messages(run: Run, installing: dict[int, tuple[str, int | None]]) -> list[Message]:
    """Every message that the run should show now, the card first; older attempts keep what they showed."""
    channel = run.request.channel
    if channel is None:
        return []
    # while it works its edits only count on; what people wait for passes them
    rank = UNHURRIED if run.started and not run.ended and not run.gate else GATE_RANK
    made = [message(run, channel, "card", card(run), rank, thread=False)]
    if run.override:
        # a reply of its own, for an edit of the card notifies nobody
        broadcast = not run.ended
        made.append(message(run, channel, "override", _overridden(run), GATE_RANK, broadcast=broadcast))
    made += approval_messages(run, channel)
    for step in run.steps:
        if step.begun:
            body = _step(run, step, installing.get(step.number) if step.state == "running" else None)
            rank = UNHURRIED if step.state == "running" else STEP_RANK
            made.append(message(run, channel, f"step-{step.number}-{step.attempt}", body, rank))
        for gate in step.gates:
            made += gate_messages(run, channel, gate)
    for gate in (*run.general_gates, *([run.gate] if run.gate else [])):
        made += gate_messages(run, channel, gate)
    for n, pause in enumerate(run.pauses, 1):
        body = {"text": "", "blocks": [section(_paused(pause))]}
        made.append(message(run, channel, f"pause-{n}", body, GATE_RANK))
    made += absence_messages(run, channel, _card_buttons(run))
    if run.ended:
        # what a verify finds in the middle of another run is no news for the channel
        beside = run.request.beside is not None
        made.append(message(run, channel, "end", _end(run), END_RANK, broadcast=not beside))
    return made


# --- the card -------------------------------------------------------------------------------------------------------


def card(run: Run) -> Block:
    """The one message of a run that is always up to date."""
    over, total = progress(run)
    stands = run.started and not run.ended and (run.gate or run.abort)
    now = _begin(state(run)) + (f", {over} of {total} steps done" if stands else "")
    first = f"{run.request.beside} holds the environment meanwhile. " if run.request.beside else ""
    following = _next(run)
    told = [] if run.started or run.ended else warnings(run)
    overridden = [stopped(line) for line in override_lines(run)]
    sentence = " ".join([f"{first}{run.id}: {title(run)}. {stopped(now)}", *overridden, *told, following]).strip()
    blocks = [
        header(_begin(title(run))),
        section(f"*{escape(now)}*\n{_asked(run)}"),
        *_lines(run),
        *([section(f"*{escape(following)}*")] if following else []),
        context(_footer(run)),
        *_card_buttons(run),
    ]
    return {"text": escaped(sentence, TEXT), "blocks": blocks}


def _begin(sentence: str) -> str:
    """With a capital, and names as they are."""
    return sentence[:1].upper() + sentence[1:]


def _next(run: Run) -> str:
    """Whose move it is, and with what."""
    if run.to_review or run.paused or (run.abort and not run.gate):
        return what_next(run)
    if run.gate or run.ended or run.plan is None or run.is_approved:
        return "The question is in the thread." if run.gate else ""
    return f"Next: an approver other than {run.requested.by.shown} reads the plan, then presses Approve or Reject."


def _asked(run: Run) -> str:
    lines = [f"*{escape(run.request.beside)} holds the environment meanwhile*"] if run.request.beside else []
    lines.append(f"{escape(run.id)}, asked for by {escape(run.requested.by.shown)} {at(run.requested.at)}")
    if run.request.reason:
        lines.append(f"Reason: {escaped(run.request.reason, REASON)}")
    lines += [f"*{escaped(line, REASON)}*" for line in override_lines(run)]
    lines += [f"Approved by {escape(said.by.shown)} {at(said.at)}" for said in run.approvals]
    if run.ended:
        lines.append(escaped(run.ended.sentence, SAID))
        lines += ["Nothing was changed."] if _came_to_nothing(run) else []
    elif run.abort:
        lines.append(f"Aborted by {escape(run.abort.by.shown)}: {escaped(run.abort.text, REASON)}")
    return "\n".join(lines)


def _came_to_nothing(run: Run) -> bool:
    """Whether it ended before its start: what it would have done is no news any more."""
    return bool(run.ended and run.plan and not run.started and not run.request.only_plan)


def _lines(run: Run) -> list[Block]:
    """The plan while it waits, the steps as they stand from the start on."""
    if run.plan is None or _came_to_nothing(run):
        return []
    if not run.started:
        bold = [bool(told.effect) for told in run.foretold]
        changed = [f"• {line}" for line in run.voided] if not run.is_approved else []
        told = [f"*Changed since plan {run.old_hash[:6]}:*", *changed] if changed else []
        before = [*sections([f"⚠ {line}" for line in warnings(run)], room=WARNED), *sections(told, room=CHANGED)]
        room = LINES - sum(len(block["text"]["text"]) for block in before)
        plan = sections([foretold_line(run, step.number) for step in run.steps], bold, room)
        return [*before, section(f"{plan_line(run)}\n{escape(plan_of(run))}"), *plan]
    lines = [[step_line(step), *(f"↳ {line}" for line in decisions(step.gates))] for step in run.steps]
    return sections([line for each in lines for line in each])


def _footer(run: Run) -> str:
    parts = [f"plan {run.hash[:6]}"] if run.hash else []
    if run.plan and not run.is_approved and not run.ended and not run.gate:
        parts.append(f"or type {typed(f'approve {run.id} {run.hash[:6]}')}")
    if run.started and run.ended_at:
        parts.append(f"took {lasted(run.ended_at - run.started)}")
    if run.expires and not run.is_approved and not run.ended:
        parts.append(f"expires {at(run.expires, run.request.zone)}")
    if run.started_changed:
        parts.append("changed since the plan: " + escaped("; ".join(run.started_changed), SAID))
    if run.ended:
        parts.append(f"audit {run.head.split(':')[0]}:{run.head.split(':')[1][:12]}")
    return "  ·  ".join(parts) or "the servers are being read"


def _card_buttons(run: Run) -> list[Block]:
    if run.to_review:
        return [actions(button("Review", "review", run.id))]
    if run.ended or run.gate or run.abort:
        return []
    if run.plan and not run.is_approved and not run.request.only_plan:
        approve = button("Approve", "approve", f"{run.id}|{run.hash}", "primary", confirm=f"Approve {title(run)}?")
        return [actions(approve, button("Reject", "reject", f"{run.id}|{run.hash}", "danger"))]
    if run.plan and run.plan.opens_gates and not run.request.only_plan:
        hold = button("Resume", "resume", run.id, "primary") if run.paused else button("Pause", "pause", run.id)
        return [actions(*([hold] if run.started else []), button("Abort", "abort", run.id, "danger"))]
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
    read = read_at(step.end) if step.end else ""
    told = "\n".join(escaped(line, DETAIL) for line in details)
    blocks = [section(f"*{escaped(head, REASON)}*\n{told}"), *tail(step)]
    notes = [read] if read else []
    if step.end and step.end.log_sha256:
        notes.append(f"log {escaped(step.end.log or '', REASON)}, SHA-256 {step.end.log_sha256[:12]}…")
    if notes:
        blocks.append(context("  ·  ".join(notes)))
    return {"text": escaped(f"{head}. {'; '.join(details)}", TEXT), "blocks": blocks}


def _paused(pause: Pause) -> str:
    return f"*{escape(pause_line(pause))}*, {at((pause.over or pause.by).at)}"


def _overridden(run: Run) -> Block:
    """What the whole channel is to know at once, and in the end who has reviewed it."""
    overridden, *reviewed = override_lines(run)
    head = f"{run.requested.by.shown} asked for {run.id}, {title(run)}, {overridden[0].lower()}{overridden[1:]}"
    lines = [f"Reason: {run.request.reason}", *reviewed]
    if not run.review and (run.started or not run.ended):
        lines.append("Another approver reviews it once it has ended.")
    text = " ".join(stopped(line) for line in (head, *lines))
    return {"text": escaped(text, TEXT), "blocks": [section(f"*{escaped(head, SAID)}*"), *sections(lines)]}


def _end(run: Run) -> Block:
    assert run.ended is not None
    took = f" in {lasted(run.ended_at - run.started)}" if run.ended_at and run.started else ""
    head = f"{run.id}, {title(run)}: {run.ended.outcome}{took}"
    sentence = f"{head}. {short(run.ended.sentence, 2 * SAID)}"
    witness = f"audit head {run.head}"
    told = f"*{escape(head)}*\n{escaped(run.ended.sentence, 2 * SAID)}"
    return {"text": f"{escaped(sentence, TEXT - 100)}\n{witness}", "blocks": [section(told), context(witness)]}
