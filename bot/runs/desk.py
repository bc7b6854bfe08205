"""What all operations of a stretch share: the run and its step, the log's judge, a host's fault as an answer."""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bot import events as e
from bot.audit import Audit, Draft, World
from bot.errors import HostError, NpsError, QuotaUsedUp, TooLate
from bot.plan import HostRef, Plan, Step
from bot.policy import whom
from bot.runs import judging
from bot.runs.engine import Data, plain
from bot.runs.hosts import Hosts
from bot.runs.logs import Logs
from bot.settings import Settings
from bot.view import Run, Settle, next_move
from bot.windows.facts import HostFacts
from bot.windows.host import MarkId
from bot.windows.states import Installed

ACT_WITHIN = timedelta(minutes=5)
FULL_PAUSE = 5.0
UNSET_EXPIRES = timedelta(hours=24)


class Desk:
    """Where operations are carried out; what can be expected to fail is an answer, not a raise."""

    def __init__(self, settings: Settings, audit: Audit, hosts: Hosts, logs: Logs) -> None:
        self._settings, self._audit, self._hosts, self._logs = settings, audit, hosts, logs
        self._pause = threading.Event()

    def _run(self, name: str) -> Run:
        run = self._audit.run(name)
        if run is None:
            raise NpsError(f"The audit log has no run {name}.", "Was the engine's file put beside another audit log?")
        return run

    def _step(self, run: Run, given: Data) -> tuple[Plan, Step]:
        plan = judging.plan_of(run)
        return plan, plan.steps[given["step"] - 1]

    def _ref(self, plan: Plan, name: str) -> HostRef:
        return next(ref for ref in plan.hosts if ref.name == name)

    def _mark(self, run: Run, given: Data) -> MarkId:
        return MarkId(store=self._audit.store, run=run.id, step=given["step"], attempt=given["attempt"])

    def _prepare_next(self, run: Run, number: int) -> None:
        """The next installer's host gets ready while those before it work; one that can't is told of when its step
        comes."""
        plan = judging.plan_of(run)
        due = (i for i, step in enumerate(plan.steps[number:], number + 1) if self._installs(run, step))
        if (found := next(due, None)) is None:
            return
        mark = MarkId(store=self._audit.store, run=run.id, step=found, attempt=1)
        with suppress(HostError):
            self._hosts.get(run.id, self._ref(plan, plan.steps[found - 1].host)).prepare(mark, plan.run_as)

    def _installs(self, run: Run, step: Step) -> bool:
        return isinstance(step.state, Installed) and not step.state.holds(run.before(step.host))

    def _expires(self, run: Run) -> datetime:
        environment = self._settings.environments.get(run.request.environment)
        return self._audit.now() + (environment.approval_expires if environment else UNSET_EXPIRES)

    def _tell(self, key: str, name: str, move: Any, events: Callable[[Run], list[Any]]) -> Data:
        """Appends what a move brought, unless the run has moved on meanwhile; answers with the stored event."""

        def judge(world: World) -> list[Draft]:
            now = world.run(name)
            if now is None or next_move(now) != move:
                return []
            return [Draft(event=self._addressed(now, event), run=name) for event in events(now)]

        stored = self._audit.append(key, judge)
        return {"on": bool(stored), "event": e.to_data(stored[0].event) if stored else None}

    def _offer_end(self, run: Run, hosts: list[str]) -> None:
        """Asks, once an abort, whether to end what still runs; nobody has to answer."""
        if run.gate or run.is_let_finish:
            return
        event = judging.living(run, hosts)
        self._tell(f"{run.gate_id(0, event.attempt)}:gate", run.id, Settle(run.settle_attempts + 1), lambda _: [event])

    def _addressed(self, run: Run, event: Any) -> Any:
        """A question names those who may decide."""
        name = run.request.environment
        if isinstance(event, e.Planned | e.Voided) and run.request.approvals and not run.request.only_plan:
            return replace(event, mentions=whom(self._settings, name, "approvers"))
        asks = isinstance(event, e.GateOpened) or (
            isinstance(event, e.HostsSettled | e.InstallersEnded) and event.sentence
        )
        if not asks:
            return event
        addressed = replace(event, mentions=whom(self._settings, name, "may_run"))
        if not isinstance(addressed, e.GateOpened):
            return addressed
        environment = self._settings.environments.get(name)
        return replace(addressed, approvals=environment.approvals if environment else 0)

    def _asked(self, given: Data, read: Callable[[], HostFacts]) -> Data:
        return self._tried(given, lambda: {"facts": plain(read().model_dump(mode="json"))})

    def _tried(self, given: Data, do: Callable[[], Data], patient: bool = False) -> Data:
        try:
            return do()
        except TooLate:
            return {"late": True}
        except NpsError as fault:
            # what failed is not kept for the next stretch: a retry opens, and logs in, anew
            self._hosts.close(given["run"])
            if patient and fault.retry and isinstance(fault, HostError):
                raise
            return self._full(given, fault) or {"error": told(fault)}

    def _full(self, given: Data, fault: NpsError) -> Data | None:
        """After a pause, where the walker waits for a shell: what to ask again; None for any other fault, and once
        the run was aborted."""
        if not isinstance(fault, QuotaUsedUp) or not given.get("waits") or self._run(given["run"]).abort:
            return None
        self._pause.wait(FULL_PAUSE)
        return {"full": told(fault)}


def told(fault: NpsError) -> Data:
    return {"sentence": fault.sentence, "next_move": fault.next_move}


def deadline(clock: str) -> datetime:
    """Counted on the host's own clock, so that skew does not matter."""
    return datetime.fromisoformat(clock) + ACT_WITHIN
