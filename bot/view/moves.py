"""The one move that comes next in a run, whoever's it is. Pure."""

from dataclasses import dataclass
from typing import Literal

from bot.view.model import Run


@dataclass(frozen=True)
class Rest:
    """Nothing for a machine to do: people, the clock, or nobody moves next."""


@dataclass(frozen=True)
class MakePlan:
    n: int


@dataclass(frozen=True)
class Admit:
    """The dispatcher's: the run waits for the environment."""

    n: int


@dataclass(frozen=True)
class Start:
    n: int


@dataclass(frozen=True)
class Work:
    step: int
    attempt: int
    repairing: bool


@dataclass(frozen=True)
class AskPeople:
    step: int
    attempt: int


@dataclass(frozen=True)
class Settle:
    """After an abort: ask each host touched whether anything of this run lives."""

    n: int


@dataclass(frozen=True)
class Release:
    """Its stretch died: ask each host touched whether anything of this run lives, for the environment waits."""

    n: int


@dataclass(frozen=True)
class EndInstallers:
    """After an abort, as a person has decided: end all processes of the installer that lives."""

    n: int


@dataclass(frozen=True)
class Finish:
    outcome: Literal["done", "failed"]


Move = Rest | MakePlan | Admit | Start | Work | AskPeople | Settle | EndInstallers | Release | Finish


def next_move(run: Run) -> Move:
    """The one move that is due; the same for whoever asks."""
    if run.ended:
        return Rest()
    if run.gate and not run.gate.is_optional:
        return Release(run.orphan_asks) if run.orphan and run.orphan.asking else Rest()
    if run.abort and run.ending:
        return EndInstallers(run.end_attempts + 1)
    if run.abort:
        return Settle(run.settle_attempts + 1)
    if run.plan is None:
        return MakePlan(1)
    if run.request.only_plan:
        return Finish("done")
    if not run.is_approved:
        return Rest()
    if run.plan.takes_lock and not run.admitted:
        return Admit(run.n)
    if not run.started:
        return Start(run.n)
    return _next_step(run, run.plan.opens_gates)


def _next_step(run: Run, opens_gates: bool) -> Move:
    for step in run.steps:
        if run.paused and step.is_due and step.state != "running":
            return Rest()
        if step.state in ("pending", "running"):
            return Work(step.number, step.attempt, step.repairing)
        if step.again:
            return Work(step.number, step.attempt + 1, step.repairing)
        if step.state == "failed" and opens_gates:
            return AskPeople(step.number, step.attempt)
    return Finish("failed" if any(step.state == "failed" for step in run.steps) else "done")
