"""The homes as a follower: whoever opened the app's home within a day sees how things stand, soon after they change.

A view is made when it may leave, so what happened meanwhile is in it, and a person is sent none that shows nothing
new.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from bot import policy, waiting
from bot.audit import Audit, Homes, Opened, Outbox
from bot.events import Actor
from bot.loop import Loop
from bot.messages import reply_link
from bot.plan import digest
from bot.policy import Access
from bot.settings import Settings, frozen
from bot.slack.gates import question_name
from bot.slack.home import Own, Place, asked_at, view
from bot.slack.parts import Block
from bot.slack.publishing import Publisher
from bot.texts import at, escape
from bot.view import EnvironmentView, Run, newest_versions

log = logging.getLogger("nps.home")
LATELY = timedelta(days=1)
LOOK_BACK = 8
"""So many of an environment's newest runs are asked for its hosts' versions."""
POSTED_WITHIN = timedelta(minutes=1)
"""For so long it is looked again whether a message that a home should lead to has been posted."""
SETTLE, CATCH_UP_EVERY, AGE = 1.0, 5.0, 300.0
"""Seconds: events that come together are shown together; how often it is looked for people; and how often for what
no event tells, such as a user group's members."""


@dataclass(frozen=True)
class Shown:
    """A view, and the hash by which it is known again."""

    view: Block
    digest: str


class Home:
    """Keeps homes fresh; `who` maps a Slack id to the person of nps.toml."""

    def __init__(
        self, audit: Audit, settings: Settings, homes: Homes, who: Callable[[str], Actor], publisher: Publisher,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._audit, self._settings, self._who, self._publisher = audit, settings, who, publisher
        self._homes, self._outbox, self._clock = homes, Outbox(audit), clock
        self._places: dict[str, Place] = {}
        self._rights: dict[str, Access] = {}
        self._unlinked: set[str] = set()
        self._over: dict[str, dict[str, Run]] = {}
        self._seq, self._looked, self._number = 0, 0.0, 0
        self._made: dict[tuple[object, ...], Shown] = {}
        self._compared: dict[str, tuple[int, str]] = {}
        self._queue: deque[Opened] = deque()
        self._queued = (0, 0)
        channels = (settings.channel(name) for name in settings.environments)
        self._channels = list(dict.fromkeys(channel for channel in channels if channel))
        self._version = -1
        self.loop = Loop("home follower", self._follow, audit.touch)

    def _follow(self) -> None:
        pause = self.step()
        if pause is None:
            self._version = self._audit.wait(self._version, CATCH_UP_EVERY)
        elif pause:
            self.loop.stopping.wait(pause)

    def step(self) -> float | None:
        """Shows the next person what is new to them. Seconds until the next step; None where nothing is left."""
        since = self._audit.now() - LATELY
        if not self._homes.anybody(since):
            return None
        is_current = self._look()
        if self._queued != (self._number, self._homes.openings):
            self._queued = (self._number, self._homes.openings)
            self._queue = deque(self._homes.since(since))
        while self._queue:
            made = self._news(self._queue[0])
            if made is None:
                self._queue.popleft()
                continue
            if pause := self._publisher.pause():
                return pause
            self._send(self._queue[0], made)
            return 0
        return None if is_current else SETTLE

    def _news(self, person: Opened) -> Shown | None:
        """The view, where it differs from what the person was shown last."""
        if self._compared.get(person.account) == (self._number, person.note):
            return None
        try:
            made = self._shown(self._who(person.account), person.note)
        except Exception:
            log.exception("The home of %s can't be told; it stays as it was.", person.account)
            made = None
        if made is None or made.digest == person.shown:
            self._compared[person.account] = (self._number, person.note)
            return None
        return made

    def _shown(self, actor: Actor, note: str) -> Shown:
        """Made once for all who have the same to do with the same environments."""
        owns = [own for name, place in self._places.items() if (own := self._own(actor, place, self._rights[name]))]
        key = (note, *((own.place.name, own.may_upgrade, tuple(own.answers.items())) for own in owns))
        if key not in self._made:
            made = view(owns, self._channels, note)
            self._made[key] = Shown(view=made, digest=digest(made))
        return self._made[key]

    def _own(self, actor: Actor, place: Place, rights: Access) -> Own | None:
        if not rights.has_role(actor) or not (place.is_known or place.open):
            return None
        could = {run.id: policy.answers(actor, rights, run) for run in (*place.open, *place.to_review)}
        return Own(place=place, answers=could, may_upgrade=rights.rule("may_run", actor) is not None)

    def _send(self, person: Opened, made: Shown) -> None:
        match self._publisher.publish(person.account, made.view):
            case "shown":
                self._homes.shown(person.account, made.digest)
                self._compared[person.account] = (self._number, person.note)
            case "refused":
                self._compared[person.account] = (self._number, person.note)
            case "nobody":
                self._homes.forget(person.account)
                self._queue.popleft()
            case "later":
                pass

    def _look(self) -> bool:
        """Takes in what happened, but what came right after the last look a little later; whether nothing is left."""
        seq, age = self._audit.last_seq(), self._clock() - self._looked
        is_current = seq == self._seq and not self._unlinked
        if self._number and (age < SETTLE or (is_current and age < AGE)):
            return is_current
        stays = set(self._places) - self._touched() - self._unlinked if self._number and age < AGE else set()
        self._unlinked = set()
        names = list(self._places) or self._all()
        self._places = {name: self._places[name] if name in stays else self._place(name) for name in names}
        groups, now = self._audit.groups(), self._audit.now()
        for name in self._places:
            known = name in self._settings.environments
            self._rights[name] = (
                policy.access(self._settings, name, groups, now)
                if known
                else policy.admins_only(self._settings, groups, now)
            )
        self._seq, self._looked, self._number = seq, self._clock(), self._number + 1
        self._made = {}
        return not self._unlinked

    def _all(self) -> list[str]:
        """Those of nps.toml, and those that are gone from it and have an open run: they are told as long as it is."""
        going = [run.request.environment for run in self._audit.open_runs()]
        return list(dict.fromkeys([*self._settings.environments, *going]))

    def _touched(self) -> set[str]:
        """The environments that the events since the last look were about."""
        news = self._audit.since(self._seq)
        runs = {item.run.rpartition("-")[0] for item in news if item.run}
        return runs | {name for item in news if (name := getattr(item.event, "environment", None))}

    def _place(self, name: str) -> Place:
        asked, environment = self._audit.open_runs(name), self._audit.environment(name)
        newest = self._newest(name)
        # read after the open ones: a run that ended meanwhile is the last one, and not open
        going = [run for run in ({run.id: run for run in newest}.get(run.id, run) for run in asked) if not run.ended]
        last = next((run for run in newest if run.ended), None)
        to_review = self._audit.folded(review.run for review in environment.reviews)
        env = self._settings.environments.get(name)
        links = {run.id: self._outbox.link(run.id) for run in (*going, *to_review, *([last] if last else []))}
        questions = {run.id: self._question(run, links[run.id]) for run in going}
        new = (run for run in going if questions[run.id] is None and self._audit.now() - asked_at(run) < POSTED_WITHIN)
        self._unlinked |= {name for _ in new}
        return Place(
            name=name, hosts=(env.backend, *env.frontends) if env else (), is_known=env is not None,
            versions=newest_versions(newest), last=last,
            open=tuple(waiting.told(run, going, environment) for run in going),
            to_review=tuple(run for run in to_review if run.to_review), notes=self._notes(environment),
            links={run: link for run, link in links.items() if link},
            questions={run: link for run, link in questions.items() if link},
        )  # fmt: skip

    def _question(self, run: Run, card: str | None) -> str | None:
        """Where people answer: in the reply that asks, or at the card."""
        if card is None or run.gate is None:
            return card
        reply = self._outbox.of_run(run.id).get(question_name(run.gate))
        return reply_link(card, reply) if reply else None

    def _newest(self, name: str) -> list[Run]:
        """The newest first. What has ended has told its versions; it is not folded again."""
        over = self._over.get(name, {})
        names = reversed(self._audit.run_names(name)[-LOOK_BACK:])
        runs = [run for one in names for run in ([over[one]] if one in over else self._audit.folded([one]))]
        self._over[name] = {run.id: run for run in runs if run.ended}
        return runs

    def _notes(self, environment: EnvironmentView) -> tuple[str, ...]:
        notes = [escape(waiting.lock_line(environment.name, environment.lock))] if environment.lock else []
        if freeze := frozen(self._settings.freezes, environment.name, self._audit.now()):
            notes.append(f"frozen until {at(freeze.until, freeze.zone)}: {escape(freeze.reason)}")
        return (*notes, *(f"no upgrade before the review of {escape(one.run)}" for one in environment.reviews))
