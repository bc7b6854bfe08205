"""Slack misbehaves: runs go on, the thread catches up in order, and nothing is posted twice."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from forks import ForkedBot
from stage import WITHIN, Story, block_name
from worlds import wish

from bot.audit import Audit, Outbox, Reader, verify
from bot.lab.demo import CHANNEL, Lab
from bot.lab.slack import PretendSlack
from bot.slack.delivery import Delivery
from bot.slack.listeners import client

MORE, NAMED = '\nos = "ana"\n', 'approvers = ["S0LEADS", "U0EVA"]'


@contextmanager
def playing(folder: Path, before: Callable[[Lab], None] = lambda _: None) -> Iterator[Story]:
    """A bot whose Ana is known in the terminal too, and whose approvers are a group and a person."""
    with Lab(folder, installer_seconds=0.4) as lab:
        toml = lab.folder / "nps.toml"
        text = toml.read_text(encoding="utf-8").replace('slack = "U0ANA"\n', f'slack = "U0ANA"{MORE}')
        toml.write_text(text.replace('approvers = ["S0LEADS"]', NAMED), encoding="utf-8")
        before(lab)
        story = Story(lab)
        story.bot = ForkedBot(lab)
        try:
            yield story
        finally:
            story.bot.kill()
            story.bot.wait(WITHIN)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """One bot for the whole module; what must always be true is asserted at its end."""
    with playing(tmp_path_factory.mktemp("slack")) as story:
        story.slack.wait_connected(WITHIN)
        yield story
        story.assert_sound()
        assert "Traceback" not in story.bot_log


def asked(story: Story, text: str) -> str:
    """Ana types; the name of the run that she is answered with. An upgrade has something to do each time."""
    story.undo_upgrade()
    answer = story.types("ana", text)
    assert "is recorded" in answer, answer
    return next(item.run for item in reversed(story.events()) if item.run and item.run in answer)


def told(story: Story, run: str) -> list[str]:
    return [block_name(message).removeprefix(f"{run}:") for message in story.thread(run)]


# --- outages ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def outage(story: Story) -> str:
    """Slack is away from the middle of an installer on; a gate opens, is decided in the terminal, and the run ends."""
    story.lab.backend.machine.installer_seconds = 2
    story.lab.backend.faults.installer_fails()
    run = asked(story, "upgrade prod-dmz")
    story.presses("ben", story.card_with(run, "nps:approve"), "nps:approve")
    story.slack.wait_for(lambda: any("installer:" in m.text for m in story.thread(run)), WITHIN)
    with story.slack.away():
        story.wait_event(run, "GateOpened")
        story.lab.backend.machine.installer_seconds = 0.4
        retried = story.do(f"retry {run}", actor="ana")
        assert retried.returncode == 0, retried.stdout + retried.stderr
        assert story.run(run).ended
    story.ended(run)
    story.slack.wait_connected(WITHIN)
    return run


def test_a_run_goes_on_without_slack_and_the_thread_catches_up_in_order(story: Story, outage: str) -> None:
    steps = [f"step-{n}-1" for n in range(1, 5)]
    rest = [f"step-{n}-1" for n in range(5, 14)]
    assert told(story, outage) == ["approval-1", *steps, "gate-4-1", "step-4-2", *rest, "end"]
    story.slack.wait_for(lambda: all(": running" not in m.text for m in story.thread(outage)), WITHIN)


def test_a_gate_decided_before_its_post_left_is_told_in_the_thread_only(story: Story, outage: str) -> None:
    gate = next(m for m in story.thread(outage) if block_name(m).endswith("gate-4-1"))
    assert "ana decided retry" in gate.text
    assert len(gate.versions) == 1
    assert "'actions'" not in str(gate.blocks)
    assert not gate.is_broadcast
    assert gate.ts not in [m.ts for m in story.slack.messages(CHANNEL)]


def test_slack_may_be_away_when_the_bot_starts(tmp_path: Path) -> None:
    with playing(tmp_path, before=lambda lab: lab.slack.start_outage()) as story:
        until((story.lab.folder / "var/heartbeat").exists, "the bot lives")
        done = story.do("backup prod-dmz", actor="ana")
        assert done.returncode == 0, done.stdout + done.stderr
        story.slack.end_outage()
        story.slack.wait_connected(WITHIN)

        assert story.ended("prod-dmz-1").outcome == "done"
        story.types("ana", "upgrade prod-dmz")
        card = story.card_with("prod-dmz-2", "nps:approve")
        story.slack.wait_for(lambda: story.slack.calls("usergroups.users.list"), WITHIN)
        assert "approval of" in story.presses("ben", card, "nps:approve"), "Ben is a member of a group read since"
        assert story.ended("prod-dmz-2").outcome == "done"
        story.assert_sound()
        assert "Traceback" not in story.bot_log


def until(true: Callable[[], object], what: str) -> None:
    """Looks again and again; for what the pretend Slack is not told about."""
    end = time.monotonic() + WITHIN
    while not true():
        assert time.monotonic() < end, f"not so: {what}"
        time.sleep(0.1)


# --- rate limits and lost replies ------------------------------------------------------------------------------------


def test_rate_limits_are_waited_for_and_nothing_is_posted_twice(story: Story) -> None:
    for method in ("chat.postMessage", "chat.update", "chat.getPermalink"):
        story.slack.rate_limit(method, times=1, retry_after=1)
    run = asked(story, "upgrade prod-dmz")
    story.presses("ben", story.card_with(run, "nps:approve"), "nps:approve")

    assert story.ended(run).outcome == "done"
    assert told(story, run) == ["approval-1", *(f"step-{number}-1" for number in range(1, 14)), "end"]
    story.slack.wait_for(lambda: any(c.error == "ratelimited" for c in story.slack.calls("chat.update")), WITHIN)
    for method in ("chat.postMessage", "chat.update", "chat.getPermalink"):
        [at] = [call.at for call in story.slack.calls(method) if call.error == "ratelimited"]
        later = [call.at for call in story.slack.calls(method) if call.at > at]
        assert not later or later[0] - at >= 1, f"Slack asked to be left alone with {method}"


def test_a_post_whose_answer_was_lost_is_read_back_even_through_a_rate_limit(story: Story) -> None:
    story.slack.lose_reply("chat.postMessage", times=2)
    story.slack.rate_limit("conversations.history", times=1)
    story.slack.rate_limit("conversations.replies", times=1)
    run = asked(story, "backup prod-dmz")

    assert story.ended(run).outcome == "done"
    assert told(story, run) == ["step-1-1", "end"]
    assert [block_name(m) for m in story.slack.messages(CHANNEL)].count(f"{run}:card") == 1


def test_a_lost_answer_to_an_edit_is_edited_again(story: Story) -> None:
    story.slack.lose_reply("chat.update", times=1)
    run = asked(story, "backup prod-dmz")

    story.ended(run)
    story.slack.wait_for(lambda: "Done" in story.card(run).text, WITHIN)
    story.slack.wait_for(lambda: "actions" not in str(story.card(run).blocks), WITHIN)


# --- people ----------------------------------------------------------------------------------------------------------


def test_an_act_delivered_twice_is_one_act_with_one_answer(story: Story) -> None:
    with story.slack.twice():
        run = asked(story, "upgrade prod-dmz")
        card = story.card_with(run, "nps:approve")
        before = len(story.slack.ephemerals("ben"))
        story.slack.press("ben", CHANNEL, card.ts, "nps:approve")
        answers = story.slack.wait_for(lambda: _at_least(2, story.slack.ephemerals("ben")[before:]), WITHIN)

    assert answers[0].text == answers[1].text
    assert story.ended(run).outcome == "done"
    assert story.kinds(run).count("Requested") == story.kinds(run).count("Approved") == 1
    assert "Refused" not in story.kinds(run)


def test_a_modal_asked_for_twice_opens_once_and_its_reason_counts_once(story: Story) -> None:
    run = asked(story, "upgrade prod-dmz")
    card = story.card_with(run, "nps:reject")
    before = len(story.slack.ephemerals("ben"))
    with story.slack.twice():
        story.slack.press("ben", CHANNEL, card.ts, "nps:reject")
        story.slack.wait_for(
            lambda: _at_least(2, [c for c in story.slack.calls("views.open") if run in str(c.args)]), WITHIN
        )
        assert story.slack.submit("ben", {"reason": "not tonight"}) == {}

    assert story.ended(run).outcome == "rejected"
    assert story.kinds(run).count("Rejected") == 1
    assert story.slack.ephemerals("ben")[before:] == [], "nobody is told to type what the modal asks"


def test_a_refused_reason_is_judged_once_and_another_one_anew(story: Story) -> None:
    run = asked(story, "upgrade prod-dmz")
    story.slack.press("ben", CHANNEL, story.card_with(run, "nps:reject").ts, "nps:reject")
    story.slack.wait_for(lambda: story.slack.modal("ben"), WITHIN)
    story.types("ana", f"reject {run} because wrong night")
    for reason, refusals in (("not tonight", 1), ("not tonight", 1), ("never", 2)):
        assert "has ended" in story.slack.submit("ben", {"reason": reason})["reason"]
        assert story.kinds(run).count("Refused") == refusals


def _at_least(count: int, found: list[Any]) -> list[Any]:
    return found if len(found) >= count else []


def test_two_who_approve_in_the_same_second_both_get_an_answer(story: Story) -> None:
    run = asked(story, "upgrade prod-dmz")
    card = story.card_with(run, "nps:approve")
    together = threading.Barrier(2)

    def press(person: str) -> str:
        together.wait(WITHIN)
        return story.presses(person, card, "nps:approve")

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(press, ("ben", "eva")), key=lambda answer: "approval of" not in answer)
    assert "Your approval of" in answers[0]
    assert "has approved" in answers[1], "who won"
    assert story.ended(run).outcome == "done"
    assert story.kinds(run).count("Approved") == story.kinds(run).count("Refused") == 1


def test_people_are_answered_while_every_host_hangs(story: Story) -> None:
    hanging = threading.Event()
    for server in (story.lab.backend, story.lab.frontend):
        server.machine.perform = held(server.machine.perform, hanging)  # type: ignore[method-assign]
    run = asked(story, "verify prod-dmz")
    try:
        for text in ("status", f"show {run}", "backup prod-dmz", "history", f"abort {run} because it hangs"):
            answer = story.types("ana", text)
            assert "failed with the error" not in answer, answer
        assert "Planned" not in story.kinds(run), "the hosts still hang"
    finally:
        hanging.set()
    backup = [item.run or "" for item in story.events() if getattr(item.event, "runbook", "") == "backup"][-1]
    assert story.ended(backup).outcome == "done"
    assert story.ended(run).outcome == "aborted"


def held(perform: Callable[[str, dict[str, Any]], dict[str, Any]], go: threading.Event) -> Callable[..., Any]:
    """The host takes a request up, and does nothing before it is let go."""

    def holding(verb: str, args: dict[str, Any]) -> dict[str, Any]:
        go.wait(WITHIN)
        return perform(verb, args)

    return holding


# --- what this Slack does not have -----------------------------------------------------------------------------------


def test_blocks_that_slack_does_not_show_leave_their_text(story: Story) -> None:
    story.slack.missing_block("header")
    try:
        for _ in range(2):
            run = asked(story, "backup prod-dmz")
            story.ended(run)
            start = f"{run}: backup prod-dmz. Done"
            story.slack.wait_for(
                lambda start=start: any(
                    not m.blocks and m.text.startswith(start) for m in story.slack.messages(CHANNEL)
                ),
                WITHIN,
            )
    finally:
        story.slack.faults.missing_blocks = frozenset()
    assert story.bot_log.count("does not show the bot's blocks") == 1


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """A bot of its own in a Slack that knows the bare minimum, where the user group can't be read either."""

    def without(lab: Lab) -> None:
        for method in ("chat.getPermalink", "conversations.history", "auth.test"):
            lab.slack.unknown_method(method)
        for method in ("conversations.replies", "views.open", "usergroups.users.list"):
            lab.slack.missing_scope(method, needed="more")

    with playing(tmp_path_factory.mktemp("bare"), before=without) as story:
        story.slack.wait_connected(WITHIN)
        yield story
        assert list(verify(Reader(story.lab.folder / "var/audit.sqlite").rows())) == []
        assert "Traceback" not in story.bot_log


def test_a_group_that_cannot_be_read_counts_nobody_and_people_named_by_id_count(bare: Story) -> None:
    run = asked(bare, "upgrade prod-dmz")
    card = bare.card_with(run, "nps:approve")
    assert "Only approvers" in bare.presses("ben", card, "nps:approve")
    assert "approval of" in bare.presses("eva", card, "nps:approve")
    assert bare.ended(run).outcome == "done"


def test_without_modals_people_are_told_the_line_to_type(bare: Story) -> None:
    run = asked(bare, "upgrade prod-dmz")
    card = bare.card_with(run, "nps:reject")
    for _ in range(2):
        assert bare.presses("eva", card, "nps:reject") == f"Type: `/nps reject {run} because REASON`"
    bare.types("eva", f"reject {run} because not tonight")
    assert bare.ended(run).outcome == "rejected"


def test_lost_answers_do_not_stop_the_thread(bare: Story) -> None:
    bare.slack.lose_reply("chat.postMessage", times=1)
    run = asked(bare, "backup prod-dmz")
    bare.ended(run)
    bare.slack.lose_reply("chat.postMessage", times=1)
    assert bare.ended(asked(bare, "backup prod-dmz")).outcome == "done"


def test_each_lack_is_said_once(bare: Story) -> None:
    bare.ended(asked(bare, "backup prod-dmz"))
    for method in ("chat.getPermalink", "conversations.history"):
        assert bare.bot_log.count(f"let the bot call {method} (unknown_method)") <= 1
    assert "let the bot call chat.getPermalink (unknown_method)" in bare.bot_log
    assert bare.bot_log.count("User group S0LEADS could not be read (missing_scope)") == 1
    assert bare.bot_log.count("No modal could be opened") <= 1


def test_a_card_that_cannot_be_edited_stops_nothing(bare: Story) -> None:
    bare.slack.unknown_method("chat.update")
    run = asked(bare, "backup prod-dmz")
    assert bare.ended(run).outcome == "done"
    assert bare.ended(asked(bare, "backup prod-dmz")).outcome == "done"
    until(lambda: "let the bot call chat.update" in bare.bot_log, "it is said")
    assert bare.bot_log.count("let the bot call chat.update") == 1


# --- delivery alone --------------------------------------------------------------------------------------------------


class Alone:
    """A Slack and an outbox without a bot; what is wished for leaves while `delivering` lasts."""

    def __init__(self, audit: Audit, slack: PretendSlack) -> None:
        self.audit, self.slack, self.outbox = audit, slack, Outbox(audit)
        self.web = client(slack.bot_token, slack.api_url)

    @contextmanager
    def delivering(self) -> Iterator[None]:
        delivery = Delivery(self.audit, self.outbox, self.web).loop
        delivery.start()
        try:
            yield
        finally:
            delivery.stop()

    def posted(self, run: str, name: str) -> str:
        until(lambda: self.outbox.of_run(run)[name].ts, f"{run} {name} is posted or found")
        return self.outbox.of_run(run)[name].ts or ""


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Alone]:
    with closing(Audit(tmp_path / "audit.sqlite")) as audit, PretendSlack() as slack:
        yield Alone(audit, slack)


def test_a_message_that_slack_refuses_holds_up_no_other(alone: Alone) -> None:
    alone.outbox.wish([wish("prod-1", "card")])
    with alone.delivering():
        alone.slack.workspace.delete("C0OPS", alone.posted("prod-1", "card"))
        alone.outbox.wish([wish("prod-1", "gate-1-1")])
        alone.slack.wait_for(lambda: any(c.error == "thread_not_found" for c in alone.slack.calls()), WITHIN)
        alone.outbox.wish([wish("prod-2", "card"), wish("prod-2", "gate-1-1")])
        alone.slack.wait_for(lambda: len(alone.slack.all_messages()) == 2, WITHIN / 2)
    assert alone.outbox.of_run("prod-1")["gate-1-1"].state == "new", "it is tried again"


def test_a_channel_that_refuses_is_left_alone(alone: Alone) -> None:
    alone.outbox.wish([*(wish(f"old-{n}", "card", "C0GONE") for n in range(3)), wish("prod-1", "card")])
    with alone.delivering():
        alone.posted("prod-1", "card")
    assert [c.error for c in alone.slack.calls("chat.postMessage")] == ["channel_not_found", ""]


@pytest.mark.parametrize(("run", "name"), [("prod-1", "gate-1-1"), ("prod-2", "card")])
def test_a_post_whose_answer_was_lost_is_found_among_many(alone: Alone, run: str, name: str) -> None:
    alone.outbox.wish([wish("prod-1", "card")])
    with alone.delivering():
        thread = alone.posted("prod-1", "card") if name != "card" else None
    alone.outbox.wish([wish(run, name)])
    alone.outbox.sending(lost := alone.outbox.of_run(run)[name])
    block = lost.body["blocks"][0] | {"block_id": f"nps:{alone.audit.store}:{run}:{name}:1"}
    for _ in range(250 if thread else 0):
        alone.slack.workspace.say("U0ANA", "C0OPS", "before", thread)
    posted = alone.web.chat_postMessage(channel="C0OPS", text="told", blocks=[block], thread_ts=thread)["ts"]
    for _ in range(0 if thread else 250):
        alone.slack.workspace.say("U0ANA", "C0OPS", "after")
    with alone.delivering():
        assert alone.posted(run, name) == posted, "found, not posted again"
