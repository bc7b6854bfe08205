"""For whom a run waits that waits for its environment, in words. Pure."""

from dataclasses import replace

from bot.telling import state
from bot.texts import moment
from bot.view import Admit, EnvironmentView, Lock, Run, next_move


def told(run: Run, others: list[Run], environment: EnvironmentView) -> Run:
    """The run with what it waits for; `others` are the open runs of its environment, in the order of their requests."""
    return replace(run, waits=sentence(run, others, environment))


def sentence(run: Run, others: list[Run], environment: EnvironmentView) -> str:
    """Nothing where it does not wait for its environment."""
    if not isinstance(next_move(run), Admit):
        return ""
    holder = next((other for other in others if other.holds and other.id != run.id), None)
    first = next((other for other in others if isinstance(next_move(other), Admit)), run)
    reasons = []
    if holder:
        reasons.append(f"waits for {holder.id}, {_where(holder)}")
    elif first.id != run.id:
        reasons.append(f"waits for {first.id}, which is asked for earlier")
    if lock := environment.lock:
        also = "and until" if reasons else "waits until"
        reasons.append(f"{also} {lock.by.by.shown} unlocks {environment.name}")
    return ", ".join(reasons)


def ahead(others: list[Run], environment: EnvironmentView) -> str:
    """What a run that is asked for now will have to wait for."""
    holder = next((other for other in others if other.holds), None)
    told = [f"{holder.id} holds {environment.name}, {_where(holder)}."] if holder else []
    return " ".join([*told, *([lock_line(environment.name, environment.lock)] if environment.lock else [])])


def lock_line(name: str, lock: Lock) -> str:
    """Who has locked the environment, since when and why."""
    return f"{name} is locked by {lock.by.by.shown} since {moment(lock.by.at)} because {lock.by.text}."


def _where(holder: Run) -> str:
    current = next((step for step in holder.steps if step.is_due), None) if holder.started else None
    if holder.orphan:
        return f"orphaned since {moment(holder.orphan.since)}"
    if holder.gate or holder.abort or current is None:
        return f"which {state(holder)}" if holder.gate else f"which is {state(holder)}"
    return f"at step {current.number} of {len(holder.steps)}"
