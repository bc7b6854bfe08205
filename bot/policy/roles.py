"""Who has which role in an environment. It compares people, not accounts, and says which entry of nps.toml matched."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from bot.events import Actor, Event

if TYPE_CHECKING:  # settings reads files, and policy is pure
    from bot.settings import Settings

Role = Literal["may_run", "approvers", "admins"]
FRESH = timedelta(hours=24)
START = datetime.min.replace(tzinfo=UTC)
MENTIONED = re.compile(r"[UWS][A-Z0-9]{2,}")


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """The events to append, the person's own first, the rule that allowed it, and another run that they are about
    than the one that was named."""

    events: tuple[Event, ...]
    rule: str
    run: str | None = None


@dataclass(frozen=True, kw_only=True)
class Denied:
    """Why not, what to do instead, the run that it is about, and since when it is so."""

    sentence: str
    next_move: str = ""
    rule: str = ""
    run: str | None = None
    since: datetime | None = None


Verdict = Allowed | Denied


@dataclass(frozen=True, kw_only=True)
class Access:
    """The roles of one environment, as settings and fresh user groups give them; `people` maps a person to their
    Slack id, `accounts` an account to its person."""

    may_run: tuple[str, ...]
    approvers: tuple[str, ...]
    admins: tuple[str, ...]
    approvals: int
    people: dict[str, str | None]
    accounts: dict[str, str]
    groups: dict[str, frozenset[str]]

    def rule(self, role: Role, actor: Actor) -> str | None:
        """The entry that gives the actor the role, as `role: entry`; None where none does."""
        entries: tuple[str, ...] = getattr(self, role)
        slack = self.slack_of(actor)
        for entry in entries:
            if entry in (actor.person, slack) or (slack and slack in self.groups.get(entry, frozenset())):
                return f"{role}: {entry}"
        return None

    def slack_of(self, actor: Actor) -> str | None:
        """The actor's Slack id, where one is known."""
        return (
            actor.account.removeprefix("slack:")
            if actor.account.startswith("slack:")
            else self.people.get(actor.person)
        )

    def is_same(self, one: Actor, other: Actor) -> bool:
        """Whether two accounts are one human, also where [people] has joined or renamed them only since."""
        one_now, other_now = (self.accounts.get(actor.account, actor.person) for actor in (one, other))
        return one.person == other.person or one.account == other.account or one_now == other_now

    def mentions(self, *roles: Role) -> tuple[str, ...]:
        """The users and user groups of these roles, each once, as Slack can mention them."""
        entries = [entry for role in roles for entry in getattr(self, role)]
        ids = (self.people.get(entry, entry) for entry in entries)
        return tuple(dict.fromkeys(name for name in ids if name and MENTIONED.fullmatch(name)))

    def has_other(self, role: Role, actor: Actor) -> bool:
        """Whether anybody else has the role; a group whose members are not known may have one."""
        own = self.slack_of(actor)
        for entry in getattr(self, role):
            if entry.startswith("S") and entry not in self.people:
                if self.groups.get(entry) is None or self.groups[entry] - {own}:
                    return True
            elif entry not in (actor.person, own) and self.people.get(entry, entry) != own:
                return True
        return False

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
        accounts=_accounts(settings),
        groups={name: members for name, (members, at) in groups.items() if now - at < FRESH},
    )


def _accounts(settings: "Settings") -> dict[str, str]:
    named = ((f"{side}:{getattr(person, side)}", name) for name, person in settings.people.items()
             for side in ("slack", "os") if getattr(person, side))  # fmt: skip
    return dict(named)


def admins_only(settings: "Settings", groups: dict[str, tuple[frozenset[str], datetime]], now: datetime) -> Access:
    """For an environment that nps.toml no longer has: [slack] admins alone decide."""
    admins = settings.slack.admins
    return Access(
        may_run=admins, approvers=admins, admins=admins, approvals=0,
        people={name: person.slack for name, person in settings.people.items()}, accounts=_accounts(settings),
        groups={name: members for name, (members, at) in groups.items() if now - at < FRESH},
    )  # fmt: skip


def whom(settings: "Settings", environment: str, *roles: Role) -> tuple[str, ...]:
    """Whom to mention: those who have the roles by nps.toml as it is now."""
    known = environment in settings.environments
    rights = access(settings, environment, {}, START) if known else admins_only(settings, {}, START)
    return rights.mentions(*roles)


def role_of(rights: Access, actor: Actor, *roles: Role) -> str | None:
    found = (rights.rule(role, actor) for role in roles)
    return next((rule for rule in found if rule), None)


def no_role(word: str, needed: str, environment: str, run: str | None = None) -> Denied:
    who = {"may_run": "those in may_run", "approvers": "approvers"}.get(needed, needed)
    return Denied(
        sentence=f"Only {who} of {environment} may {word}.", next_move="Ask one of them, or an admin of nps-bot.",
        rule=f"not in {needed}", run=run,
    )  # fmt: skip


def explained(verdict: Verdict, rights: Access) -> Verdict:
    """A refusal for want of a role says where that may be for want of the group's members."""
    if not isinstance(verdict, Denied):
        return verdict
    entries: tuple[str, ...] = getattr(rights, verdict.rule.removeprefix("not in "), ())
    unknown = [e for e in entries if e.startswith("S") and e not in rights.people and e not in rights.groups]
    if not unknown:
        return verdict
    told = f"The members of {', '.join(unknown)} are not known now; only people named by id count."
    return replace(verdict, next_move=f"{told} {verdict.next_move}".strip())
