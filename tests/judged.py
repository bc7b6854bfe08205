"""Requests and decisions judged in a situation: shorthand for the tests of policy."""

from dataclasses import replace
from typing import Any

from worlds import ANA, NOW, Tale, begun, ended, gate, requested, stored

from bot import events as e
from bot.commands import USAGES, Command, parse
from bot.events import Actor
from bot.policy import RUNBOOK, Access, Allowed, Around, Denied, ask, decide, keep
from bot.view import EnvironmentView, Run, fold_environment

PEOPLE: dict[str, str | None] = {"ana": "U0ANA", "ben": "U0BEN", "mia": "U0MIA", "app": "U0APP", "adm": "U0ADM"}
RIGHTS = Access(
    may_run=("U0MIA",), approvers=("U0APP",), admins=("U0ADM",), approvals=1, people=PEOPLE, groups={},
    accounts={f"slack:{slack}": name for name, slack in PEOPLE.items()},
)  # fmt: skip
ALL = replace(RIGHTS, may_run=("ana", "ben"), approvers=("U0ANA", "U0BEN"))
INSTALL = 4
"""The place of the backend's installer in the plan of the pair."""
PROPOSED: dict[str, Any] = {
    "step": 3, "attempt": 1, "word": "repair", "reason": "", "hash": "ab" * 32, "approvals": 1
}  # fmt: skip


def person(name: str) -> Actor:
    return Actor(person=name, account=f"slack:{PEOPLE[name]}", shown=name)


def command(word: str, run: Run | None = None, **more: Any) -> Command:
    reason = "because" if "because REASON" in USAGES[word].parts else ""
    return Command(word=word, run=run.id if run else None, reason=reason, **more)


def asked(word: str, actor: Actor, rights: Access = RIGHTS, others: list[Run] | None = None) -> Any:
    request = requested(RUNBOOK[word], only_plan=word == "plan")
    around = Around(others=others or [], environment=environment())
    return ask(command(word, environment="prod-dmz"), actor, rights, request, around)


def aborting() -> Tale:
    """Aborted while the backend's installer runs, as its question tells."""
    asked = gate(0, words=("wait", "end"), sentence="Its installer still runs on be01.", change=None)
    done = [x for i in range(1, INSTALL) for x in (begun(i), ended(i))]
    return Tale().started().then(*done, begun(INSTALL), (e.AbortRequested(reason="wrong night"), ANA), asked)


def situation(word: str) -> Run:
    if word == "review":
        return Tale().then(OVERRIDE).started().then(e.Ended(outcome="done", sentence="All is done.")).run
    if word in ("wait", "end"):
        return aborting().run
    if word in ("pause", "resume"):
        return Tale().started().then(*([(e.Paused(), ANA)] if word == "resume" else [])).run
    return Tale().planned().run if word in ("approve", "reject") else Tale().at_gate().run


def decided(word: str, actor: Actor, run: Run | None = None, rights: Access = RIGHTS, **more: Any) -> Any:
    run = run or situation(word)
    given = {"hash": run.hash[:6]} if word == "approve" else {}
    return decide(command(word, run, **(given | more)), actor, rights, run)


def environment(*events: Any) -> EnvironmentView:
    """prod-dmz as these events tell it."""
    return fold_environment("prod-dmz", stored(events, run=None))


OVERRIDE = e.FreezeOverridden(environment="prod-dmz", freeze="Christmas", until=NOW, zone="UTC", reason="CVE-1"), ANA
LOCKED = e.Locked(environment="prod-dmz", reason="CR-1", channel="C0OPS")


def kept(
    text: str, actor: Actor, view: EnvironmentView | None = None, holder: Run | None = None, rights: Access = RIGHTS,
    named: Run | None = None, gate: str | None = None,
) -> Any:  # fmt: skip
    """`lock` or `unlock`, where Ana has locked unless told."""
    view = environment((LOCKED, ANA)) if view is None else view
    return keep(replace(parse(text), gate=gate), actor, rights, view, holder, "C0OPS", named)


def allowed(verdict: Any) -> list[str]:
    assert isinstance(verdict, Allowed), verdict
    return [type(event).__name__ for event in verdict.events]


def denied(verdict: Any) -> str:
    assert isinstance(verdict, Denied), verdict
    assert verdict.sentence.endswith(".")
    assert verdict.rule
    return verdict.rule


def held_events() -> list[Any]:
    """A backup, from its plan on, that was aborted and whose server can't be asked."""
    tale = Tale(approvals=0, runbook="backup").planned()
    events = [item[0] if isinstance(item, tuple) else item for item in tale.events][1:]
    lost = e.HostsSettled(n=1, settled=False, sentence="be01 can't be reached.")
    return [*events, e.Admitted(n=1), e.AbortRequested(reason="x"), lost]
