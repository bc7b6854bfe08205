"""What an attempt's last reading means, and what is asked when it failed. Pure."""

from dataclasses import replace
from typing import Any, Literal

from bot import events as e
from bot.errors import NpsError
from bot.plan import Plan, Step
from bot.runs import outcomes
from bot.telling import progress
from bot.texts import typed
from bot.view import Run
from bot.windows.facts import HostFacts, Mark
from bot.windows.states import INSTALLING, Copied, Installed


def plan_of(run: Run) -> Plan:
    """The plan of a run that has one."""
    if run.plan is None:
        raise ValueError(f"{run.id} has no plan")
    return run.plan


def is_due(step: Step, before: HostFacts, now: HostFacts, repairing: bool) -> bool:
    """Whether the step's act has anything to do; what holds but was changed during the run is mended by the repair."""
    return not step.state.holds(now) or (repairing and bool(step.state.changed(before, now)))


def ended(
    run: Run, number: int, attempt: int, outcome: dict[str, Any], acted: bool, log: str | None, sha256: str | None,
    tail: str,
) -> e.StepEnded:  # fmt: skip
    """The end of an attempt: the reading after it decides, the exit code only explains."""
    plan = plan_of(run)
    step = plan.steps[number - 1].since(run.step(number).clock)
    before = run.before(step.host)
    view = run.step(number)
    was = view.found_before if acted and view.found_before else step.state.found(before)
    if "error" in outcome:
        error = outcome["error"]
        return e.StepEnded(
            step=number, attempt=attempt, outcome="failed", acted=acted, before=was, sentence=error["sentence"],
            next_move=error["next_move"], log=log, log_sha256=sha256, tail=tail,
        )  # fmt: skip
    facts = HostFacts.model_validate(outcome["facts"])
    mark = Mark.model_validate(outcome["mark"]) if outcome.get("mark") else None
    sentence, next_move = _failure(step, before, facts, mark)
    again = outcomes.is_again(mark, run.step(number).tries) and run.abort is None
    return e.StepEnded(
        step=number, attempt=attempt, outcome="failed" if sentence else "done", acted=acted, before=was,
        found="; ".join([step.state.found(facts), *outcomes.notes(plan, step, before, facts, mark)]),
        read_at=facts.clock, sentence=sentence, next_move="The bot tries again by itself." if again else next_move,
        log=log, log_sha256=sha256, tail=tail, again=again,
        restart=outcomes.wants_restart(step, before, facts, mark),
    )  # fmt: skip


def _failure(step: Step, before: HostFacts, now: HostFacts, mark: Mark | None) -> tuple[str, str]:
    """Empty where the step passed."""
    if (told := outcomes.trouble(step, before, now, mark))[0]:
        return told
    changed = "; ".join(step.state.changed(before, now))
    if step.state.holds(now):
        if not changed:
            return "", ""
        sentence = f"{step.host}: {step.state.wanted()}, but settings changed during the run: {changed}."
        return sentence, "Look at the server, then decide."
    more = f" Changed during the run: {changed}." if changed else ""
    sentence = f"{step.host}: wanted “{step.state.wanted()}”, found “{step.state.found(now)}”.{more}"
    if isinstance(step.state, Installed) and mark:
        return f"The installer said that it succeeded, but {sentence}", "Read its log; the arguments may be wrong."
    return sentence, "" if step.repair else "Look at the server, then decide."


def gate(run: Run, number: int, attempt: int) -> e.GateOpened:
    """The question that a failed step asks."""
    step, view = plan_of(run).steps[number - 1], run.step(number)
    end = view.end
    assert end is not None
    # an installer that runs, or of which nobody knows, can't be skipped
    unsure = isinstance(step.state, Installed) and (not end.found or INSTALLING in end.found)
    words: list[e.Word] = ["retry", "abort"] if unsure else ["retry", "skip", "abort"]
    change = None
    if step.repair is not None and end.found:
        words.insert(1, "repair")
        change = step.repair.effect(run.before(step.host))
    return e.GateOpened(
        step=number, attempt=attempt, sentence=f"Step {number} failed: {step.title} ({step.host}). {end.sentence}",
        next_move=f"{end.next_move} {left_stopped(run)}".strip(), words=tuple(words), change=change,
    )  # fmt: skip


def living(run: Run, hosts: list[str]) -> e.GateOpened:
    """The question that an aborted run asks while an installer of it lives; nobody has to answer it."""
    return e.GateOpened(
        step=0, attempt=len(run.general_gates) + 1, words=("wait", "end"),
        sentence=f"The run is aborted, but its installer still runs on {', '.join(hosts)}.",
        next_move="",
    )  # fmt: skip


def aborted(run: Run) -> e.Ended:
    """The end of an aborted run of which nothing lives; how to go back is named."""
    said = run.abort
    told = [f"Aborted by {said.by.shown}: {said.text}." if said else "Aborted."]
    told += [f"Its installer was ended on {', '.join(run.ended_on)}."] if run.ended_on else []
    stopped = left_stopped(run, is_settled=True)
    told += [f"{stopped}."] if stopped else []
    told += [f"To put back the files that it saved, type: {run.way_back}."] if run.way_back else []
    return e.Ended(outcome="aborted", sentence=" ".join(told))


def left_stopped(run: Run, *, is_settled: bool = False) -> str:
    """What people must know while a step of this run has stopped the service, or may have, and none has started it
    again; after the settling it runs again where only a copy had stopped it."""
    told = ""
    for step, view in zip(plan_of(run).steps, run.steps, strict=True):
        if step.state.kind == "running" and view.state == "done":
            told = ""
        elif copies_stopped(step) and is_settled:
            continue
        elif _stops(step) and view.touched and view.state != "done":
            told = "may be stopped"
        elif step.state.kind == "stopped" and view.touched:
            told = "is stopped"
    line = typed(f"restart {run.request.environment}")
    return f"The service {told}; to start it, once this run is over, type: {line}" if told else ""


def _stops(step: Step) -> bool:
    return step.state.kind == "stopped" or copies_stopped(step)


def copies_stopped(step: Step) -> bool:
    """Whether the step stops the service for a copy, and starts it again."""
    return isinstance(step.state, Copied) and step.state.stop


def not_started(run: Run, fault: NpsError) -> tuple[str, e.Event]:
    """A run whose hosts could not be read at its start asks people, where its runbook asks at all; the key names the
    question."""
    sentence = f"The run could not start. {fault.sentence}"
    if not plan_of(run).opens_gates:
        return f"{run.id}:end", e.Ended(outcome="failed", sentence=f"{sentence} {fault.next_move}".strip())
    attempt = len(run.general_gates) + 1
    opened = e.GateOpened(
        step=0, attempt=attempt, sentence=sentence, next_move=fault.next_move, words=("retry", "abort")
    )
    return f"{run.gate_id(0, attempt)}:gate", opened


def concerned(run: Run, concerns: tuple[e.Concern, ...]) -> tuple[str, e.Event]:
    """What speaks against a start is one question for people; its key names the question."""
    attempt = len(run.general_gates) + 1
    moves = [*dict.fromkeys(concern.next_move for concern in concerns), "Retry looks again, skip goes on regardless."]
    opened = e.GateOpened(
        step=0, attempt=attempt, sentence=" ".join(["Not started yet.", *(concern.sentence for concern in concerns)]),
        next_move=" ".join(moves),
        words=("retry", "skip", "abort"), concerns=concerns,
    )  # fmt: skip
    return f"{run.gate_id(0, attempt)}:gate", opened


def end_of(run: Run, outcome: Literal["done", "failed", "aborted"]) -> e.Ended:
    """The run's last sentences; a host that was read after its installer and wanted a restart is named."""
    told = _end_of(run, outcome)
    due = dict.fromkeys(step.host for step in run.steps if step.end and step.end.restart)
    more = f"Still to be restarted: {', '.join(due)}." if due else ""
    stopped = left_stopped(run) if run.plan and not run.request.only_plan else ""
    return replace(told, sentence=" ".join(filter(None, (told.sentence, more, stopped))))


def _end_of(run: Run, outcome: Literal["done", "failed", "aborted"]) -> e.Ended:
    if run.request.only_plan:
        return e.Ended(outcome="done", sentence="The plan is made. Nothing was changed.")
    over, total = progress(run)
    skipped = [str(step.number) for step in run.steps if step.state == "skipped"]
    failed = [f"{step.number}. {step.title} ({step.host})" for step in run.steps if step.state == "failed"]
    if failed:
        return e.Ended(outcome=outcome, sentence=f"{over} of {total} steps hold. Not: {'; '.join(failed)}.")
    if skipped:
        told = f"{total - len(skipped)} of {total} steps are done; skipped: {', '.join(skipped)}."
        return e.Ended(outcome=outcome, sentence=told)
    return e.Ended(outcome=outcome, sentence=f"All {total} steps are done.")
