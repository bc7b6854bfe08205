"""What people are told at once: the answer to each recorded act, and the reading commands."""

from bot import events as e
from bot import waiting
from bot.audit import Audit, Outbox
from bot.commands import Command, nearest
from bot.errors import BadInput
from bot.events import Stored
from bot.plan import RUNBOOKS
from bot.settings import Settings, frozen
from bot.telling import full, state, title, what_next
from bot.texts import at, escape, escaped, lasted, short, typed
from bot.view import Admit, EnvironmentView, Run, next_move
from bot.waiting import lock_line

LISTED, ABOUT = 10, 900
ELSEWHERE = "another channel"


class Answers:
    """Texts in Slack's markup; a terminal shows them plain."""

    def __init__(self, settings: Settings, audit: Audit, outbox: Outbox) -> None:
        self._settings, self._audit, self._outbox = settings, audit, outbox

    def recorded(self, item: Stored) -> str:
        """The answer to the act that this event is."""
        name = self._name(item.run) if item.run else ""
        match item.event:
            case e.Requested() as request:
                where = f" It is told in <#{request.channel}>." if request.channel else ""
                return f"{name} is recorded: {escape(request.text)}.{where}{self._waits(item.run or '', request)}"
            case e.Refused() as refused:
                since = f"That was {at(refused.since)}." if refused.since else ""
                pieces = [escape(refused.sentence), since, escape(refused.next_move)]
                return " ".join(piece for piece in pieces if piece) + self._pointer(item, refused)
            case e.Approved():
                return f"Your approval of {name} is recorded."
            case e.Rejected():
                return f"{name} is rejected."
            case e.AbortRequested():
                run = self._audit.run(item.run or "")
                return f"{name} is ended." if run and run.ended else f"{name}: no further step begins."
            case e.Paused():
                return f"{name}: no further step begins. To go on: {typed(f'resume {item.run}')}"
            case e.Resumed():
                return f"{name} goes on."
            case e.Locked(environment=environment):
                told = (
                    f"*{environment}* is locked: no run starts there until you type {typed(f'unlock {environment}')}."
                )
                going = [run.id for run in self._audit.open_runs(environment) if run.holds]
                return f"{told} {self._name(going[0])} is at work there and goes on." if going else told
            case e.Reviewed():
                return f"Your review of {name} is recorded."
            case e.Unlocked(environment=environment):
                next_one = [run.id for run in self._audit.open_runs(environment) if isinstance(next_move(run), Admit)]
                goes_on = f" {self._name(next_one[0])}, which waited, goes on." if next_one else ""
                return f"*{environment}* is unlocked.{goes_on}"
            case e.Proposed() as proposed:
                line = typed(f"approve {item.run} {proposed.hash[:6]}")
                return f"Your proposal to {proposed.word} is recorded. Somebody else approves it: {line}"
            case e.ProposalApproved():
                return f"Your approval of the proposal in {name} is recorded."
            case e.TurnedDown():
                return f"The proposal in {name} is turned down."
            case e.Decided() as decided:
                return f"{name}: {decided.word} is recorded."
            case _:
                return f"{name} is recorded."

    def _waits(self, run: str, request: e.Requested) -> str:
        """Said at once, for that it will wait is no news that should come later."""
        name = request.environment
        if request.only_plan or not RUNBOOKS[request.runbook].takes_lock:
            return ""
        others = [other for other in self._audit.open_runs(name) if other.id != run]
        told = waiting.ahead(others, self._audit.environment(name))
        return f" It will have to wait: {escape(told)}" if told else ""

    def _pointer(self, item: Stored, refused: e.Refused) -> str:
        """Where to look or to ask instead."""
        if item.actor.rule == ELSEWHERE and refused.environment in self._settings.environments:
            return f" Ask in <#{self._settings.channel(refused.environment)}>."
        return f" ({self._name(item.run)})" if item.run else ""

    def about(self, name: str) -> str:
        """What somebody who is asked for a reason decides about."""
        run = self._audit.run(name)
        if run is None:
            return ""
        lines = [f"*{escape(run.id)}* {escape(title(run))}: {escape(state(run))}"]
        if run.gate:
            lines.append(escaped(run.gate.sentence, ABOUT))
        if run.gate and (proposal := run.gate.proposal):
            why = f" because {proposal.reason}" if proposal.reason else ""
            lines.append(escaped(f"{proposal.by.by.shown} proposes to {proposal.word}{why}", ABOUT))
        return "\n".join(lines)

    def proposed(self, name: str, hashed: str | None) -> str:
        """The word of the open proposal, where this hash is its."""
        run = self._audit.run(name)
        proposal = run.gate.proposal if run and run.gate else None
        return proposal.word if proposal and proposal.hash == hashed else ""

    def _name(self, run: str) -> str:
        link = self._outbox.link(run)
        return f"<{link}|{run}>" if link else f"*{run}*"

    def read(self, command: Command, visible: list[str]) -> str:
        """The answer of status, history or show; only environments that the person may see are told."""
        if command.word == "show":
            run = self._audit.run(command.run or "")
            if run is None or run.request.environment not in visible:
                known = [name for env in visible for name in self._audit.run_names(env)]
                raise BadInput(
                    f"There is no run “{short(command.run or '')}”.",
                    nearest(command.run or "", known, "history lists them."),
                )
            return full(self._audit.told(run), self._outbox.link(run.id))
        names = visible if command.environment is None else [self._known(command.environment, visible)]
        if not names:
            return "There is no environment that is told about here."
        return self._status(names) if command.word == "status" else self._history(names)

    def _known(self, name: str, visible: list[str]) -> str:
        if name not in visible:
            raise BadInput(
                f"There is no environment “{short(name)}”.", nearest(name, visible, f"There are: {', '.join(visible)}.")
            )
        return name

    def _status(self, names: list[str]) -> str:
        return "\n".join(line for name in names for line in self._environment(name))

    def _environment(self, name: str) -> list[str]:
        going, environment = self._audit.open_runs(name), self._audit.environment(name)
        lines = [f"*{name}*: " + ("nothing runs" if not going else f"{len(going)} open")]
        lines += self._kept(environment)
        for run in (waiting.told(run, going, environment) for run in going):
            by = escape(run.requested.by.shown)
            lines.append(f"  {self._name(run.id)} {escape(title(run))}: {escape(state(run))}, by {by}")
            lines += [f"    {escape(what_next(run))}"] if what_next(run) else []
        if not going:
            lines += [f"  last: {self._ended(run)}" for run in self._audit.folded(self._audit.run_names(name)[-1:])]
        return lines

    def _kept(self, environment: EnvironmentView) -> list[str]:
        """What keeps runs out of an environment: a lock, a freeze, an open review."""
        name, lines = environment.name, []
        if lock := environment.lock:
            lines.append(f"  {escape(lock_line(name, lock))} {typed(f'unlock {name}')} ends it.")
        if freeze := frozen(self._settings.freezes, name, self._audit.now()):
            lines.append(f"  {name} is frozen until {at(freeze.until, freeze.zone)}: {escape(freeze.reason)}.")
        for review in environment.reviews:
            line = typed(f"review {review.run} because REASON")
            asked = f"{escape(review.by.by.shown)} overrode a freeze because {escape(review.by.text)}"
            lines.append(f"  To be reviewed by another approver: {self._name(review.run)}, {asked}. Type: {line}")
        return lines

    def _history(self, names: list[str]) -> str:
        latest = [run for name in names for run in self._audit.folded(self._audit.run_names(name)[-LISTED:])]
        runs = sorted(latest, key=lambda run: run.requested.at)
        if not runs:
            return f"No run of {', '.join(names)} yet."
        return "\n".join(self._ended(run) for run in reversed(runs[-LISTED:]))

    def _ended(self, run: Run) -> str:
        took = f" in {lasted(run.ended_at - run.started)}" if run.ended_at and run.started else ""
        asked = f"by {escape(run.requested.by.shown)} {at(run.requested.at)}"
        return f"{self._name(run.id)} {escape(title(run))}: {state(run)}{took}, {asked}"
