"""Installers: started under their mark, watched in short looks, their log kept. Plain dicts in and out."""

from contextlib import suppress

from bot.errors import ActFailed, HostError
from bot.plan import Plan
from bot.runs.desk import Desk, deadline
from bot.runs.engine import Data, plain
from bot.windows.facts import HostFacts
from bot.windows.host import LOG_BYTES, MarkId
from bot.windows.states import Installed


class Installers(Desk):
    """The operations of a step that runs an installer."""

    def install(self, given: Data) -> Data:
        """Starts the installer under its mark, or finds it started; it is watched by operations of its own."""
        run = self._run(given["run"])
        plan, step = self._step(run, given)
        state = step.act_state(given["repairing"])
        assert isinstance(state, Installed)
        facts = HostFacts.model_validate(given["facts"])
        mark = self._mark(run, given)

        def started() -> Data:
            host = self._hosts.get(run.id, self._ref(plan, step.host))
            for attempt in range(1, mark.attempt):
                # one whose task never began must not begin beside this one
                host.give_up(mark.model_copy(update={"attempt": attempt}))
            try:
                found = host.start_installer(state.act(facts), mark, deadline(facts.clock), plan.run_as)
            except ActFailed:
                host.give_up(mark)
                raise
            self._prepare_next(run.id, plan, given["step"])
            return {"watch": {"mark_attempt": found.attempt, "offset": 0}}

        return self._tried(given, started)

    def _prepare_next(self, run: str, plan: Plan, number: int) -> None:
        """While an installer works, the next one's host gets ready; one that can't is told of when its step comes."""
        later = (step for step in plan.steps[number:] if isinstance(step.state, Installed))
        if step := next(later, None):
            with suppress(HostError):
                self._hosts.get(run, self._ref(plan, step.host)).prepare()

    def watch(self, given: Data) -> Data:
        """Watches the installer for a few seconds, keeps its log, and reads the host once it has ended."""
        run = self._run(given["run"])
        plan, step = self._step(run, given)
        mark = MarkId(store=self._audit.store, run=run.id, step=given["step"], attempt=given["mark_attempt"])

        def watched() -> Data:
            host = self._hosts.get(run.id, self._ref(plan, step.host))
            seen = host.watch(mark, given["offset"], given["seconds"])
            self._logs.write(self._logs.name(run.id, given["step"], given["attempt"]), given["offset"], seen.log)
            self._audit.set_progress(run.id, given["step"], given["attempt"], seen.line or "", seen.percent)
            if seen.mark.alive or len(seen.log) == LOG_BYTES:
                again = {"mark_attempt": mark.attempt, "offset": seen.offset}
                return {"watch": again, "aborted": run.abort is not None}
            facts = host.observe(plan.query(step))
            return {"facts": plain(facts.model_dump(mode="json")), "mark": plain(seen.mark.model_dump(mode="json"))}

        try:
            return self._tried(given, watched, patient=True)
        except HostError as fault:
            return self._away(run.id, given, fault)

    def _away(self, run: str, given: Data, fault: HostError) -> Data:
        """A server that restarts, or a cut, in the middle of an installer: the watch goes on, the walker counts how
        often."""
        self._audit.set_progress(run, given["step"], given["attempt"], f"{fault.sentence} The bot keeps looking.", None)
        self._pause.wait(given["seconds"])
        again = {"mark_attempt": given["mark_attempt"], "offset": given["offset"]}
        away = {"sentence": fault.sentence, "next_move": fault.next_move}
        return {"watch": again, "away": away, "aborted": self._run(run).abort is not None}
