"""A reply for each time that no bot was there: what was lost, and the open question with its buttons anew. Pure."""

from bot.messages import Message
from bot.slack.gates import buttons_anew
from bot.slack.parts import GATE_RANK, SAID, Block, mention, message, section
from bot.telling import what_next
from bot.texts import at, escape, escaped
from bot.view import Absence, Run


def absence_messages(run: Run, channel: str, card_buttons: list[Block]) -> list[Message]:
    """The newest has the buttons that are valid now; what was asked since has its own."""
    made = []
    for n, absence in enumerate(run.absences, 1):
        is_newest = n == len(run.absences) and run.ended is None
        asks = is_newest and _asked_before(run, absence)
        goes_on = is_newest and not run.gate and _went_on(run, absence)
        blocks = _asked(run, card_buttons) if asks else card_buttons if goes_on else []
        body = {"text": "", "blocks": [section(_told(run, absence)), *blocks]}
        made.append(message(run, channel, f"away-{n}", body, GATE_RANK, broadcast=asks))
    return made


def _told(run: Run, absence: Absence) -> str:
    span = f"from {at(absence.since)} to {at(absence.until)}"
    return f"*{escape(run.id)}: nps-bot was away {span}.*\nWhat was pressed or typed meanwhile was not recorded."


def _asked_before(run: Run, absence: Absence) -> bool:
    """Whether people are asked something that they could not answer then."""
    if run.gate:
        return run.gate.at <= absence.until
    waits = run.plan is not None and not run.is_approved and not run.request.only_plan
    return waits and run.planned_at is not None and run.planned_at <= absence.until


def _went_on(run: Run, absence: Absence) -> bool:
    """Whether nobody was asked anything then: a reply whose question is answered has no buttons any more."""
    gates = [*run.general_gates, *(gate for step in run.steps for gate in step.gates)]
    asked = [gate for gate in gates if gate.at <= absence.until]
    answered = [gate.decided.at for gate in asked if gate.decided] + [said.at for said in run.approvals]
    return (
        run.planned_at is not None
        and run.planned_at <= absence.until
        and max(answered, default=run.planned_at) <= absence.until
    )


def _asked(run: Run, card_buttons: list[Block]) -> list[Block]:
    if run.gate is None:
        return [section(escaped(what_next(run), SAID)), *card_buttons]
    names = run.gate.proposal.mentions if run.gate.proposal else run.gate.mentions
    to = [section(mention(names))] if names else []
    return [*to, section(f"{escaped(run.gate.sentence, SAID)}"), *buttons_anew(run, run.gate)]
