"""The operations of a stretch: observe, act, watch and tell. Plain dicts in and out; what can be expected to fail is
an answer, not a raise."""

import threading

from bot import events as e
from bot.audit import Draft
from bot.errors import HostError, NpsError, QuotaUsedUp
from bot.plan import Plan, Target
from bot.policy import frozen_at_start
from bot.runs import judging, preflight
from bot.runs.desk import Desk, deadline
from bot.runs.engine import Data, plain
from bot.runs.planner import make_plan
from bot.settings import frozen
from bot.view import (
    Admit,
    AskPeople,
    EndInstallers,
    Finish,
    MakePlan,
    Release,
    Rest,
    Run,
    Settle,
    Start,
    Work,
    next_move,
)  # fmt: skip
from bot.windows.facts import HostFacts
from bot.windows.states import Act, Copied, Delivered, Installed, Reachable


class Operator(Desk):
    """Does what the walker asks for, for any run; one stretch of a run at a time."""

    def close(self, name: str) -> None:
        """The stretch is over; its channels stay for a minute, but at a gate they are closed."""
        run = self._audit.run(name)
        if run is None or run.gate:
            self._hosts.close(name)
        else:
            self._hosts.keep(name)

    # --- what comes next --------------------------------------------------------------------------------------------

    def next(self, given: Data) -> Data:
        """The machine's next move; rest where it is not its turn, or a newer event has set a newer stretch going."""
        run = self._run(given["run"])
        if run.trigger != given["trigger"]:
            return {"do": "rest"}
        base = {"run": run.id, "trigger": run.trigger}
        match next_move(run):
            case Rest() | Admit():
                return {"do": "rest"}
            case MakePlan(n):
                return base | {"do": "plan", "n": n}
            case Start(n):
                return base | {"do": "start", "n": n}
            case Work(step, attempt, repairing):
                return base | {"do": "work", "step": step, "attempt": attempt, "repairing": repairing}
            case AskPeople(step, attempt):
                return base | {"do": "ask", "step": step, "attempt": attempt}
            case Settle(n):
                return base | {"do": "settle", "n": n}
            case Release(n):
                return base | {"do": "release", "n": n}
            case EndInstallers(n):
                return base | {"do": "stop", "n": n}
            case Finish(outcome):
                return base | {"do": "finish", "outcome": outcome}

    # --- before the start -------------------------------------------------------------------------------------------

    def plan(self, given: Data) -> Data:
        """Reads all hosts at once and appends the plan, or says which host could not be read."""
        run, n = self._run(given["run"]), given["n"]
        try:
            plan = make_plan(self._settings, run.request, run.id, self._audit.store, self._target(run))
            facts, concerns = self._read_all(run.id, plan)
        except NpsError as fault:
            if full := self._full(given, fault):
                return full
            event = e.Unplanned(
                n=n, host=getattr(fault, "host", ""), sentence=fault.sentence, next_move=fault.next_move
            )
            ended = e.Ended(outcome="failed", sentence=f"No plan could be made. {fault}")
            return self._tell(f"{run.id}:plan:{n}", run.id, MakePlan(n), lambda _: [event, ended])
        foretold = plan.foretell(facts)

        def planned(now: Run) -> list[e.Event]:
            event = e.Planned(
                n=n, plan=plain(plan.model_dump(mode="json")), foretold=foretold, hash=plan.hash(foretold),
                expires=self._expires(now) if now.request.approvals and not now.request.only_plan else None,
                concerns=concerns,
            )  # fmt: skip
            return [event]

        return self._tell(f"{run.id}:plan:{n}", run.id, MakePlan(n), planned)

    def _target(self, run: Run) -> Target | None:
        """The run that a rollback names, with the folder of its own plan: nps.toml may name another one by now."""
        target = self._audit.run(run.request.target) if run.request.target else None
        return Target(run=target.id, folder=target.backup) if target and target.backup else None

    def start(self, given: Data) -> Data:
        """Reads all hosts anew; what differs from the approved plan voids it, where an approval was needed. What nobody
        has accepted yet is asked."""
        run, n = self._run(given["run"]), given["n"]
        plan = judging.plan_of(run)
        try:
            facts, concerns = self._read_all(run.id, plan)
        except NpsError as fault:
            if full := self._full(given, fault):
                return full
            key, event = judging.not_started(run, fault)
            return self._tell(key, run.id, Start(n), lambda _: [event])
        foretold = plan.foretell(facts)
        name, changed = plan.hash(foretold), plan.differences(run.foretold, foretold)
        is_void = name != run.hash and run.request.approvals
        if not is_void and (left := preflight.unaccepted(run, concerns)):
            key, event = judging.concerned(run, left)
            return self._tell(key, run.id, Start(n), lambda _: [event])

        def started(now: Run) -> list[e.Event]:
            freeze = frozen(self._settings.freezes, now.request.environment, self._audit.now())
            if late := frozen_at_start(now, freeze):
                return [late]
            if is_void:
                voided = e.Voided(
                    n=n + 1, plan=plain(plan.model_dump(mode="json")), foretold=foretold, hash=name, changed=changed,
                    expires=self._expires(now), concerns=concerns,
                )  # fmt: skip
                return [voided]
            kept = {host: plain(f.model_dump(mode="json")) for host, f in facts.items()}
            return [e.Started(n=n, facts=kept, changed=changed)]

        told = self._tell(f"{run.id}:start:{n}", run.id, Start(n), started)
        if (now := self._run(run.id)).started:
            self._prepare_next(now, 0)
        return told

    def _read_all(self, run: str, plan: Plan) -> tuple[dict[str, HostFacts], tuple[e.Concern, ...]]:
        """All hosts at once, and what speaks against the run there; raises one fault that names every host that could
        not be read, or all that stops the run."""

        refs = {ref.name: ref for ref in plan.hosts}

        def read(name: str, taken: threading.Event) -> HostFacts | HostError:
            try:
                host = self._hosts.get(run, refs[name])
                host.channel.meter.accepted = taken
                return host.observe(plan.host_query(name))
            except HostError as fault:
                return fault

        found = self._hosts.asking.all(list(refs), read)
        faults = [fault for fault in found.values() if isinstance(fault, HostError)]
        if faults:
            self._hosts.close(run)
            kind = QuotaUsedUp if all(isinstance(fault, QuotaUsedUp) for fault in faults) else HostError
            raise kind(
                ", ".join(fault.host for fault in faults),
                " ".join(fault.sentence for fault in faults),
                " ".join(dict.fromkeys(fault.next_move for fault in faults)),
            )
        facts = {name: facts for name, facts in found.items() if isinstance(facts, HostFacts)}
        concerns = preflight.judged(plan, facts, self._audit.now())
        if fault := preflight.fault(concerns):
            self._hosts.close(run)
            raise fault
        return facts, concerns

    # --- a step -----------------------------------------------------------------------------------------------------

    def look(self, given: Data) -> Data:
        """Reads the step's host."""
        run = self._run(given["run"])
        plan, step = self._step(run, given)
        return self._asked(given, lambda: self._hosts.get(run.id, self._ref(plan, step.host)).observe(plan.query(step)))

    def begin(self, given: Data) -> Data:
        """Appends that the attempt began, with what was found; a stored begin says whether an act was due."""
        run = self._run(given["run"])
        _, step = self._step(run, given)
        number, attempt, seen = given["step"], given["attempt"], given["seen"]
        if "error" in seen:
            return {"on": True, "act": False, "acted": False, "installs": False, "delivers": False}
        facts = HostFacts.model_validate(seen["facts"])
        step = step.since(run.step(number).clock or facts.clock)
        state = step.act_state(given["repairing"])
        # an installer whose end nobody has read is watched to its end first, whatever the version says by now
        unread = isinstance(state, Installed) and bool(run.step(number).unread)
        due = state is not None and (unread or judging.is_due(step, run.before(step.host), facts, given["repairing"]))
        event = e.StepBegun(step=number, attempt=attempt, found=step.state.found(facts), act=due, clock=facts.clock)
        move = Work(number, attempt, given["repairing"])
        told = self._tell(f"{run.id}:{number}:{attempt}:begin", run.id, move, lambda _: [event])
        if not told["on"]:
            return {"on": False}
        begun = told["event"]
        act = begun["act"] and due
        kind = {"installs": isinstance(state, Installed), "delivers": isinstance(state, Delivered)}
        return {"on": True, "act": act, "acted": begun["act"], **kind}

    def do(self, given: Data) -> Data:
        """A small act and the reading after it, in one request to the host."""
        run = self._run(given["run"])
        plan, step = self._step(run, given)
        state = step.since(run.step(given["step"]).clock).act_state(given["repairing"])
        assert state is not None
        facts = HostFacts.model_validate(given["facts"])
        if run.abort:
            return {"left": True}

        def acted() -> HostFacts:
            host = self._hosts.get(run.id, self._ref(plan, step.host))
            _, after = host.act(self._act(run, state, facts), deadline(facts.clock), then=plan.query(step))
            return after if after is not None else host.observe(plan.query(step))

        return self._asked(given, acted)

    def _act(self, run: Run, state: Reachable, facts: HostFacts) -> Act:
        """Older backups go once there is a new one, but none that an open rollback names."""
        if not isinstance(state, Copied):
            return state.act(facts)
        open_runs = self._audit.open_runs(run.request.environment)
        return state.sparing(facts, tuple(r.request.target for r in open_runs if r.request.target))

    def end(self, given: Data) -> Data:
        """Appends how the attempt ended; the last reading alone decides."""
        run, number, attempt = self._run(given["run"]), given["step"], given["attempt"]
        log, sha256, tail = self._logs.closed(self._logs.name(run.id, number, attempt))
        event = judging.ended(run, number, attempt, given["outcome"], given["acted"], log, sha256, tail)
        key = f"{run.id}:{number}:{attempt}:end"
        self._audit.append(key, lambda _: [Draft(event=event, run=run.id)])
        return {}

    def ask(self, given: Data) -> Data:
        """Opens the gate of a failed step."""
        run, number, attempt = self._run(given["run"]), given["step"], given["attempt"]
        event = judging.gate(run, number, attempt)
        return self._tell(f"{run.gate_id(number, attempt)}:gate", run.id, AskPeople(number, attempt), lambda _: [event])

    # --- the end ----------------------------------------------------------------------------------------------------

    def finish(self, given: Data) -> Data:
        """Appends the end of the run."""
        run = self._run(given["run"])
        event = judging.end_of(run, given["outcome"])
        return self._tell(f"{run.id}:end", run.id, Finish(given["outcome"]), lambda _: [event])
