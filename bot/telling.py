"""A run in words, the same for the card, the thread, the terminal and the answers. Pure."""

from datetime import datetime

from bot.events import StepEnded, Word
from bot.texts import at, at_second, escape, lasted, moment, plain, short, typed
from bot.view import Gate, Pause, Run, StepView

STEP_WORDS = {"pending": "to do", "running": "running", "done": "done", "failed": "failed", "skipped": "skipped"}
PROPOSED = ("repair", "skip")
"""What is said at a gate and may need the approval of others."""
DECIDED: dict[str, str] = {"wait": "to let it finish", "end": "to end all its processes"}
PLAN_ROOM = 3000
"""Of a plan in an answer: Slack takes 4,000 characters, and the line to type comes last."""
MARKS = {"pending": "○", "running": "▸", "done": "✓", "failed": "✗", "skipped": "–"}


def title(run: Run) -> str:
    """The command, the environment, and from which version to which, as far as they are known."""
    versions = _versions(run)
    to = run.request.package or run.request.target
    return run.name + (f" {versions}" if versions else f" to {to}" if to else "")


def _versions(run: Run) -> str:
    if run.plan is None or run.plan.package is None or run.request.runbook != "upgrade":
        return ""
    found = next(
        (f.found for s, f in zip(run.plan.steps, run.foretold, strict=True) if s.state.kind == "installed"), ""
    )
    old = found.removeprefix("version ").split(";")[0]
    return f"from {old} to {run.plan.package.version}" if old else ""


def progress(run: Run) -> tuple[int, int]:
    """Steps that are over, and all of them."""
    return sum(step.state in ("done", "skipped") for step in run.steps), len(run.steps)


def state(run: Run) -> str:
    """Where the run is, in a few words."""
    if run.ended:
        return run.ended.outcome
    if run.gate and run.orphan:
        return f"orphaned since {moment(run.orphan.since)}, waits for a decision"
    if run.gate and not run.gate.is_optional:
        return "waits for a decision"
    if run.abort:
        return "aborting"
    if run.plan is None:
        return "planning"
    if not run.is_approved:
        return f"waits for approval ({len(run.approvals)} of {run.request.approvals})"
    if run.started:
        current = next((s for s in run.steps if s.is_due), None)
        if current and run.paused:
            return f"paused {'after' if run.is_working else 'before'} step {current.number} of {len(run.steps)}"
        return f"running, step {current.number} of {len(run.steps)}" if current else "finishing"
    if run.plan.takes_lock and not run.admitted:
        return run.waits or "waits for the environment"
    return "starting"


def what_next(run: Run) -> str:
    """The next move in this run, and whose it is."""
    if run.to_review:
        line = typed(f"review {run.id} because REASON")
        return f"An approver other than {run.requested.by.shown} looks at what was done in the freeze: {line}"
    if run.ended:
        return ""
    if run.gate:
        proposal = run.gate.proposal
        if proposal:
            line = typed(f"approve {run.id} {proposal.hash[:6]}")
            return f"{proposal.by.by.shown} proposes to {proposal.word}; somebody else approves: {line}"
        first, *others = run.gate.words
        return f"Decide: {typed(f'{first} {run.id}')}" + (f" (or {', '.join(others)})" if others else "")
    if run.is_let_finish and not run.ending:
        line = typed(f"end {run.id} because REASON")
        return f"Its installer is let finish. To end that at once, with all its processes, type: {line}"
    if run.paused:
        return f"Paused by {run.paused.by.shown}. To go on: {typed(f'resume {run.id}')}"
    if run.plan and not run.is_approved:
        line = typed(f"approve {run.id} {run.hash[:6]}")
        return f"An approver other than {run.requested.by.shown} reads the plan and approves: {line}"
    return ""


def override_lines(run: Run) -> list[str]:
    """The freeze that the run was asked for in spite of, and what came of its review."""
    if run.override is None:
        return []
    lines = [f"In spite of a freeze until {moment(run.override.until, run.override.zone)}: {run.override.freeze}"]
    return [*lines, *([f"Reviewed by {run.review.by.shown}: {run.review.text}"] if run.review else [])]


def step_line(step: StepView) -> str:
    """One line of a plan as it stands."""
    span = step.ended - step.begun if step.begun and step.ended else None
    took = f", {lasted(span)}" if span and span.total_seconds() >= 1 else ""
    return f"{MARKS[step.state]} {step.number}. {step.title} ({step.host}): {STEP_WORDS[step.state]}{took}"


def step_details(step: StepView) -> list[str]:
    """Wanted, before, found and read at: the evidence of one step."""
    lines = [f"wanted: {step.wanted}"]
    end = step.end
    if end is None:
        return [*lines, *([f"found: {step.found_before}"] if step.found_before else [])]
    if end.before:
        lines.append(f"before: {_before(end)}")
    lines.append(f"found: {end.found}" if end.found else "found: could not be read")
    if end.sentence and end.sentence != f"{step.host}: wanted “{step.wanted}”, found “{end.found}”.":
        lines.append(end.sentence)
    if end.next_move:
        lines.append(end.next_move)
    return lines


def _before(end: StepEnded) -> str:
    return "the same" if end.before == end.found else end.before


def read_at(end: StepEnded) -> str:
    """When the last reading was made, as the server has it, for Slack; nothing where none was."""
    return f"read {at_second(datetime.fromisoformat(end.read_at))} by the server's clock" if end.read_at else ""


def evidence(step: StepView) -> str:
    """The same in one line, for a step that is done."""
    assert step.end is not None
    told = [f"wanted {step.wanted}", f"before {_before(step.end)}", f"found {step.end.found}", plain(read_at(step.end))]
    return f"{step.number}: " + "; ".join(told)


def choices(run: Run, gate: Gate) -> list[str]:
    """What each word would do that can be said at the gate now."""
    return [f"{word.capitalize()} {does}." for word, does in meanings(run, gate).items()]


def meanings(run: Run, gate: Gate) -> dict[Word, str]:
    """By word, as far as the gate's own sentence does not tell."""
    offered = [word for word in gate.words if not gate.proposal or word not in PROPOSED]
    return {word: _meaning(run, gate, word) for word in offered if f"{word} " not in gate.next_move.lower()}


def _meaning(run: Run, gate: Gate, word: Word) -> str:
    does = {
        "retry": "tries the step again" if gate.step else "looks at the servers again",
        "repair": f"would {gate.change}",
        "skip": "goes on without this step" if gate.step else "begins in spite of this",
        "abort": "begins no further step",
        "wait": "lets the installer finish, as also happens if nobody answers",
        "end": "ends all its processes at once: files may be left half-written",
    }
    wanted = run.request.approvals if gate.approvals is None else gate.approvals
    others = ", once somebody else approves" if word in PROPOSED and wanted else ""
    return f"{does[word]}{others}"


def gate_line(gate: Gate) -> str:
    """What was decided at a gate, by whom and why."""
    if gate.decided is None:
        return gate.sentence
    if gate.word is None:
        return "Nobody answered" if gate.is_optional else "The run ended before it was decided"
    reason = f": {gate.decided.text}" if gate.decided.text else ""
    proposal = gate.proposal if gate.proposal and len(gate.proposal.approvals) >= gate.proposal.wanted else None
    proposed = f", as {proposal.by.by.shown} proposed" if proposal else ""
    return f"{gate.decided.by.shown} decided {DECIDED.get(gate.word, gate.word)}{proposed}{reason}"


def decisions(gates: tuple[Gate, ...]) -> list[str]:
    """Who decided, when and why, in the order in which it was decided."""
    return [f"{gate_line(gate)}, {moment(gate.decided.at)}" for gate in gates if gate.decided]


def pause_line(pause: Pause) -> str:
    """Who held the run up, where, and who let it go on."""
    where = f" before step {pause.step}" if pause.step else ""
    then = f", {'resumed' if pause.resumed else 'aborted'} by {pause.over.by.shown}" if pause.over else ""
    return f"Paused by {pause.by.by.shown}{where}{then}"


def foretold_line(run: Run, number: int) -> str:
    """What the plan says that a step would do."""
    assert run.plan is not None
    step, told = run.plan.steps[number - 1], run.foretold[number - 1]
    if told.effect:
        words = told.effect
    elif step.mode == "ensure":
        words = "nothing to do"
    else:
        words = "check, holds now" if told.holds else f"check, does not hold now: {told.found}"
    return f"{number}. {step.title} ({step.host}): {words}"


def evidence_foretold(run: Run, number: int) -> str:
    """What the plan's hash covers of a step beside its effect."""
    return f"wanted: {run.step(number).wanted}; found: {run.foretold[number - 1].found}"


def plan_lines(run: Run, room: int | None = None) -> list[str]:
    """Each step with what is wanted and found; where all that needs more room, with its effect alone."""
    effects = [foretold_line(run, step.number) for step in run.steps]
    whole = [
        line
        for step, effect in zip(run.steps, effects, strict=True)
        for line in (effect, f"    {evidence_foretold(run, step.number)}")
    ]
    return whole if room is None or sum(map(len, whole)) <= room else effects


def plan_of(run: Run) -> str:
    """What the plan is made of: its hash covers all of that."""
    assert run.plan is not None
    package = run.plan.package
    of = f", package {package.file} {package.version}, SHA-256 {package.sha256[:12]}" if package else ""
    return (
        f"Runbook {run.plan.runbook}, version {run.plan.version}, on {', '.join(h.name for h in run.plan.hosts)}{of}."
    )


def plan_line(run: Run) -> str:
    """How much of the plan changes anything."""
    acts, total = sum(bool(told.effect) for told in run.foretold), len(run.foretold)
    told = {0: "none changes anything", 1: "1 changes something"}.get(acts, f"{acts} change something")
    return f"Plan: {total} {'step' if total == 1 else 'steps'}, {told}."


def warnings(run: Run) -> list[str]:
    """What speaks against the run's start, as its plan knows it."""
    return [f"Warning: {concern.sentence} {concern.next_move}" for concern in run.concerns]


def full(run: Run, link: str | None) -> str:
    """The whole run as text, for show."""
    name = f"<{link}|{run.id}>" if link else run.id
    head = f"*{name}* {escape(title(run))}: {escape(state(run))}"
    asked = f"Asked for by {escape(run.requested.by.shown)} {at(run.requested.at)}"
    asked += f" because {escape(short(run.request.reason, 200))}" if run.request.reason else ""
    lines = [head, asked, *(escape(line) for line in override_lines(run))]
    lines += [f"Approved by {escape(a.by.shown)} {at(a.at)}" for a in run.approvals]
    if run.expires and not run.is_approved and not run.ended:
        lines.append(f"Expires {at(run.expires, run.request.zone)}")
    lines += [escape(line) for line in decisions(run.general_gates)]
    if run.plan and not run.started and not run.ended:
        lines += [escape(plan_of(run)), *(escape(line) for line in plan_lines(run, PLAN_ROOM))]
        lines += [escape(line) for line in warnings(run)]
    elif run.plan and run.started:
        for step in run.steps:
            lines.append(escape(step_line(step)))
            lines += [f"    {escape(line)}" for line in (step_details(step) if step.state == "failed" else [])]
            lines += [f"    {escape(line)}" for line in decisions(step.gates)]
    lines += [f"nps-bot was away {at(gone.since)} to {at(gone.until)}" for gone in run.absences]
    lines += [f"{escape(pause_line(pause))} {at((pause.over or pause.by).at)}" for pause in run.pauses]
    if run.gate:
        lines.append(f"{escape(run.gate.sentence)} {escape(run.gate.next_move)}".strip())
        lines += map(escape, choices(run, run.gate))
    if run.ended:
        lines.append(escape(run.ended.sentence))
    return "\n".join([*lines, *([escape(what_next(run))] if what_next(run) else [])])
