"""Reminds people of a question that has stood for long: first those who may decide, then the admins too.

It is a look of the dispatcher's, not a timer: each reminder has its key, and is judged where it is appended.
"""

from bot.audit import Audit, Draft, World
from bot.events import Reminded
from bot.policy import whom
from bot.settings import Settings
from bot.view import Gate, Run


class Reminders:
    """One reminder and one escalation a question, and a proposal is one of its own; neither decides anything."""

    def __init__(self, settings: Settings, audit: Audit) -> None:
        self._settings, self._audit = settings, audit

    def look(self, run: Run) -> None:
        """Appends the reminder that is due, if one is."""
        if run.gate is None or (due := self._due(run, run.gate)) is None:
            return
        gate = run.gate

        def judge(world: World) -> list[Draft]:
            now = world.run(run.id)
            if now is None or now.gate is None or now.gate.id != gate.id or self._due(now, now.gate) is None:
                return []
            return [Draft(event=due, run=run.id)]

        which = f"{due.proposal[:6]}:" if due.proposal else ""
        self._audit.append(f"{gate.id}:{which}{'escalate' if due.escalated else 'remind'}", judge)

    def _due(self, run: Run, gate: Gate) -> Reminded | None:
        environment, proposal = run.request.environment, gate.proposal
        remind, escalate = self._settings.reminders(environment)
        asked = proposal.hash if proposal else ""
        since = max(gate.at, gate.asked_anew or gate.at, proposal.by.at if proposal else gate.at)
        waited = self._audit.now() - since
        escalated = waited >= escalate
        told = [each for each in gate.reminders if each.proposal == asked]
        if any(each.escalated or not escalated for each in told) or waited < min(remind, escalate):
            return None
        return Reminded(
            step=gate.step, attempt=gate.attempt, escalated=escalated, after=escalate if escalated else remind,
            proposal=asked, mentions=self._whom(environment, gate, escalated),
        )  # fmt: skip

    def _whom(self, environment: str, gate: Gate, escalated: bool) -> tuple[str, ...]:
        """Those who may approve, where something is proposed; the proposer is none of them."""
        if escalated:
            return whom(self._settings, environment, "admins")
        if gate.proposal is None:
            return whom(self._settings, environment, "may_run")
        return gate.proposal.mentions
