"""Judges who keeps runs out of an environment, and who lets them in again. Pure."""

from bot.commands import Command
from bot.events import Actor, Locked, Unlocked
from bot.policy import late
from bot.policy.aborting import end_unknown, way_on
from bot.policy.roles import Access, Allowed, Denied, Verdict, no_role, role_of
from bot.texts import moment, typed
from bot.view import EnvironmentView, Lock, Run
from bot.waiting import lock_line

KEEPS = frozenset({"lock", "unlock"})
NO_REASON = "no reason"


def keep(
    command: Command, actor: Actor, rights: Access, environment: EnvironmentView, holder: Run | None,
    channel: str | None, named: Run | None = None,
) -> Verdict:  # fmt: skip
    """`holder` is the run that has the environment, `channel` where it is told about, `named` the run that stands in
    the command in place of the environment."""
    lock = environment.lock
    if command.word == "lock":
        return _lock(command, actor, rights, environment, channel)
    if named:
        return _unlock_run(command, actor, rights, named, f"{named.id} needs no unlock.")
    if command.gate and (lock is None or command.gate != str(lock.seq)):
        return _too_late(environment, command.gate)
    if lock is None and holder is None:
        return Denied(sentence=f"{environment.name} is not locked.", next_move="Nothing is to be done.", rule="free")
    if holder is None or (lock and not _is_held(holder)):
        assert lock is not None
        return _unlock(command, actor, rights, environment, lock)
    if lock is None:
        free = f"Nobody has locked {environment.name}; {holder.id} works on it."
        return _unlock_run(command, actor, rights, holder, free)
    return _both(command, actor, rights, environment, lock, holder)


def _too_late(environment: EnvironmentView, gate: str) -> Denied:
    """The newest lock that was ended knows by whom."""
    over = environment.ended_lock
    freed = over.freed if over and str(over.seq) == gate else None
    sentence = f"{freed.by.shown} has ended that lock." if freed else "That lock has been ended already."
    return Denied(
        sentence=sentence, next_move=f"Type: {typed('status')}", rule="late", since=freed.at if freed else None
    )


def _lock(command: Command, actor: Actor, rights: Access, environment: EnvironmentView, channel: str | None) -> Verdict:
    name, lock, takes = environment.name, environment.lock, command.flag == "take"
    if (rule := role_of(rights, actor, "admins" if takes else "may_run")) is None:
        word, needed = ("take over locks", "admins") if takes else ("lock it", "may_run")
        return no_role(word, needed, name)
    if lock is None:
        if takes:
            return Denied(
                sentence=f"Nobody has locked {name}.",
                next_move=f"Type: {typed(f'lock {name} because REASON')}",
                rule="not locked",
            )
        return Allowed(events=(Locked(environment=name, reason=command.reason, channel=channel),), rule=rule)
    if rights.is_same(actor, lock.by.by):
        return Denied(
            sentence=f"You have locked {name} already, {moment(lock.by.at)}.",
            next_move=f"Type: {typed(f'unlock {name}')}", rule="twice",
        )  # fmt: skip
    if not takes:
        return Denied(
            sentence=lock_line(name, lock), rule="locked",
            next_move=f"Ask {lock.by.by.shown}; an admin may take it over: {typed(f'lock {name} take because REASON')}",
        )  # fmt: skip
    taken = Locked(
        environment=name, reason=command.reason, channel=channel, taken_from=lock.by.by.shown,
        mention=rights.slack_of(lock.by.by),
    )  # fmt: skip
    return Allowed(events=(taken,), rule=rule)


def _unlock(command: Command, actor: Actor, rights: Access, environment: EnvironmentView, lock: Lock) -> Verdict:
    name = environment.name
    if rights.is_same(actor, lock.by.by):
        return Allowed(events=(Unlocked(environment=name, reason=command.reason),), rule="own lock")
    if (rule := role_of(rights, actor, "admins")) is None:
        return Denied(
            sentence=lock_line(name, lock), next_move=f"Ask {lock.by.by.shown}, or an admin.", rule="not in admins"
        )
    if not command.reason:
        return Denied(
            sentence=f"{lock_line(name, lock)} They are told why you end it.",
            next_move=f"Type: {typed(f'unlock {name} because REASON')}", rule=NO_REASON,
        )  # fmt: skip
    ended = Unlocked(
        environment=name, reason=command.reason, taken_from=lock.by.by.shown, mention=rights.slack_of(lock.by.by)
    )
    return Allowed(events=(ended,), rule=rule)


def _both(
    command: Command, actor: Actor, rights: Access, environment: EnvironmentView, lock: Lock, holder: Run
) -> Verdict:
    """Nothing ends by mistake: only a lock's button, and its owner's word without a reason, mean the lock alone."""
    is_own = rights.is_same(actor, lock.by.by)
    if command.gate or (is_own and not command.reason):
        return _unlock(command, actor, rights, environment, lock)
    name = environment.name
    ends = (
        f"To end your lock, type: {typed(f'unlock {name}')}"
        if is_own
        else f"To end the lock, an admin may take it over: {typed(f'lock {name} take because REASON')}, "
        f"and then types: {typed(f'unlock {name}')}"
    )
    return Denied(
        sentence=f"{lock_line(name, lock)} And {holder.id} holds it, of which nobody knows whether it still runs.",
        next_move=f"To end the run, an admin types: {typed(f'unlock {holder.id} because REASON')}. {ends}", rule="both",
        run=holder.id,
    )  # fmt: skip


def _is_held(run: Run) -> bool:
    """Whether it waits for people because nobody can say that it has stopped."""
    is_orphan = run.orphan is not None and run.orphan.answered_at is not None
    return run.gate is not None and not run.gate.is_optional and (run.abort is not None or is_orphan)


def _unlock_run(command: Command, actor: Actor, rights: Access, run: Run, otherwise: str) -> Verdict:
    """A run that nobody can say has stopped is ended on an admin's word; any other one is aborted."""
    if run.ended:
        return late.ended(command, actor, rights, run)
    if run.gate is None or not _is_held(run):
        way = way_on(run) if run.abort else f"Type: {typed(f'abort {run.id} because REASON')}"
        return Denied(sentence=otherwise, next_move=way, rule="a run's", run=run.id)
    if not command.reason:
        return Denied(
            sentence=f"{run.id} holds {run.request.environment}. {run.gate.sentence}",
            next_move=f"An admin may end it: {typed(f'unlock {command.environment} because REASON')}",
            rule=NO_REASON, run=run.id,
        )  # fmt: skip
    verdict = end_unknown(command, actor, rights, run)
    return Allowed(events=verdict.events, rule=verdict.rule, run=run.id) if isinstance(verdict, Allowed) else verdict
