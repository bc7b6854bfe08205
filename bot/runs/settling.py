"""After an abort: what of this run still lives on its hosts, and the end of it where people want that. Plain dicts in
and out."""

from dataclasses import dataclass

from bot import events as e
from bot.audit import Draft, World
from bot.errors import HostBusy, HostError, NpsError
from bot.runs import judging
from bot.runs.desk import Desk
from bot.runs.engine import Data, plain
from bot.view import EndInstallers, Release, Run, Settle, StepView, next_move
from bot.windows.facts import Mark
from bot.windows.host import Host, MarkId
from bot.windows.states import Installed

PAUSE, LONG_PAUSE, SHORT_LOOKS = 5.0, 10.0, 120
"""Seconds between two looks; longer ones after ten minutes."""


@dataclass(frozen=True)
class Left:
    """What the attempts at a step have left on its host, the newest last."""

    view: StepView
    host: Host
    marks: list[tuple[MarkId, Mark]]

    @property
    def lives(self) -> bool:
        return any(mark.alive for _, mark in self.marks)


class Settling(Desk):
    """The last operations of an aborted run."""

    def settle(self, given: Data) -> Data:
        """Waits for a living installer of this run, for as long as it takes, then ends the run; people may have it
        ended meanwhile. A host that can't be asked holds the run."""
        run, n = self._run(given["run"]), given["n"]
        try:
            left = self._left(run)
            living = [each.view.host for each in left if each.lives]
            is_copying = not living and not self._started_again(run)
            over = [] if living or is_copying else [each for each in left if each.view.state == "running"]
            told = [self._told(run, each) for each in over]
        except HostError as fault:
            self._hosts.close(run.id)
            held = e.HostsSettled(
                n=n, settled=False, sentence=f"Nobody knows whether an installer still runs. {fault.sentence}"
            )
            return self._tell(f"{run.id}:settle:{n}", run.id, Settle(n), lambda _: [held])
        if living or is_copying:
            if living:
                self._offer_end(run, living)
            self._pause.wait(PAUSE if given["count"] < SHORT_LOOKS else LONG_PAUSE)
            return {}
        settled = Draft(event=e.HostsSettled(n=n, settled=True), run=run.id)
        ended = Draft(event=judging.aborted(run), run=run.id)
        return self._moved(run, f"{run.id}:end", Settle(n), [settled, *told, ended])

    def stop(self, given: Data) -> Data:
        """Ends all processes of every installer of this run that lives, as a person has decided."""
        run, n = self._run(given["run"]), given["n"]
        if run.ending is None:
            return {}
        hosts: list[str] = []
        told: list[Draft] = []
        key, move = f"{run.id}:ending:{n}", EndInstallers(n)
        try:
            for left in self._left(run):
                hosts += [left.view.host] if left.lives else []
                over = self._ended(left, run.ending.by.shown)
                told += [self._told(run, over)] if left.view.state == "running" else []
        except NpsError as fault:
            self._hosts.close(run.id)
            failed = e.InstallersEnded(n=n, hosts=tuple(hosts[:-1]), sentence=fault.sentence)
            return self._tell(key, run.id, move, lambda _: [failed])
        done = Draft(event=e.InstallersEnded(n=n, hosts=tuple(hosts)), run=run.id)
        return self._moved(run, key, move, [done, *told])

    def release(self, given: Data) -> Data:
        """Asks once whether anything of a run lives whose stretch died; the dispatcher has it asked again."""
        run, n = self._run(given["run"]), given["n"]
        try:
            living = [left.view.host for left in self._left(run) if left.lives]
        except HostError as fault:
            self._hosts.close(run.id)
            told = e.OrphanAnswered(n=n, free=False, sentence=f"Nobody knows whether it lives. {fault.sentence}")
        else:
            sentence = f"An installer of this run still runs on {', '.join(living)}." if living else ""
            told = e.OrphanAnswered(n=n, free=not living, sentence=sentence)
        return self._tell(f"{run.id}:orphan:{n}:answer", run.id, Release(n), lambda _: [told])

    def _left(self, run: Run) -> list[Left]:
        """Asks the hosts of the installers' steps that have begun; an attempt that never began is given up, so that it
        never can."""
        plan, found = judging.plan_of(run), []
        for view in run.steps:
            step = plan.steps[view.number - 1]
            if isinstance(step.state, Installed) and view.touched:
                host = self._hosts.get(run.id, self._ref(plan, step.host))
                marks = [self._mark(run, {"step": view.number, "attempt": n}) for n in range(1, view.attempt + 1)]
                found.append(Left(view, host, [(mark, host.give_up(mark)) for mark in marks]))
        return found

    def _started_again(self, run: Run) -> bool:
        """Starts the service that a copy was cut off from; False while that copy still runs."""
        plan = judging.plan_of(run)
        for step, view in zip(plan.steps, run.steps, strict=True):
            if judging.copies_stopped(step) and view.touched and view.state != "done":
                try:
                    self._hosts.get(run.id, self._ref(plan, step.host)).start_left_stopped()
                except HostBusy:
                    return False
        return True

    def _ended(self, left: Left, by: str) -> Left:
        marks = [(mine, left.host.end_installer(mine, by) if mark.alive else mark) for mine, mark in left.marks]
        return Left(left.view, left.host, marks)

    def _told(self, run: Run, left: Left) -> Draft:
        """The end of an attempt that nobody watches any more, with what its host looks like now."""
        number, attempt = left.view.number, left.view.attempt
        plan, step = self._step(run, {"step": number})
        facts = left.host.observe(plan.query(step))
        mark = next((mark for _, mark in left.marks if mark.state == "ended"), left.marks[-1][1])
        outcome = {"facts": plain(facts.model_dump(mode="json")), "mark": plain(mark.model_dump(mode="json"))}
        log = self._logs.closed(self._logs.name(run.id, number, attempt))
        event = judging.ended(run, number, attempt, outcome, True, *log)
        return Draft(event=event, run=run.id, key=f"{run.id}:{number}:{attempt}:end")

    def _moved(self, run: Run, key: str, move: Settle | EndInstallers, drafts: list[Draft]) -> Data:
        """Appends what the move brought, unless the run has moved on meanwhile; no attempt ends twice."""

        def judge(world: World) -> list[Draft]:
            now = world.run(run.id)
            if now is None or next_move(now) != move:
                return []
            working = {step.number for step in now.steps if step.state == "running"}
            return [d for d in drafts if not isinstance(d.event, e.StepEnded) or d.event.step in working]

        return {"on": bool(self._audit.append(key, judge))}
