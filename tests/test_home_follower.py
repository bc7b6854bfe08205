"""The follower that keeps homes fresh: 500 people who opened theirs are served within Slack's rate, each only with what
is new to them, and whatever Slack answers."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cases import FOLDER
from slack_sdk import WebClient
from worlds import ANA, BEN, FE, NOW, begun, ended, facts, gate, plan, planned, requested, started

from bot import events as e
from bot.audit import Audit, Draft, Homes, Outbox
from bot.events import Actor, Event
from bot.followers.home import LATELY, SETTLE, Home
from bot.lab.slack import PretendSlack
from bot.lab.slack.model import Person
from bot.settings import load
from bot.slack.blocks import messages
from bot.slack.publishing import Publisher


@dataclass
class Time:
    """A clock that only the test moves."""

    seconds: float = 1000.0
    start: datetime = field(default=datetime(2026, 1, 31, 12, tzinfo=UTC))

    def __call__(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.seconds)


class Office:
    """A log, a pretend Slack and the follower between them."""

    def __init__(self, folder: Path, slack: PretendSlack, people: list[str], web: Any = None) -> None:
        (folder / "nps.toml").write_text((FOLDER / "nps.toml").read_text(encoding="utf-8"), encoding="utf-8")
        self.time, self.slack = Time(), slack
        slack.workspace.clock = self.time
        self.audit = Audit(folder / "var/audit.sqlite", now=self.time.now)
        self.audit.set_groups({"S0OPS": people, "S0LEADS": people[:10]})
        self.audit.db.execute("pragma synchronous = off")
        self.homes = Homes(self.audit)
        settings = load(folder / "nps.toml")
        web = web or WebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])
        self.publisher = Publisher(web, self.time)
        self.home = Home(self.audit, settings, self.homes, person, self.publisher, self.time)

    def happens(self, *told: Event | tuple[Event, Actor], run: str | None = "prod-dmz-1") -> None:
        for item in told:
            event, actor = item if isinstance(item, tuple) else (item, ANA)
            self.audit.append(None, lambda _, event=event, actor=actor: [Draft(event=event, run=run, actor=actor)])  # type: ignore[misc]

    def until_quiet(self) -> None:
        """Steps as the loop does, with the waits only counted."""
        while (pause := self.home.step()) is not None:
            self.time.seconds += pause

    def published_to(self, name: str) -> Any:
        """The blocks that the person sees."""
        home = self.slack.home(name)
        assert home
        return home.blocks

    def published(self) -> Counter[str]:
        return Counter(call.args["user_id"] for call in self.slack.calls("views.publish") if not call.error)


class Wireless:
    """The lab without the network between, where a thousand calls are only counted."""

    def __init__(self, slack: PretendSlack) -> None:
        self._slack, self._api = slack, slack._api()

    def views_publish(self, **args: Any) -> None:
        assert self._api.answer("views.publish", self._slack.bot_token, args)["ok"]


def person(account: str) -> Actor:
    return Actor(person=account, account=f"slack:{account}", shown=account)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with PretendSlack() as slack:
        made = Office(tmp_path, slack, ["U0ANA", "U0BEN", "U0CHRIS"])
        with closing(made.audit):
            yield made


def test_who_never_opened_the_home_is_sent_none(office: Office) -> None:
    office.happens((requested(), ANA))
    office.until_quiet()
    assert office.slack.calls("views.publish") == []


def test_a_home_is_fresh_after_each_change_and_sent_only_then(office: Office) -> None:
    office.homes.opened("U0BEN")
    office.until_quiet()
    office.until_quiet()
    assert office.published() == {"U0BEN": 1}
    made = plan("upgrade", FE, run="prod-dmz-1")
    office.happens((requested(), ANA), planned(made, facts(FE)))
    office.until_quiet()
    home = office.slack.home("ben")
    assert home
    assert "Waits for you (1)" in home.plain
    assert office.published() == {"U0BEN": 2}, "two events in one"
    office.happens((e.Refused(text="x", sentence="No."), BEN))
    office.homes.opened("U0BEN")
    office.until_quiet()
    assert office.published() == {"U0BEN": 2}, "nothing in it had changed"


def test_a_question_is_opened_where_it_can_be_answered_once_that_is_posted(office: Office) -> None:
    outbox = Outbox(office.audit)
    office.homes.opened("U0BEN")
    made = plan("upgrade", FE, run="prod-dmz-1")
    failed = ended(1, outcome="failed", sentence="It failed.", next_move="Look.")
    office.happens((requested(), ANA), planned(made, facts(FE)), started(facts(FE)), begun(1), failed, gate(1))
    run = office.audit.run("prod-dmz-1")
    assert run
    outbox.wish(messages(run, {}))
    office.home.step()
    assert "url" not in str(office.published_to("ben"))
    web = WebClient(office.slack.bot_token, base_url=office.slack.api_url, retry_handlers=[])
    for name in ("card", "gate-1-1"):
        message = outbox.of_run("prod-dmz-1")[name]
        ts = web.chat_postMessage(channel="C0OPS", thread_ts=message.thread_ts, **message.body)["ts"]
        outbox.sent(message, ts)
        link = web.chat_getPermalink(channel="C0OPS", message_ts=ts)["permalink"]
        if name == "card":
            outbox.linked(message, link)
    office.until_quiet()
    assert f"'url': '{link}'" in str(office.published_to("ben")), "Slack's own address of the reply"


def test_an_answer_that_no_modal_could_show_stands_in_the_home_until_it_is_opened_again(office: Office) -> None:
    office.homes.opened("U0BEN")
    office.until_quiet()
    office.homes.noted("U0BEN", "*prod-dmz-1* already does that.")
    office.until_quiet()
    assert "prod-dmz-1* already does that" in str(office.published_to("ben"))
    office.homes.opened("U0BEN")
    office.until_quiet()
    assert "already does that" not in str(office.published_to("ben"))


def test_a_lock_is_told_to_who_has_a_role_although_no_run_changed(office: Office) -> None:
    office.homes.opened("U0BEN")
    office.until_quiet()
    locked = e.Locked(environment="prod-dmz", reason="we look at it", channel="C0OPS")
    office.happens((locked, ANA), run=None)
    office.until_quiet()
    home = office.slack.home("ben")
    assert home
    assert "prod-dmz is locked by ana" in home.plain


def test_what_was_done_in_a_freeze_waits_for_another_approver_to_review_it(office: Office) -> None:
    made = plan("upgrade", FE, run="prod-dmz-1")
    override = e.FreezeOverridden(environment="prod-dmz", freeze="Christmas", until=NOW, reason="urgent", zone="UTC")
    over = e.Ended(outcome="done", sentence="All steps are done.")
    office.happens((requested(), ANA), (override, ANA), planned(made, facts(FE)), started(facts(FE)), over)
    for account in ("U0BEN", "U0ANA"):
        office.homes.opened(account)
    office.until_quiet()
    mine, own = office.slack.home("ben"), office.slack.home("ana")
    assert mine
    assert own
    assert "Waits for you (1)" in mine.plain
    assert "review prod-dmz-1 because REASON" in mine.plain
    assert "Nothing waits for you" in own.plain, "she overrode it herself"
    assert "no upgrade before the review of prod-dmz-1" in own.plain


def test_an_environment_that_is_gone_from_the_file_is_told_to_admins_while_a_run_of_it_is_open(office: Office) -> None:
    gone = requested(text="upgrade old")
    office.happens((replace(gone, environment="old"), BEN), run="old-1")
    for account in ("U0BEN", "U0ANA"):
        office.homes.opened(account)
    office.until_quiet()
    told = {name: str(office.slack.home(name)) for name in ("ana", "ben")}
    assert ("gone from nps.toml" in told["ana"], "gone from nps.toml" in told["ben"]) == (True, False)
    office.happens(e.Ended(outcome="aborted", sentence="Aborted."), run="old-1")
    office.until_quiet()
    assert "gone from nps.toml" not in str(office.slack.home("ana"))


def test_what_happens_within_a_second_is_shown_together(office: Office) -> None:
    office.homes.opened("U0BEN")
    office.until_quiet()
    office.time.seconds += 100
    for number in range(1, 6):
        office.happens((requested("verify"), ANA), run=f"prod-dmz-{number}")
        office.home.step()
        office.time.seconds += SETTLE / 10
    assert office.published() == {"U0BEN": 2}, "the first at once"
    office.until_quiet()
    assert office.published() == {"U0BEN": 3}
    assert "Open runs (5)" in str(office.published_to("ben"))


def test_the_restart_of_the_bot_sends_no_home_again(office: Office) -> None:
    office.homes.opened("U0BEN")
    office.until_quiet()
    again = Home(office.audit, office.home._settings, Homes(office.audit), person, office.publisher, office.time)
    assert again.step() is None
    assert office.published() == {"U0BEN": 1}


def test_after_a_day_nobody_looks_any_more(office: Office) -> None:
    office.homes.opened("U0BEN")
    office.until_quiet()
    office.time.seconds += LATELY.total_seconds() + 1
    office.happens((requested(), ANA))
    office.until_quiet()
    assert office.published() == {"U0BEN": 1}


def test_a_rate_limit_is_waited_out(office: Office) -> None:
    office.homes.opened("U0BEN")
    office.slack.rate_limit("views.publish", retry_after=30)
    before = office.time.seconds
    office.until_quiet()
    assert office.published() == {"U0BEN": 1}
    assert office.time.seconds - before >= 30


def test_an_outage_is_waited_out_and_said_once(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    office.homes.opened("U0BEN")
    office.slack.start_outage()
    for _ in range(20):
        office.time.seconds += office.home.step() or 0
    office.slack.end_outage()
    office.until_quiet()
    assert office.published() == {"U0BEN": 1}
    assert caplog.text.count("A home could not be shown") == 1


def test_without_homes_the_bot_says_so_once_and_asks_again_after_an_hour(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.homes.opened("U0BEN")
    office.slack.unknown_method("views.publish")
    before = office.time.seconds
    while len(office.slack.calls("views.publish")) < 3:
        office.time.seconds += office.home.step() or 0
    assert office.time.seconds - before >= 7200
    assert caplog.text.count("does not let the bot show a home (unknown_method)") == 1
    office.slack.faults.answers.clear()
    office.until_quiet()
    assert office.published() == {"U0BEN": 1}


def test_a_home_that_slack_refuses_keeps_nobody_waiting_and_is_tried_again_when_it_changes(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    for account in ("U0BEN", "U0ANA"):
        office.homes.opened(account)
    office.slack.faults.answers["views.publish"] = {"error": "invalid_arguments"}
    office.until_quiet()
    assert [call.args["user_id"] for call in office.slack.calls("views.publish")] == ["U0BEN", "U0ANA"]
    assert caplog.text.count("Slack refused the home of") == 1
    office.slack.faults.answers.clear()
    office.until_quiet()
    assert office.published() == {}
    office.happens((requested(), ANA))
    office.until_quiet()
    assert office.published() == {"U0BEN": 1, "U0ANA": 1}


def test_a_person_whom_slack_does_not_know_is_forgotten(office: Office) -> None:
    office.homes.opened("U0GONE")
    office.until_quiet()
    assert office.homes.since(office.time.now() - LATELY) == []


def test_a_run_that_cannot_be_told_keeps_no_home_from_its_people(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.homes.opened("U0BEN")
    office.home._who = lambda account: None if account == "U0ANA" else person(account)  # type: ignore[assignment,return-value]
    office.homes.opened("U0ANA")
    office.until_quiet()
    assert office.published() == {"U0BEN": 1}
    assert "The home of U0ANA can't be told" in caplog.text


def test_five_hundred_people_are_served_within_slacks_rate_and_none_for_nothing(tmp_path: Path) -> None:
    accounts = [f"U0P{i:03}" for i in range(500)]
    people = [Person(id=account, name=account.lower(), real_name=account) for account in accounts]
    with PretendSlack(people=people) as slack:
        office = Office(tmp_path, slack, accounts, Wireless(slack))
        with closing(office.audit):
            for account in accounts:
                office.homes.opened(account)
            office.until_quiet()
            assert office.published() == dict.fromkeys(accounts, 1)

            made = plan("upgrade", FE, run="prod-dmz-1")
            office.happens((requested(), ANA))
            for _ in range(100):
                office.time.seconds += office.home.step() or 0
            served = sum(office.published().values()) - 500
            assert 0 < served < 100
            office.happens(planned(made, facts(FE)), (e.Approved(hash=made.hash(made.foretell(facts(FE)))), BEN))
            office.homes.opened(accounts[499])
            office.time.seconds += SETTLE
            office.home.step()
            assert slack.calls("views.publish")[-1].args["user_id"] == accounts[499], "who looks now is served first"
            office.until_quiet()
            assert Counter(office.published().values()) == {3: served, 2: 500 - served}, (
                "who waited gets the newest alone"
            )

            at = [call.at for call in slack.calls("views.publish")]
            most = max(sum(start <= other < start + 60 for other in at) for start in at)
            assert most <= 80, "Slack takes 100 in a minute"
            assert {call.error for call in slack.calls("views.publish")} == {""}
