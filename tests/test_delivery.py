"""Messages leave for Slack each at its own pace: what has to wait holds up nothing else."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from stage import WITHIN
from worlds import wish

from bot.audit import Audit, Outbox
from bot.lab.slack import PretendSlack
from bot.slack import delivery
from bot.slack.delivery import Delivery
from bot.slack.listeners import client
from bot.slack.pace import EDIT, POST, Bucket, Pace

LONG = 3600
EDITED = replace(wish("prod-1", "card"), ts="1.0")


class Office:
    """An outbox and a Slack; what is wished for leaves while `delivering` lasts."""

    def __init__(self, audit: Audit, slack: PretendSlack) -> None:
        self.slack, self.outbox = slack, Outbox(audit)
        self.delivery = Delivery(audit, self.outbox, client(slack.bot_token, slack.api_url))

    @contextmanager
    def delivering(self) -> Iterator[None]:
        self.delivery.loop.start()
        try:
            yield
        finally:
            self.delivery.loop.stop()

    def wishes(self, run: str, text: str = "told", name: str = "card", *, button: bool = False) -> None:
        message = wish(run, name)
        pressed = {"type": "button", "text": {"type": "plain_text", "text": "A"}, "action_id": "nps:a", "value": run}
        buttons = [{"type": "actions", "elements": [pressed]}] if button else []
        blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": text}}, *buttons]
        self.outbox.wish([replace(message, body={"text": text, "blocks": blocks})])

    def shows(self, *texts: str) -> None:
        """Waits until all these are shown."""
        self.slack.wait_for(lambda: set(texts) <= {m.text for m in self.slack.all_messages()}, WITHIN)

    def texts(self) -> set[str]:
        return {message.text for message in self.slack.all_messages()}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with closing(Audit(tmp_path / "audit.sqlite")) as audit, PretendSlack() as slack:
        yield Office(audit, slack)


@pytest.fixture
def one_edit(office: Office) -> Office:
    """One edit may leave; the next has to wait for hours."""
    office.delivery._pace._buckets[EDIT] = Bucket(size=1, rate=1 / LONG)
    return office


def test_an_edit_that_has_to_wait_holds_up_no_post(one_edit: Office) -> None:
    with one_edit.delivering():
        one_edit.wishes("prod-1")
        one_edit.shows("told")
        for text in ("edited", "edited again"):
            one_edit.wishes("prod-1", text)
            if text == "edited":
                one_edit.shows(text)
        one_edit.wishes("prod-2", "a gate asks")
        one_edit.shows("edited", "a gate asks")


def test_what_edits_owe_holds_up_neither_a_post_nor_a_button_that_goes(one_edit: Office) -> None:
    runs = [f"prod-{n}" for n in range(4)]
    with one_edit.delivering():
        for run in runs:
            one_edit.wishes(run, f"{run} asks", button=True)
        one_edit.shows(*(f"{run} asks" for run in runs))
        for run in runs:
            one_edit.wishes(run, f"{run} is decided")
        one_edit.shows(*(f"{run} is decided" for run in runs))
        one_edit.wishes("prod-0", "goes on")
        one_edit.wishes("prod-9", "a gate asks")
        one_edit.shows("a gate asks")
    assert "goes on" not in one_edit.texts()


def test_a_post_that_has_to_wait_holds_up_no_edit(office: Office) -> None:
    office.delivery._pace._buckets[POST] = Bucket(size=1, rate=1 / LONG)
    with office.delivering():
        office.wishes("prod-1")
        office.shows("told")
        office.wishes("prod-2", "new")
        office.wishes("prod-1", "edited")
        office.shows("edited")
    assert "new" not in office.texts()


@pytest.mark.parametrize(
    ("method", "held", "passes"),
    [("chat.update", "edited", "new"), ("chat.postMessage", "new", "edited"), ("chat.getPermalink", "", "edited")],
)
def test_slack_asks_for_rest_of_one_method_and_others_go_on(
    method: str, held: str, passes: str, office: Office
) -> None:
    with office.delivering():
        office.wishes("prod-1")
        office.shows("told")
        office.slack.wait_for(lambda: office.slack.calls("chat.getPermalink"), WITHIN)
        before = len(office.slack.calls(method))
        office.slack.rate_limit(method, retry_after=LONG)
        office.outbox.wish([replace(wish("prod-1", "card"), body={"text": "edited", "blocks": []})])
        office.wishes("prod-2", "new")
        office.slack.wait_for(lambda: len(office.slack.calls(method)) > before, WITHIN)
        office.shows(passes)
        office.wishes("prod-3", "newer")
        office.outbox.wish([replace(wish("prod-1", "card"), body={"text": "edited anew", "blocks": []})])
        office.shows({"new": "newer", "edited": "edited anew"}[passes])
    assert held not in office.texts()
    assert len(office.slack.calls(method)) == before + 1, "it is left alone"


@pytest.mark.parametrize("name", ["card", "step-1-1"])
def test_a_lost_post_that_cannot_be_looked_for_yet_holds_up_no_other(
    name: str, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "READ_BACK_PAUSE", 0)
    office.slack.rate_limit("conversations.replies" if name != "card" else "conversations.history", retry_after=LONG)
    office.wishes("prod-1")
    if name != "card":
        office.outbox.sent(office.outbox.of_run("prod-1")["card"], "1.0")
        office.wishes("prod-1", "lost", name)
    office.outbox.sending(office.outbox.of_run("prod-1")[name])
    with office.delivering():
        office.slack.wait_for(office.slack.calls, WITHIN)
        office.wishes("prod-2", "new")
        office.shows("new")
    assert office.outbox.of_run("prod-1")[name].state == "sending"


def edits(pace: Pace) -> int:
    """How many leave within a minute."""
    now, left = 100.0, 0
    while now < 160:
        if EDIT not in pace.spent(now):
            pace.take(EDITED, now)
            left += 1
        now += 0.05
    return left


def test_in_no_minute_are_there_more_than_forty_edits() -> None:
    assert 35 < edits(Pace()) <= 40


def test_what_left_at_once_is_owed() -> None:
    pace = Pace()
    for _ in range(40):
        pace.take(EDITED, 100.0)
    assert pace.spent(100.0) == [EDIT]
    assert edits(pace) == 0


def test_the_wait_for_news_is_no_longer_than_what_may_leave_first() -> None:
    pace, now = Pace(), time.monotonic()
    assert pace.pause(now) == 0.5
    pace.rest("chat.update", now + 0.1)
    assert pace.pause(now) == pytest.approx(0.1)
