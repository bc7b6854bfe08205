"""What approvers are asked in a run's thread, for an edit of its card would notify nobody: a plan that waits, and one
that is void and waits anew. The buttons are on the card, beside the plan. Pure."""

from bot.messages import Message
from bot.slack.parts import (
    CHANGED,
    GATE_RANK,
    REASON,
    Block,
    addressed,
    context,
    message,
    section,
    sections,
)
from bot.telling import title, what_next
from bot.texts import at, escape, escaped
from bot.view import Run


def approval_messages(run: Run, channel: str) -> list[Message]:
    """Told in the channel while they wait; what was answered before it was posted is told in the thread only."""
    waits = not run.is_approved and not run.ended
    made = []
    if run.mentions:
        first = waits and not run.voided
        made.append(message(run, channel, "approval-1", _first(run, first), GATE_RANK, broadcast=first))
    if run.voided:
        made.append(message(run, channel, f"voided-{run.n}", _voided(run, waits), GATE_RANK, broadcast=waits))
    return made


def _first(run: Run, waits: bool) -> Block:
    if not waits:
        return {"text": "", "blocks": [section(f"*{escape(run.id)} waited for approval.* {_answer(run)}")]}
    head, asked = f"{run.id} waits for approval: {title(run)}", f"{_where(run)} {what_next(run)}"
    why = f"Reason: {escaped(run.request.reason, REASON)}" if run.request.reason else ""
    told = "\n".join(line for line in (f"*{escape(head)}*", why, escape(asked)) if line)
    return addressed(_still_to_ask(run), f"{head}. {asked}", [section(told)])


def _answer(run: Run) -> str:
    if run.voided:
        return "That plan was approved and is void now."
    if run.is_approved:
        return " ".join(f"Approved by {escape(said.by.shown)} {at(said.at)}." for said in run.approvals)
    assert run.ended
    return f"It has ended: {escape(run.ended.outcome)}."


def _where(run: Run) -> str:
    so_far = len(run.approvals)
    told = f" {so_far} of {run.request.approvals} approvals." if so_far else ""
    return f"The plan is on its card, with Approve and Reject.{told}"


def _still_to_ask(run: Run) -> tuple[str, ...]:
    """An edit would ring nobody, and only seem to."""
    return () if run.approvals else run.mentions


def _voided(run: Run, waits: bool) -> Block:
    sentence = f"The plan of {run.id} is void: something changed before the start.{_after(run)}"
    note = f"plan {run.old_hash[:6]} became {run.hash[:6]}"
    changed = sections([f"• {line}" for line in run.voided], room=CHANGED)
    told = f"{sentence} {'; '.join(run.voided)}"
    blocks = [section(f"*{escape(sentence)}*"), *changed, context(note)]
    return addressed(_still_to_ask(run) if waits else (), told, blocks)


def _after(run: Run) -> str:
    if run.is_approved:
        return " It was approved again."
    return "" if run.ended else " It waits for approval again, on its card."
