"""Judges whether a run whose environment was freed may go on in it. Pure."""

from bot.policy.roles import Denied
from bot.texts import typed
from bot.view import EnvironmentView, Run
from bot.waiting import lock_line


def taken(run: Run, environment: EnvironmentView) -> Denied | None:
    """What it knew of its servers is old once another run has had them; one that is aborted only comes to its end."""
    if run.orphan is None or not run.orphan.free or run.abort:
        return None
    if environment.admitted != run.id:
        return Denied(
            sentence=f"{environment.admitted} has had {environment.name} since: what {run.id} knew is old.",
            next_move=f"Type: {typed(f'abort {run.id} because REASON')}, and ask for it again.",
            rule="taken", run=run.id,
        )  # fmt: skip
    if environment.lock:
        return Denied(
            sentence=lock_line(environment.name, environment.lock), next_move="It goes on once that is over.",
            rule="locked", run=run.id,
        )  # fmt: skip
    return None
