"""The dispatcher: a follower that starts the stretch that is due, gives out the environment's lock, lets
approvals expire, and reminds people.

It touches no host. It may run again at any time: what it does has a deterministic id.
"""

import logging
from datetime import timedelta

from bot.audit import Audit, Draft, World
from bot.errors import AuditFault
from bot.events import Admitted, Ended, Expired, OrphanAnswered, OrphanAsked, StretchDied
from bot.loop import Loop
from bot.plan import RUNBOOKS
from bot.policy import frozen_at_start, whom
from bot.runs.engine import ALIVE, Engine
from bot.runs.reminding import Reminders
from bot.settings import Settings, frozen
from bot.texts import lasted
from bot.view import Admit, Release, Rest, Run, next_move

LOOK_EVERY, LOOK_SOON = 2.0, 0.05
ORPHAN_PAUSE = timedelta(minutes=1)
"""Doubled each time, up to an hour."""
log = logging.getLogger("nps.dispatcher")


class Dispatcher:
    """Looks at start, after each append, and every few seconds."""

    def __init__(self, settings: Settings, audit: Audit, engine: Engine) -> None:
        self._settings, self._audit, self._engine = settings, audit, engine
        self._reminders = Reminders(settings, audit)
        self._version = -1
        self.loop = Loop("dispatcher", self._follow, audit.touch)

    def _follow(self) -> None:
        waits = self.look()
        self._version = self._audit.wait(self._version, LOOK_SOON if waits else LOOK_EVERY)

    def look(self) -> bool:
        """One look at every open run; whether one waits only for its last stretch to be over, of which nobody tells."""
        return any([self._looked(run) for run in self._audit.open_runs()])

    def _looked(self, run: Run) -> bool:
        """A run that can't be moved holds no other one back."""
        try:
            return self._look_at(run)
        except AuditFault as fault:
            log.error("%s could not be moved on: %s", run.id, fault)
            return False
        except Exception:
            log.exception("%s could not be moved on; it is tried again.", run.id)
            return False

    def _look_at(self, run: Run) -> bool:
        self._reminders.look(run)
        match next_move(run):
            case Rest():
                self._expire(run)
                self._ask_orphan(run)
            case Admit(n):
                self._admit(run, n)
            case _:
                return self._carry(run)
        return False

    def _expire(self, run: Run) -> None:
        if not self._is_late(run):
            return

        def judge(world: World) -> list[Draft]:
            now = world.run(run.id)
            if now is None or not self._is_late(now) or not now.expires or not now.planned_at:
                return []
            waited = lasted(now.expires - now.planned_at)
            had = f"It had {len(now.approvals)} of {now.request.approvals} approvals after {waited}"
            ended = Ended(outcome="expired", sentence=f"{had}. Ask for it again.")
            return [Draft(event=Expired(n=now.n), run=run.id), Draft(event=ended, run=run.id)]

        self._audit.append(f"{run.id}:expire:{run.n}", judge)

    def _is_late(self, run: Run) -> bool:
        return bool(run.expires and not run.ended and not run.is_approved and run.expires < self._audit.now())

    def _ask_orphan(self, run: Run) -> None:
        """At once, and then less and less often: a server that is away may be back."""
        n = run.orphan_asks + 1

        def judge(world: World) -> list[Draft]:
            now = world.run(run.id)
            return [Draft(event=OrphanAsked(n=n), run=run.id)] if now and self._is_orphan(now) else []

        if self._is_orphan(run):
            self._audit.append(f"{run.id}:orphan:{n}", judge)

    def _is_orphan(self, run: Run) -> bool:
        orphan = run.orphan
        if orphan is None or run.gate is None or orphan.asking or orphan.free:
            return False
        if orphan.answered_at is None:
            return True
        pause: timedelta = ORPHAN_PAUSE * 2 ** min(orphan.answers - 1, 6)
        return self._audit.now() - orphan.answered_at > pause

    def _admit(self, run: Run, n: int) -> None:
        """The lock is the fold and there is no other: the oldest approved run, when none is admitted and not ended, and
        no person has locked the environment."""

        def judge(world: World) -> list[Draft]:
            runs = world.open_runs(run.request.environment)
            waiting = [r for r in runs if isinstance(next_move(r), Admit)]
            if any(r.holds for r in runs) or world.environment(run.request.environment).lock:
                return []
            if not waiting or waiting[0].id != run.id:
                return []
            freeze = frozen(self._settings.freezes, run.request.environment, world.now)
            if late := frozen_at_start(waiting[0], freeze):
                return [Draft(event=late, run=run.id)]
            return [Draft(event=Admitted(n=n), run=run.id)]

        self._audit.append(f"{run.id}:admit:{n}", judge)

    def _carry(self, run: Run) -> bool:
        status = self._engine.status(run.id, run.trigger)
        if status is None:
            if self._engine.has_living(run.id):
                return True
            self._engine.start(run.id, run.trigger)
        elif status not in ALIVE:
            self._died(run)
        return False

    def _died(self, run: Run) -> None:
        """The stretch is over and the machine should move: it told everything before it ended, so a second look
        decides."""
        reason = self._engine.error(run.id, run.trigger)

        def judge(world: World) -> list[Draft]:
            now = world.run(run.id)
            if now is None or now.trigger != run.trigger or isinstance(next_move(now), Rest | Admit):
                return []
            log.error("The stretch %s@%s ended before its work was done: %s", run.id, run.trigger, reason)
            if isinstance(move := next_move(now), Release):
                told = OrphanAnswered(n=move.n, free=False, sentence="Its servers could not be asked.")
                return [Draft(event=told, run=run.id)]
            sentence = "The bot could not go on by itself: its stretch ended early. The reason is in the bot's log."
            if now.request.only_plan or not RUNBOOKS[now.request.runbook].opens_gates:
                return [Draft(event=Ended(outcome="failed", sentence=f"{sentence} Ask for it again."), run=run.id)]
            mentions = whom(self._settings, now.request.environment, "may_run")
            return [Draft(event=StretchDied(trigger=run.trigger, sentence=sentence, mentions=mentions), run=run.id)]

        self._audit.append(f"{run.id}:died:{run.trigger}", judge)
