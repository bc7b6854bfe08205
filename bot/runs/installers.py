"""Installers: started under their mark, watched in short looks, their log kept. Plain dicts in and out."""

from datetime import datetime

from bot.errors import ActFailed, HostError, InstallerBusy
from bot.plan import Plan
from bot.runs import judging, outcomes, patience
from bot.runs.desk import Desk, deadline
from bot.runs.engine import Data, plain
from bot.view import Run
from bot.windows.facts import LOG_BYTES, HostFacts, Mark, Watched
from bot.windows.host import Host, MarkId
from bot.windows.states import Installed

WAIT = 10.0


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
        if run.abort:
            return {"left": True}
        due = judging.is_due(step, run.before(step.host), facts, given["repairing"])

        def started() -> Data:
            host = self._hosts.get(run.id, self._ref(plan, step.host))
            if found := self._unread(host, mark, run.step(given["step"]).unread, due):
                return {"watch": patience.first(found, facts.clock, found.attempt == mark.attempt)}
            if not due:
                return {"facts": given["facts"], "acted": False}
            try:
                found = host.start_installer(state.act(facts), mark, deadline(facts.clock), plan.run_as)
            except InstallerBusy as fault:
                return {"busy": {"sentence": fault.sentence, "next_move": fault.next_move}}
            except ActFailed:
                host.give_up(mark)
                raise
            self._prepare_next(run, given["step"])
            return {"watch": patience.first(found, facts.clock, found.attempt == mark.attempt)}

        return self._tried(given, started)

    def _unread(self, host: Host, mark: MarkId, unread: tuple[int, ...], due: bool) -> Mark | None:
        """The newest that began and whose end nobody has read: it is watched to its end, for its exit code is the
        answer to people. One that never began is given up, so that it can't begin beside this one."""
        last = mark.attempt - 1 if due else mark.attempt
        found = [host.give_up(mark.model_copy(update={"attempt": n})) for n in range(1, last + 1)]
        return next((m for m in reversed(found) if m.attempt in unread and m.state != "given_up"), None)

    def watch(self, given: Data) -> Data:
        """Watches the installer for a few seconds, keeps its log, and reads the host once it has ended."""
        run = self._run(given["run"])
        if run.ending or (run.abort and self._audit.now() - run.abort.at > patience.ABORTED):
            return {"left": True}
        plan, step = self._step(run, given)
        mark = MarkId(store=self._audit.store, run=run.id, step=given["step"], attempt=given["watched"]["mark_attempt"])

        def watched() -> Data:
            host = self._hosts.get(run.id, self._ref(plan, step.host))
            seen = host.watch(mark, given["watched"]["offset"], given["seconds"])
            self._logs.write(
                self._logs.name(run.id, given["step"], given["attempt"]), given["watched"]["offset"], seen.log
            )
            self._say(run, given, seen.line or "", seen.percent)
            if run.abort and seen.mark.alive:
                self._offer_end(run, [step.host])
            if seen.mark.alive or len(seen.log) == LOG_BYTES:
                return self._watch_on(plan, given, seen)
            return self._read(run, host, given, seen)

        try:
            return self._tried(given, watched, patient=True)
        except HostError as fault:
            return self._away(run, given, fault)

    def _watch_on(self, plan: Plan, given: Data, seen: Watched) -> Data:
        """Until its time is over, or it stands still; then people are asked, and it runs on."""
        step = plan.steps[given["step"] - 1]
        assert isinstance(step.state, Installed)
        known = patience.after(given["watched"], seen)
        late = seen.mark.alive and patience.overdue(step.host, step.state.package, known, seen.clock)
        return {"error": late} if late else {"watch": known}

    def _read(self, run: Run, host: Host, given: Data, seen: Watched) -> Data:
        """The reading after it; where it restarts its server, the one after that."""
        plan, step = self._step(run, given)
        facts = host.observe(plan.query(step))
        if patience.waits_for_restart(seen.mark, facts):
            self._say(run, given, f"The installer restarts {step.host}; the bot waits until it is up again.")
            self._pause.wait(given["seconds"])
            return {"watch": patience.after(given["watched"], seen)}
        again = outcomes.is_again(seen.mark, run.step(given["step"]).tries)
        return {
            "facts": plain(facts.model_dump(mode="json")), "mark": plain(seen.mark.model_dump(mode="json")),
            "pause": patience.pause(run.step(given["step"]).tries) if again else None,
        }  # fmt: skip

    def _away(self, run: Run, given: Data, fault: HostError) -> Data:
        """A server that restarts, or a cut, in the middle of an installer: the watch goes on for a while."""
        now = self._audit.now()
        since = given["watched"].get("away") or now.isoformat()
        if now - datetime.fromisoformat(since) > patience.AWAY:
            return {"error": {"sentence": fault.sentence, "next_move": fault.next_move}}
        self._say(run, given, f"{fault.sentence} The bot keeps looking.")
        self._pause.wait(given["seconds"])
        return {"watch": given["watched"] | {"away": since}}

    def wait(self, given: Data) -> Data:
        """A piece of a pause before the next try; an abort ends it."""
        run, left = self._run(given["run"]), float(given["left"])
        if run.abort:
            return {"left": 0.0}
        _, step = self._step(run, given)
        self._say(run, given, f"Another installation is running on {step.host}. The next try is in {left:.0f} s.")
        piece = min(WAIT, left)
        self._pause.wait(piece)
        return {"left": left - piece}

    def _say(self, run: Run, given: Data, line: str, percent: int | None = None) -> None:
        self._audit.set_progress(run.id, given["step"], given["attempt"], line, percent)
