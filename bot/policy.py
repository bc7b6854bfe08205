"""Who may, and may it be now: a request and the situation in, the events that it becomes or a refusal out. Pure.

It is judged inside the transaction that appends. It compares people, not accounts.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from bot.commands import Command
from bot.errors import BadInput
from bot.events import (
    AbortRequested,
    Actor,
    Approved,
    Decided,
    Ended,
    Event,
    ProposalApproved,
    Proposed,
    Rejected,
    Requested,
    TurnedDown,
    Word,
)
from bot.plan import digest
from bot.view import Gate, Run, Said

if TYPE_CHECKING:  # settings reads files, and policy is pure
    from bot.settings import Settings

HASH_SHOWN = 6
Role = Literal["may_run", "approvers", "admins"]
FRESH = timedelta(hours=24)
READS = frozenset({"help", "status", "history", "show"})
RUNBOOK = {
    "plan": "upgrade",
    "upgrade": "upgrade",
    "verify": "verify",
    "backup": "backup",
    "restart": "restart",
    "rollback": "rollback",
}
NEEDS = {"upgrade": "may_run", "backup": "may_run", "restart": "may_run", "rollback": "may_run"}
APPROVED = frozenset({"upgrade", "rollback"})
"""Words whose runs others must approve."""


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """The events to append, the person's own first, and the rule that allowed it."""

    events: tuple[Event, ...]
    rule: str


@dataclass(frozen=True, kw_only=True)
class Denied:
    """Why not, what to do instead, and the run that it is about."""

    sentence: str
    next_move: str = ""
    rule: str = ""
    run: str | None = None


Verdict = Allowed | Denied


@dataclass(frozen=True, kw_only=True)
class Access:
    """The roles of one environment, as settings and fresh user groups give them; `people` maps a person to their
    Slack id."""

    may_run: tuple[str, ...]
    approvers: tuple[str, ...]
    admins: tuple[str, ...]
    approvals: int
    people: dict[str, str | None]
    groups: dict[str, frozenset[str]]

    def rule(self, role: Role, actor: Actor) -> str | None:
        """The entry that gives the actor the role, as `role: entry`; None where none does."""
        entries: tuple[str, ...] = getattr(self, role)
        slack = self._slack(actor)
        for entry in entries:
            if entry in (actor.person, slack) or (slack and slack in self.groups.get(entry, frozenset())):
                return f"{role}: {entry}"
        return None

    def _slack(self, actor: Actor) -> str | None:
        return (
            actor.account.removeprefix("slack:")
            if actor.account.startswith("slack:")
            else self.people.get(actor.person)
        )

    def is_same(self, one: Actor, other: Actor) -> bool:
        """Whether two accounts are one human, also where [people] has joined them only since."""
        slack = self._slack(one)
        same_account = one.person == other.person or one.account == other.account
        return same_account or (slack is not None and slack == self._slack(other))

    def has_role(self, actor: Actor) -> bool:
        return any(self.rule(role, actor) for role in ("may_run", "approvers", "admins"))


def access(
    settings: "Settings", environment: str, groups: dict[str, tuple[frozenset[str], datetime]], now: datetime
) -> Access:
    """Left out, `approvers` means everybody in may_run, and `may_run` means admins; stale groups count nobody."""
    env = settings.environments[environment]
    admins = env.admins if env.admins is not None else settings.slack.admins
    may_run = env.may_run or admins
    return Access(
        may_run=may_run,
        approvers=env.approvers if env.approvers is not None else may_run,
        admins=admins,
        approvals=env.approvals,
        people={name: person.slack for name, person in settings.people.items()},
        groups={name: members for name, (members, at) in groups.items() if now - at < FRESH},
    )


def admins_only(settings: "Settings", groups: dict[str, tuple[frozenset[str], datetime]], now: datetime) -> Access:
    """For an environment that nps.toml no longer has: [slack] admins alone decide."""
    admins = settings.slack.admins
    return Access(
        may_run=admins, approvers=admins, admins=admins, approvals=0,
        people={name: person.slack for name, person in settings.people.items()},
        groups={name: members for name, (members, at) in groups.items() if now - at < FRESH},
    )  # fmt: skip


def ask(
    command: Command, actor: Actor, rights: Access, request: Requested, others: list[Run], target: Run | None = None
) -> Verdict:
    """A request for a run; `others` are the open runs of its environment, `target` the run that a rollback names."""
    rule = "anyone"
    if needed := NEEDS.get(command.word):
        matched = _role(rights, actor, "may_run")
        if matched is None:
            return _no_role(command.word, needed, request.environment)
        rule = matched
    if request.target and (refusal := _no_backup(request, target)):
        return refusal
    for run in others:
        if _what(request) == _what(run.request):
            return Denied(
                sentence=f"{run.id} already does that, asked for by {run.requested.by.shown}.",
                next_move=f"Follow it, or type: abort {run.id} because REASON", run=run.id, rule="same run",
            )  # fmt: skip
    return Allowed(events=(request,), rule=rule)


def _what(request: Requested) -> tuple[object, ...]:
    """Two requests of one environment that agree in this want the same."""
    return request.runbook, request.package, request.only_plan, request.target


def _no_backup(request: Requested, target: Run | None) -> Denied | None:
    """The host is asked for the backup too, in the plan; here it is only what the log tells."""
    if target is None or target.request.environment != request.environment:
        of = f"a run of {target.request.environment}, not of" if target else "no run of"
        return Denied(
            sentence=f"{request.target} is {of} {request.environment}.",
            next_move=f"Type: history {request.environment}", rule="another environment",
        )  # fmt: skip
    if target.backup is None:
        return Denied(
            sentence=f"{target.id} has left no proven backup.",
            next_move=f"Type: show {target.id}, and take a run whose backup is done.", rule="no backup", run=target.id,
        )  # fmt: skip
    return None


def decide(command: Command, actor: Actor, rights: Access, run: Run) -> Verdict:
    """A decision about a run."""
    if run.ended:
        return Denied(sentence=f"{run.id} has ended ({run.ended.outcome}).", rule="ended", run=run.id)
    match command.word:
        case "approve":
            return _approve(command, actor, rights, run)
        case "reject":
            return _reject(command, actor, rights, run)
        case "abort":
            return _abort(command, actor, rights, run)
        case "retry" | "repair" | "skip":
            return _at_gate(command, actor, rights, run)
    raise ValueError(f"{command.word} decides nothing")


def _role(rights: Access, actor: Actor, *roles: Role) -> str | None:
    found = (rights.rule(role, actor) for role in roles)
    return next((rule for rule in found if rule), None)


def _no_role(word: str, needed: str, environment: str, run: str | None = None) -> Denied:
    who = {"may_run": "those in may_run", "approvers": "approvers"}.get(needed, needed)
    return Denied(
        sentence=f"Only {who} of {environment} may {word}.", next_move="Ask one of them, or an admin of nps-bot.",
        rule=f"not in {needed}", run=run,
    )  # fmt: skip


def _approve(command: Command, actor: Actor, rights: Access, run: Run) -> Verdict:
    proposal = run.gate.proposal if run.gate else None
    wanted = proposal.hash if proposal else run.hash
    if run.plan is None or (not proposal and (run.started or run.is_approved)):
        why = "has no plan yet" if run.plan is None else "waits for no approval"
        return Denied(sentence=f"{run.id} {why}.", rule="nothing to approve", run=run.id)
    if not command.hash:
        raise BadInput(
            f"{run.id} is approved by its hash, so that you approve what you read.",
            f"Type: approve {run.id} {wanted[:HASH_SHOWN]}",
        )
    if len(command.hash) < HASH_SHOWN or not wanted.startswith(command.hash):
        return Denied(
            sentence=f"{command.hash[:HASH_SHOWN]} is not what {run.id} waits for now: that is {wanted[:HASH_SHOWN]}.",
            next_move="Read the card again; something changed.", rule="another hash", run=run.id,
        )  # fmt: skip
    if (rule := _role(rights, actor, "approvers")) is None:
        return _no_role("approve", "approvers", run.request.environment, run.id)
    by = proposal.by.by if proposal else run.requested.by
    if refusal := _own_or_twice(actor, rights, by, proposal.approvals if proposal else run.approvals, run):
        return refusal
    if proposal and run.gate:
        return Allowed(events=_proposal_approved(run.gate), rule=rule)
    return Allowed(events=(Approved(hash=run.hash),), rule=rule)


def _own_or_twice(actor: Actor, rights: Access, by: Actor, approvals: tuple[Said, ...], run: Run) -> Denied | None:
    if actor.claimed:
        return Denied(
            sentence="A claimed actor can't approve.", next_move="Approve in Slack.", rule="claimed", run=run.id
        )
    if rights.is_same(actor, by):
        return Denied(
            sentence="It takes somebody else: you asked for it yourself.",
            next_move="Ask another approver to look at it.",
            rule="own request", run=run.id,
        )  # fmt: skip
    if any(rights.is_same(actor, said.by) for said in approvals):
        return Denied(
            sentence="You have approved it already.", next_move="It waits for others.", rule="twice", run=run.id
        )
    return None


def _proposal_approved(gate: Gate) -> tuple[Event, ...]:
    proposal = gate.proposal
    assert proposal is not None
    approved = ProposalApproved(step=gate.step, attempt=gate.attempt, hash=proposal.hash)
    if len(proposal.approvals) + 1 < proposal.wanted:
        return (approved,)
    return (approved, Decided(step=gate.step, attempt=gate.attempt, word=proposal.word, reason=proposal.reason))


def _reject(command: Command, actor: Actor, rights: Access, run: Run) -> Verdict:
    rule = _role(rights, actor, "approvers", "may_run")
    if rule is None and rights.is_same(actor, run.requested.by):
        rule = "requester"
    if rule is None:
        return _no_role("reject", "approvers", run.request.environment, run.id)
    proposal = run.gate.proposal if run.gate else None
    asked = proposal.hash if proposal else "" if run.started else run.hash
    if command.hash and not asked.startswith(command.hash):
        return _decided_already(run)
    if not run.started and not proposal:
        ended = Ended(outcome="rejected", sentence=f"Rejected by {actor.shown}: {command.reason}")
        return Allowed(events=(Rejected(reason=command.reason), ended), rule=rule)
    if run.gate and proposal:
        turned = TurnedDown(step=run.gate.step, attempt=run.gate.attempt, hash=proposal.hash, reason=command.reason)
        return Allowed(events=(turned,), rule=rule)
    return Denied(
        sentence=f"{run.id} has started.", next_move=f"Type: abort {run.id} because REASON", rule="started", run=run.id
    )


def _abort(command: Command, actor: Actor, rights: Access, run: Run) -> Verdict:
    if run.abort:
        return _end_unknown(command, actor, rights, run)
    if (rule := _role(rights, actor, "may_run")) is None:
        return _no_role("abort", "may_run", run.request.environment, run.id)
    if late := _late(command, run):
        return late
    asked = AbortRequested(reason=command.reason)
    if not run.started:
        return Allowed(
            events=(asked, Ended(outcome="aborted", sentence=f"Aborted by {actor.shown}: {command.reason}")), rule=rule
        )
    if run.gate:
        return Allowed(
            events=(Decided(step=run.gate.step, attempt=run.gate.attempt, word="abort", reason=command.reason),),
            rule=rule,
        )
    return Allowed(events=(asked,), rule=rule)


def _end_unknown(command: Command, actor: Actor, rights: Access, run: Run) -> Verdict:
    """An aborted run whose hosts can't be asked holds its environment until an admin takes that upon themselves."""
    if run.gate is None:
        return Denied(sentence=f"{run.id} is being aborted already.", rule="twice", run=run.id)
    if (rule := _role(rights, actor, "admins")) is None:
        return _no_role(
            "end a run of which nobody knows whether its installer lives", "admins", run.request.environment
        )
    sentence = f"Ended by {actor.shown}: {command.reason}. {run.gate.sentence}"
    return Allowed(
        events=(AbortRequested(reason=command.reason), Ended(outcome="aborted", sentence=sentence)), rule=rule
    )


def _late(command: Command, run: Run) -> Denied | None:
    """A button answers the question that it was shown with, and no other."""
    if command.gate is None or (run.gate and run.gate.id == command.gate):
        return None
    return _decided_already(run)


def _decided_already(run: Run) -> Denied:
    return Denied(
        sentence="That question has been decided already.", next_move="Look at the thread.", rule="late", run=run.id
    )


def _at_gate(command: Command, actor: Actor, rights: Access, run: Run) -> Verdict:
    if (rule := _role(rights, actor, "may_run")) is None:
        return _no_role(command.word, "may_run", run.request.environment, run.id)
    if late := _late(command, run):
        return late
    gate, word = run.gate, _word(command.word)
    if gate is None:
        return Denied(
            sentence=f"{run.id} asks nothing now.", next_move=f"Type: show {run.id}", rule="no gate", run=run.id
        )
    if word not in gate.words:
        can = ", ".join(gate.words)
        return Denied(
            sentence=f"{word} is not possible here.", next_move=f"Possible: {can}.", rule="not offered", run=run.id
        )
    if word == "retry" or rights.approvals == 0:
        return Allowed(
            events=(Decided(step=gate.step, attempt=gate.attempt, word=word, reason=command.reason),), rule=rule
        )
    if gate.proposal:
        return Denied(
            sentence=f"{gate.proposal.by.by.shown} has proposed to {gate.proposal.word} already.",
            next_move=f"Type: approve {run.id} {gate.proposal.hash[:HASH_SHOWN]}, or: reject {run.id} because REASON",
            rule="one proposal at a time", run=run.id,
        )  # fmt: skip
    name = digest([gate.id, word, command.reason, gate.change, len(gate.turned_down)])
    proposed = Proposed(
        step=gate.step, attempt=gate.attempt, word=word, reason=command.reason, hash=name, approvals=rights.approvals
    )
    return Allowed(events=(proposed,), rule=rule)


def _word(word: str) -> Word:
    match word:
        case "retry" | "repair" | "skip" | "abort":
            return word
    raise ValueError(f"{word} is no decision at a gate")
