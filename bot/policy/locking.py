"""Judges who keeps runs out of an environment, and who lets them in again. Pure."""

from bot.commands import Command
from bot.events import Actor, Locked, Unlocked
from bot.policy.aborting import end_unknown, way_on
from bot.policy.roles import Access, Allowed, Denied, Verdict, no_role, role_of
from bot.texts import moment
from bot.view import EnvironmentView, Lock, Run
from bot.waiting import lock_line

KEEPS = frozenset({"lock", "unlock"})
NO_REASON = "no reason"


def keep(
    command: Command, actor: Actor, rights: Access, environment: EnvironmentView, holder: Run | None,
    channel: str | None,
) -> Verdict:  # fmt: skip
    """`holder` is the run that has the environment, `channel` where it is told about."""
    if command.word == "lock":
        return _lock(command, actor, rights, environment, channel)
    if environment.lock is None:
        return _unlock_run(command, actor, rights, environment, holder)
    if command.gate and command.gate != str(environment.lock.seq):
        return Denied(sentence="That lock has been ended already.", next_move="Type: status", rule="late")
    return _unlock(command, actor, rights, environment, environment.lock)


def _lock(command: Command, actor: Actor, rights: Access, environment: EnvironmentView, channel: str | None) -> Verdict:
    name, lock, takes = environment.name, environment.lock, command.flag == "take"
    if (rule := role_of(rights, actor, "admins" if takes else "may_run")) is None:
        word, needed = ("take over locks", "admins") if takes else ("lock it", "may_run")
        return no_role(word, needed, name)
    if lock is None:
        if takes:
            return Denied(
                sentence=f"Nobody has locked {name}.", next_move=f"Type: lock {name} because REASON", rule="not locked"
            )
        return Allowed(events=(Locked(environment=name, reason=command.reason, channel=channel),), rule=rule)
    if rights.is_same(actor, lock.by.by):
        return Denied(
            sentence=f"You have locked {name} already, {moment(lock.by.at)}.", next_move=f"Type: unlock {name}",
            rule="twice",
        )  # fmt: skip
    if not takes:
        return Denied(
            sentence=lock_line(name, lock), rule="locked",
            next_move=f"Ask {lock.by.by.shown}; an admin may take it over: lock {name} take because REASON",
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
            next_move=f"Type: unlock {name} because REASON", rule=NO_REASON,
        )  # fmt: skip
    ended = Unlocked(
        environment=name, reason=command.reason, taken_from=lock.by.by.shown, mention=rights.slack_of(lock.by.by)
    )
    return Allowed(events=(ended,), rule=rule)


def _unlock_run(
    command: Command, actor: Actor, rights: Access, environment: EnvironmentView, holder: Run | None
) -> Verdict:
    """A run that nobody can say has stopped is ended on an admin's word; any other one is aborted."""
    if holder is None:
        return Denied(sentence=f"{environment.name} is not locked.", next_move="Nothing is to be done.", rule="free")
    is_orphan = holder.orphan is not None and holder.orphan.answered_at is not None
    if not (holder.gate and (holder.abort or is_orphan)):
        way = way_on(holder) if holder.abort else f"Type: abort {holder.id} because REASON"
        return Denied(
            sentence=f"Nobody has locked {environment.name}; {holder.id} works on it.", next_move=way, rule="a run's",
            run=holder.id,
        )  # fmt: skip
    if not command.reason:
        return Denied(
            sentence=f"{holder.id} holds {environment.name}. {holder.gate.sentence}",
            next_move=f"An admin may end it: unlock {environment.name} because REASON", rule=NO_REASON, run=holder.id,
        )  # fmt: skip
    verdict = end_unknown(command, actor, rights, holder)
    return Allowed(events=verdict.events, rule=verdict.rule, run=holder.id) if isinstance(verdict, Allowed) else verdict
