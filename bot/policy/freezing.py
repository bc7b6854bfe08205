"""Judges a request in a freeze, and who reviews what was done in spite of one. Pure."""

from typing import TYPE_CHECKING

from bot.commands import Command
from bot.events import Actor, Ended, FreezeOverridden, Requested, Reviewed
from bot.policy.roles import Access, Allowed, Denied, Verdict, no_role, role_of
from bot.texts import moment, typed
from bot.view import EnvironmentView, Run

if TYPE_CHECKING:  # settings reads files, and policy is pure
    from bot.settings.freezes import Frozen

BOUND = frozenset({"upgrade", "restart"})
"""Words whose runs a freeze keeps from beginning. A backup, a rollback and what only reads are ways out of trouble."""


def unfrozen(
    command: Command, actor: Actor, rights: Access, request: Requested, environment: EnvironmentView,
    frozen: "Frozen | None",
) -> Denied | FreezeOverridden | None:  # fmt: skip
    """What stands against the request, or the override that belongs to it; `frozen` is the freeze at its time."""
    name = environment.name
    if command.word not in BOUND:
        return None
    if command.word == "upgrade" and environment.reviews:
        review = environment.reviews[0]
        return Denied(
            sentence=f"{review.by.by.shown} overrode a freeze for {review.run}, and nobody has reviewed that yet.",
            next_move=f"Another approver looks at it and types: {typed(f'review {review.run} because REASON')}",
            rule="open review", run=review.run,
        )  # fmt: skip
    if command.flag != "override":
        return refused(name, frozen) if frozen else None
    if frozen is None:
        return Denied(
            sentence=f"{name} is not frozen: there is nothing to override.", next_move="Leave the word out.",
            rule="not frozen",
        )  # fmt: skip
    if role_of(rights, actor, "admins") is None:
        return no_role("override a freeze", "admins", name)
    if not rights.has_other("approvers", actor):
        return Denied(
            sentence=f"Nobody but you may review it: {name} has no other approver.",
            next_move="Name another in approvers in nps.toml, or wait.", rule="no reviewer",
        )  # fmt: skip
    if not request.reason:
        return Denied(
            sentence="An override needs a reason.",
            next_move=f"Type: {typed(f'{request.text} because REASON')}",
            rule="no reason",
        )
    return FreezeOverridden(
        environment=name, freeze=frozen.reason, until=frozen.until, zone=frozen.zone, reason=request.reason
    )


def refused(name: str, frozen: "Frozen") -> Denied:
    return Denied(
        sentence=f"{name} is frozen until {moment(frozen.until, frozen.zone)}: {frozen.reason}.", rule="frozen",
        next_move="Wait, or an admin asks for it with: override because REASON",
    )  # fmt: skip


def frozen_at_start(run: Run, frozen: "Frozen | None") -> Ended | None:
    """A run that was asked for before a freeze, and would begin in it, ends instead: nothing begins by surprise once
    the freeze is over."""
    if frozen is None or run.request.runbook not in BOUND:
        return None
    if run.override and frozen.until <= run.override.until:
        return None
    told = f"{run.request.environment} is frozen until {moment(frozen.until, frozen.zone)}: {frozen.reason}."
    return Ended(outcome="expired", sentence=f"It did not start in time. {told} Ask for it again afterwards.")


def review(command: Command, actor: Actor, rights: Access, run: Run) -> Verdict:
    """Another person looks at what was done in spite of a freeze, once it is over."""
    if run.override is None or run.review or (run.ended and not run.started):
        why = f"{run.review.by.shown} has reviewed {run.id} already." if run.review else f"{run.id} needs no review."
        since = run.review.at if run.review else None
        return Denied(sentence=why, rule="nothing to review", run=run.id, since=since)
    if (rule := role_of(rights, actor, "approvers")) is None:
        return no_role("review", "approvers", run.request.environment, run.id)
    if actor.claimed:
        return Denied(sentence="A claimed actor can't review.", next_move="Do it in Slack.", rule="claimed", run=run.id)
    if rights.is_same(actor, run.requested.by):
        return Denied(
            sentence="It takes somebody else: you overrode the freeze yourself.",
            next_move="Ask another approver to look at it.", rule="own override", run=run.id,
        )  # fmt: skip
    if run.ended is None:
        return Denied(
            sentence=f"{run.id} has not ended yet.", next_move="Review it when it has.", rule="not ended", run=run.id
        )
    return Allowed(events=(Reviewed(reason=command.reason),), rule=rule)
