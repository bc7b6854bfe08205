"""The front desk: a text or a press becomes a command, is judged, recorded and answered. It waits for no run and
talks to no server.

A Slack listener and the terminal both come here, and do nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from bot import policy
from bot.answers import ELSEWHERE, Answers
from bot.audit import Audit, Draft, Outbox, World
from bot.commands import USAGES, Command, help_text, nearest, parse
from bot.errors import BadInput
from bot.events import Actor, Refused, Requested, Stored
from bot.plan import RUNBOOKS
from bot.policy import RUNBOOK, Access, Denied
from bot.settings import Settings, frozen
from bot.texts import clean, escape, short, typed


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks, from where. `key` names this very act, so that the same delivery twice is one act; a stranger belongs
    to another organisation."""

    account: str
    shown: str
    key: str
    channel: str | None = None
    claimed: bool = False
    stranger: bool = False


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the person is told, at once and privately; `run` is what there is to follow."""

    text: str
    kind: Literal["recorded", "told", "refused", "bad", "asks"]
    """`asks`: the press is allowed, nothing is recorded yet, and a reason is wanted; the text is what it is about."""
    run: str | None = None
    proposal: str = ""
    """The word of the proposal that the reason is to be about."""


class Intake:
    """Takes requests from any thread."""

    def __init__(self, settings: Settings, audit: Audit) -> None:
        self._settings, self._audit = settings, audit
        self._answers = Answers(settings, audit, Outbox(audit))

    def text(self, text: str, caller: Caller) -> Answer:
        """Answers a typed command."""
        if caller.stranger:
            return self._refusal(text, caller, policy.STRANGER)
        try:
            return self.command(parse(text), caller)
        except BadInput as fault:
            return Answer(text=escape(str(fault)), kind="bad")

    def command(self, command: Command, caller: Caller) -> Answer:
        """The same for one that a form has filled in."""
        try:
            return self._first(command, caller)
        except BadInput as fault:
            return Answer(text=escape(str(fault)), kind="bad")

    def upgradable(self, caller: Caller) -> dict[str, str]:
        """The environments that the caller may upgrade, each with its own package."""
        actor, known = self.actor(caller), self._settings.environments
        return {name: env.package for name, env in known.items() if self._rights(name).rule("may_run", actor)}

    def packages(self) -> dict[str, str]:
        """Every package of nps.toml with its version."""
        return {name: package.version for name, package in self._settings.packages.items()}

    def press(self, command: Command, caller: Caller) -> Answer:
        """Answers a button or a modal; one that names what is gone is recorded as refused, for somebody pressed it."""
        if caller.stranger:
            return self._refusal(command.text, caller, policy.STRANGER, command.run)
        try:
            if command.word not in USAGES or (command.word == "approve" and not command.hash):
                raise BadInput("This button is of another version of nps-bot.", f"Type: {typed('status')}")
            return self._first(command, caller)
        except BadInput as fault:
            denied = Denied(sentence=fault.sentence, next_move=fault.next_move, rule="gone")
            return self._refusal(command.text, caller, denied)

    def _first(self, command: Command, caller: Caller) -> Answer:
        """The same act delivered again gets the first one's answer."""
        if found := self._audit.by_key(caller.key):
            return self._recorded(found)
        return self._answer(command, self.actor(caller), caller)

    def _refusal(self, text: str, caller: Caller, denied: Denied, run: str | None = None) -> Answer:
        """Recorded whatever was asked."""
        known = run if run in self._audit.run_names() else None
        drafts = _refused(
            short(clean(text), 500),
            self.actor(caller),
            replace(denied, sentence=clean(denied.sentence), run=known),
            None,
        )
        return self._recorded(self._audit.append(caller.key, lambda _: drafts)[0])

    def actor(self, caller: Caller) -> Actor:
        """The human behind an account; an account that nobody maps stands for itself."""
        side, _, name = caller.account.partition(":")
        for person, accounts in self._settings.people.items():
            if getattr(accounts, side) == name:
                return Actor(person=person, account=caller.account, shown=person, claimed=caller.claimed)
        shown = short(clean(caller.shown), 80) or name
        return Actor(person=caller.account, account=caller.account, shown=shown, claimed=caller.claimed)

    def _answer(self, command: Command, actor: Actor, caller: Caller) -> Answer:
        if command.word == "help":
            return Answer(text=help_text(command.topic), kind="told")
        if command.word in RUNBOOK:
            return self._ask(command, actor, caller)
        if command.word in policy.KEEPS:
            return self._keep(command, actor, caller)
        if command.word == "approve" and not command.hash:
            # what one approves is what one has read, so it is shown first, with the line to type; nothing is recorded
            read = self._answers.read(Command(word="show", run=command.run), self._visible(actor, caller))
            return Answer(text=read, kind="bad", run=command.run)
        if command.word in policy.READS:
            text = self._answers.read(command, self._visible(actor, caller))
            return Answer(text=text, kind="told", run=command.run)
        return self._decide(command, actor, caller)

    def _ask(self, command: Command, actor: Actor, caller: Caller) -> Answer:
        name = self._environment(command.environment or "")
        if command.run:
            self._known_run(command.run, self._visible(actor, caller))
        environment = self._settings.environments[name]
        runbook = RUNBOOKS[RUNBOOK[command.word]]
        package = self._package(command.package or environment.package) if runbook.needs_package else None
        request = Requested(
            runbook=runbook.name, environment=name, package=package, reason=command.reason, text=command.text,
            approvals=environment.approvals if command.word in policy.APPROVED else 0,
            channel=self._settings.channel(name), only_plan=command.word == "plan", target=command.run,
            zone=environment.time_zone,
        )  # fmt: skip

        def judge(world: World) -> list[Draft]:
            rights = self._rights(name)
            if not self._may_see(name, actor, caller):
                return _refused(command.text, actor, self._elsewhere(name), name)
            if barred := self._barred(command, name, request.channel, caller):
                return _refused(command.text, actor, barred, name)
            others = world.open_runs(name)
            holder = next((run.id for run in others if run.holds), None)
            asked = replace(request, beside=holder if command.word == "verify" else None)
            around = policy.Around(
                others=others, target=world.run(command.run) if command.run else None,
                environment=world.environment(name), frozen=frozen(self._settings.freezes, name, world.now),
            )  # fmt: skip
            verdict = policy.ask(command, actor, rights, asked, around)
            return self._drafts(command, actor, policy.explained(verdict, rights), name, lambda: world.next_run(name))

        return self._recorded(self._audit.append(caller.key, judge)[0])

    def _keep(self, command: Command, actor: Actor, caller: Caller) -> Answer:
        """What is about an environment as a whole."""
        name, run_name = self._kept(command)

        def judge(world: World) -> list[Draft]:
            if not self._may_see(name, actor, caller):
                return _refused(command.text, actor, self._elsewhere(name), name)
            if barred := self._barred(command, name, self._settings.channel(name), caller):
                return _refused(command.text, actor, barred, name)
            holder = next((run for run in world.open_runs(name) if run.holds), None)
            rights, channel = self._rights(name), self._settings.channel(name)
            named = world.run(run_name) if run_name else None
            verdict = policy.keep(command, actor, rights, world.environment(name), holder, channel, named)
            if command.gate and isinstance(verdict, Denied) and verdict.rule == policy.NO_REASON:
                return []  # a button: its modal asks for the reason
            run = verdict.run
            return self._drafts(command, actor, policy.explained(verdict, rights), name, lambda: run)

        stored = self._audit.append(caller.key, judge)
        return self._recorded(stored[0]) if stored else Answer(text="", kind="asks")

    def _kept(self, command: Command) -> tuple[str, str | None]:
        """The environment, also one that is gone from nps.toml and has an open run; and the run that stands in its
        place, where one does."""
        name = command.environment or ""
        if name in self._settings.environments or self._audit.open_runs(name):
            return name, None
        if command.word == "unlock" and (run := self._audit.run(name)):
            return run.request.environment, run.id
        return self._environment(name), None

    def _decide(self, command: Command, actor: Actor, caller: Caller) -> Answer:
        run_name = command.run or ""
        self._known_run(run_name, self._visible(actor, caller))

        def judge(world: World) -> list[Draft]:
            run = world.run(run_name)
            if run is None:
                raise BadInput(f"There is no run {short(run_name)}.")
            name = run.request.environment
            if barred := self._barred(command, name, run.request.channel, caller):
                return _refused(command.text, actor, replace(barred, run=run.id), name)
            rights = self._rights(name)
            verdict = policy.explained(policy.decide(command, actor, rights, run, world.environment(name)), rights)
            return self._drafts(command, actor, verdict, name, lambda: run.id)

        stored = self._audit.append(caller.key, judge)
        if not stored:
            text, proposal = self._answers.about(run_name), self._answers.proposed(run_name, command.hash)
            return Answer(text=text, kind="asks", run=run_name, proposal=proposal)
        return self._recorded(stored[0])

    def _drafts(
        self,
        command: Command,
        actor: Actor,
        verdict: policy.Verdict,
        environment: str,
        run: Callable[[], str | None],
    ) -> list[Draft]:
        if isinstance(verdict, Denied):
            return _refused(command.text, actor, verdict, environment)
        if not command.reason and "because REASON" in USAGES[command.word].parts:
            return []  # a button: its modal asks for the reason
        name, by = run(), replace(actor, rule=verdict.rule)
        return [Draft(event=event, run=name, actor=by) for event in verdict.events]

    def _recorded(self, item: Stored) -> Answer:
        """Told from what is stored, so that a second delivery gets the first one's answer."""
        text = self._answers.recorded(item)
        return Answer(text=text, kind="refused" if isinstance(item.event, Refused) else "recorded", run=item.run)

    def _rights(self, environment: str) -> Access:
        """Of an environment that is gone from nps.toml its admins decide, so that its runs can be ended."""
        groups, now = self._audit.groups(), self._audit.now()
        if environment not in self._settings.environments:
            return policy.admins_only(self._settings, groups, now)
        return policy.access(self._settings, environment, groups, now)

    def _barred(self, command: Command, environment: str, told_in: str | None, caller: Caller) -> Denied | None:
        """An environment that is gone from nps.toml is no production any more."""
        known = self._settings.environments.get(environment)
        if known is None or not known.production:
            return None
        told, now = self._audit.channels(), self._audit.now()
        here, there = policy.place(caller.channel, told, now), policy.place(told_in, told, now)
        return policy.barred(command, caller.account.startswith("slack:"), there, here)

    def _may_see(self, environment: str, actor: Actor, caller: Caller) -> bool:
        """Anyone in the environment's channel, anyone with a role, and the users of the machine's terminal."""
        return (
            caller.account.startswith("os:")
            or caller.channel == self._settings.channel(environment)
            or self._rights(environment).has_role(actor)
        )

    def _visible(self, actor: Actor, caller: Caller) -> list[str]:
        return [name for name in self._settings.environments if self._may_see(name, actor, caller)]

    def _elsewhere(self, environment: str) -> Denied:
        return Denied(sentence=f"{environment} is told about in another channel.", rule=ELSEWHERE)

    def _environment(self, name: str) -> str:
        known = self._settings.environments
        if name not in known:
            otherwise = f"There are: {', '.join(known)}." if known else "nps.toml names none."
            raise BadInput(f"There is no environment “{short(name)}”.", nearest(name, known, otherwise))
        return name

    def _package(self, name: str) -> str:
        known = self._settings.packages
        if name not in known:
            raise BadInput(
                f"There is no package “{short(name)}”.", nearest(name, known, f"There are: {', '.join(known)}.")
            )
        return name

    def _known_run(self, name: str, visible: list[str]) -> None:
        """Only runs of environments that the person may see are offered instead."""
        if name in self._audit.run_names():
            return
        known = [run for environment in visible for run in self._audit.run_names(environment)[-50:]]
        going = [run.id for environment in visible for run in self._audit.open_runs(environment)]
        otherwise = f"Open: {', '.join(going[:5])}." if going else "None is open; history lists the last ones."
        raise BadInput(f"There is no run “{short(name)}”.", nearest(name, known, otherwise))


def _refused(text: str, actor: Actor, denied: Denied, environment: str | None) -> list[Draft]:
    event = Refused(
        text=text, sentence=denied.sentence, environment=environment, next_move=denied.next_move, since=denied.since
    )
    return [Draft(event=event, run=denied.run, actor=replace(actor, rule=denied.rule))]
