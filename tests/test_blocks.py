"""What Slack is shown: within its limits for whatever a run holds, whole for a screen reader, and nothing in it can
mention or link."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from worlds import ANA, BEN, FE, NOW, Tale, begun, ended, gate, plan, planned, requested, run_of

from bot import events as e
from bot.events import Actor, Concern, Foretold
from bot.lab.slack.chat import LONGEST_BLOCKS, LONGEST_UPDATE, MOST_BLOCKS
from bot.lab.slack.limits import block_faults, characters, view_faults
from bot.messages import Message
from bot.slack.blocks import messages
from bot.slack.modals import reason_modal
from bot.view import Run

HOSTILE = "<!here> <!channel> <@U0BEN> <#C0OPS> <https://evil.example|click> & @channel *b* `c` ```d``` \u202e"
DATES = re.compile(r"<!date\^\d+\^\{date_short_pretty\} \{time(?:_secs)?\}\|\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)? UTC>")
EVE = Actor(person="eve", account="slack:U0EVE", shown=HOSTILE)
DIED = e.StretchDied(trigger=2, sentence="The stretch ended early.")


def shown(run: Run, **installing: Any) -> dict[str, Message]:
    return {message.name: message for message in messages(run, installing.get("installing", {}))}


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


def objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from objects(item)


def buttons(message: Message) -> list[str]:
    return [o["action_id"].removeprefix("nps:") for o in objects(message.body["blocks"]) if o.get("type") == "button"]


def proposed(step: int = 3, **more: Any) -> tuple[e.Event, Actor]:
    given = {"word": "skip", "reason": "known", "hash": "ab" * 32, "approvals": 1} | more
    return e.Proposed(step=step, attempt=1, **given), ANA


def finished() -> Tale:
    tale = Tale().started()
    done = [x for i in range(1, len(tale.plan.steps) + 1) for x in (begun(i), ended(i, read_at=NOW.isoformat()))]
    return tale.then(*done, e.Ended(outcome="done", sentence="All steps are done."))


def voided() -> Tale:
    tale = Tale().planned().approved().then(e.Admitted(n=1))
    made = tale.plan.model_dump(mode="json")
    told = tale.plan.foretell(tale.facts)
    return tale.then(e.Voided(n=2, plan=made, foretold=told, hash="cd" * 32, changed=("it was a, is b",)))


def turned_down() -> Tale:
    """Ben turned a skip down, and Ana proposes a repair instead."""
    lost = e.TurnedDown(step=3, attempt=1, hash="ab" * 32, reason="look first")
    return Tale().at_gate().then(proposed(), (lost, BEN), proposed(word="repair", reason="looked", hash="cd" * 32))


RUNS: dict[str, Run] = {
    "requested": Tale().run, "planned": Tale().planned().run, "half approved": Tale(2).planned().approved().run,
    "approved": Tale().planned().approved().run, "started": Tale().started().run, "at a gate": Tale().at_gate().run,
    "proposed": Tale().at_gate().then(proposed()).run, "turned down": turned_down().run,
    "voided": voided().run, "finished": finished().run,
    "died": Tale().then(DIED).run,
    "aborting": Tale().started().then(begun(1), (e.AbortRequested(reason="stop"), BEN)).run,
    "asked": Tale().then(planned(Tale().plan, Tale().facts, mentions=("S0LEADS",))).run,
    "rejected": Tale().planned().then((e.Rejected(reason="no"), BEN), e.Ended(outcome="rejected", sentence="No.")).run,
}  # fmt: skip


def hostile_run(text: str, steps: int = 60) -> Run:
    """A run in which everything that a person or a host can fill in is the text, and which has many steps and gates."""
    one = plan("upgrade", FE)
    many = tuple(one.steps[i % len(one.steps)] for i in range(steps))
    made = one.model_copy(update={"steps": many}).model_dump(mode="json")
    told = tuple(Foretold(found=text, holds=False, effect=None if i % 2 else text) for i in range(steps))
    end = {"found": text, "before": f"was {text}", "sentence": text, "next_move": text, "tail": text * 20}
    return run_of(
        (requested(reason=text[:500], package=text[:60]), EVE),
        e.Planned(n=1, plan=made, foretold=told, hash="ab" * 32, expires=NOW),
        (e.Approved(hash="ab" * 32), EVE), e.Admitted(n=1), e.Started(n=1, facts={}, changed=(text,) * steps),
        *(x for i in range(1, steps) for x in (begun(i), ended(i, log=text, log_sha256="ab" * 32, **end))),
        begun(steps), ended(steps, outcome="failed", **end),
        gate(steps, sentence=text, next_move=text, change=text), (proposed(steps, reason=text[:500])[0], EVE),
    )  # fmt: skip


def hostile_card(text: str, steps: int = 60) -> Run:
    """The same before its start: the plan as a card, voided once, with much that speaks against it."""
    against = tuple(Concern(key=f"k{i}", sentence=text, next_move=text) for i in range(steps))
    one = plan("upgrade", FE)
    made = one.model_copy(update={"steps": tuple(one.steps[i % len(one.steps)] for i in range(steps))})
    told = tuple(Foretold(found=text, holds=False, effect=None if i % 2 else text) for i in range(steps))
    dump = made.model_dump(mode="json")
    return run_of(
        (requested(reason=text[:500]), EVE), e.Planned(n=1, plan=dump, foretold=told, hash="ab" * 32, expires=NOW),
        e.Voided(n=2, plan=dump, foretold=told, hash="cd" * 32, changed=(text,) * steps, concerns=against),
    )  # fmt: skip


def assert_fits(message: Message) -> None:
    blocks = message.body["blocks"]
    assert block_faults(blocks, at_most=MOST_BLOCKS) == []
    assert characters(blocks) <= LONGEST_BLOCKS, message.name
    assert 0 < len(message.body["text"]) <= LONGEST_UPDATE, message.name
    json.dumps(message.body)


@pytest.mark.parametrize("name", RUNS)
def test_every_message_of_a_life_fits_slack(name: str) -> None:
    told = shown(RUNS[name])
    assert "card" in told
    for message in told.values():
        assert_fits(message)


FILLINGS = {"short": "short", "hostile": HOSTILE, "escaped": "&" * 500, "long": "long words " * 300}


@pytest.mark.parametrize("filling", FILLINGS)
@pytest.mark.parametrize("make", [hostile_run, hostile_card])
def test_sixty_steps_and_whatever_a_host_or_a_person_says_fit_slack(make: Any, filling: str) -> None:
    for message in shown(make(FILLINGS[filling])).values():
        assert_fits(message)


@pytest.mark.parametrize("filling", FILLINGS)
@pytest.mark.parametrize("steps", [8, 60, 200])
def test_a_card_keeps_its_buttons_however_much_speaks_against_it(steps: int, filling: str) -> None:
    card = shown(hostile_card(FILLINGS[filling], steps))["card"]
    assert_fits(card)
    assert buttons(card) == ["approve", "reject"]


def test_many_warnings_of_a_gate_fit_slack_and_it_keeps_its_buttons() -> None:
    against = tuple(Concern(key=f"k{i}", sentence=HOSTILE, next_move=HOSTILE) for i in range(300))
    asks = gate(0, words=("retry", "skip", "abort"), concerns=against, sentence=HOSTILE)
    message = shown(Tale().planned().approved().then(e.Admitted(n=1), asks).run)["gate-0-1"]
    assert_fits(message)
    assert buttons(message) == ["retry", "skip", "abort"]
    assert "… and " in str(message.body["blocks"])


def test_each_button_says_what_it_is_about() -> None:
    told = {
        button["accessibility_label"]
        for name in RUNS
        for message in shown(RUNS[name]).values()
        for button in objects(message.body)
        if button.get("type") == "button"
    }
    assert {"Approve: prod-dmz-17", "Pause: prod-dmz-17", "Turn down: the skip, prod-dmz-17"} <= told
    assert all("prod-dmz-17" in label for label in told)


@pytest.mark.parametrize("make", [hostile_run, hostile_card])
def test_nothing_that_a_person_or_a_host_said_mentions_or_links(make: Any) -> None:
    for message in shown(make(HOSTILE, 4)).values():
        plain = [o["text"] for o in objects(message.body) if o.get("type") == "plain_text"]
        for text in strings(message.body):
            left = DATES.sub("", text)
            if text not in plain:
                assert not set("<>") & set(left), (message.name, left)


def test_slack_is_told_to_leave_text_as_it_is() -> None:
    for message in shown(hostile_run("x", 4)).values():
        assert all(o.get("verbatim") is True for o in objects(message.body) if o.get("type") == "mrkdwn")


def test_the_text_tells_the_whole_to_a_screen_reader() -> None:
    gated = shown(RUNS["at a gate"])
    assert gated["gate-3-1"].body["text"] == (
        "prod-dmz-17 waits for a decision. Step 3 failed. Look.\n"
        "Choices: Retry, Repair, Skip, Abort.\n"
        "Retry tries the step again.\n"
        "Repair would set it, once somebody else approves.\n"
        "Skip goes on without this step, once somebody else approves.\n"
        "Abort begins no further step."
    )
    step = gated["step-3-1"].body["text"]
    assert "3. " in step
    assert "failed" in step
    assert "It failed." in step
    end = shown(RUNS["finished"])["end"].body["text"]
    assert end.startswith("prod-dmz-17, upgrade prod-dmz from 9.2.0.0 to 9.3.0.0: done")
    assert re.search(r"audit head \d+:[0-9a-f]{64}$", end)
    card = shown(RUNS["planned"])["card"].body["text"]
    assert f"approve prod-dmz-17 {RUNS['planned'].hash[:6]}" in card


def test_the_text_tells_who_asked_why_and_what_a_repair_would_change() -> None:
    card = shown(RUNS["planned"])["card"].body["text"]
    assert "Next: an approver other than ana" in card
    assert "asked for by ana" in card
    assert "Reason: CR-1234" in card
    assert "Repair would set it" in shown(RUNS["at a gate"])["gate-3-1"].body["text"]
    assert "known" in shown(RUNS["proposed"])["gate-3-1"].body["text"]


def test_a_state_is_never_told_by_a_sign_alone() -> None:
    for name, run in RUNS.items():
        for step in run.steps:
            message = shown(run).get(f"step-{step.number}-{step.attempt}")
            if message:
                assert f": {step.state}" in message.body["text"], name


BUTTONS = {
    "requested": [], "planned": ["approve", "reject"], "half approved": ["approve", "reject"], "approved": ["abort"],
    "started": ["pause", "abort"], "at a gate": [], "proposed": [], "turned down": [],
    "voided": ["approve", "reject"], "finished": [],
    "died": [], "aborting": [], "rejected": [], "asked": ["approve", "reject"],
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_a_card_has_the_buttons_that_are_valid_now(name: str) -> None:
    assert buttons(shown(RUNS[name])["card"]) == BUTTONS[name]


def test_a_gate_has_its_words_as_buttons_that_carry_the_gate() -> None:
    message = shown(RUNS["at a gate"])["gate-3-1"]
    assert buttons(message) == ["retry", "repair", "skip", "abort"]
    values = [o["value"] for o in objects(message.body) if o.get("type") == "button"]
    assert values == ["prod-dmz-17|prod-dmz-17:3:1"] * 4
    assert message.broadcast


def values(message: Message) -> list[str]:
    return [o["value"] for o in objects(message.body) if o.get("type") == "button"]


def test_a_void_plan_is_told_in_the_channel_while_it_waits() -> None:
    waiting = shown(RUNS["voided"])["voided-2"]
    assert waiting.broadcast
    assert "It waits for approval again, on its card." in waiting.body["text"]
    again = shown(voided().then((e.Approved(hash="cd" * 32), BEN)).run)["voided-2"]
    assert not again.broadcast
    assert "It was approved again." in again.body["text"]


def test_a_reject_button_carries_the_hash_of_the_plan_that_is_shown() -> None:
    assert values(shown(RUNS["planned"])["card"])[1] == f"prod-dmz-17|{RUNS['planned'].hash}"


def test_an_approve_button_carries_the_hash_of_the_plan_that_is_shown() -> None:
    for name in ("planned", "voided"):
        (approve,) = [o for o in objects(shown(RUNS[name])["card"].body) if o.get("action_id") == "nps:approve"]
        assert approve["value"] == f"prod-dmz-17|{RUNS[name].hash}"
        assert "confirm" in approve


def test_a_decided_gate_has_no_buttons_and_tells_who_and_why() -> None:
    run = Tale().at_gate().then((e.Decided(step=3, attempt=1, word="skip", reason="CR-9"), BEN)).run
    message = shown(run)["gate-3-1"]
    assert buttons(message) == []
    assert "ben decided skip: CR-9" in message.body["text"]
    assert not message.broadcast, "one that is decided before its post leaves is told in the thread only"


@pytest.mark.parametrize("name", RUNS)
def test_an_ended_run_has_no_button_anywhere(name: str) -> None:
    if RUNS[name].ended:
        assert [buttons(message) for message in shown(RUNS[name]).values() if buttons(message)] == []


def test_each_button_of_a_message_is_a_command_with_a_row_of_its_own() -> None:
    for run in RUNS.values():
        for message in shown(run).values():
            found = [o for o in objects(message.body["blocks"]) if o.get("type") == "button"]
            for rows in (o["elements"] for o in objects(message.body["blocks"]) if o.get("type") == "actions"):
                assert len({o["action_id"] for o in rows}) == len(rows), "an action id is unique in its block"
            assert all(o["value"].startswith("prod-dmz-17") for o in found)


def test_names_of_messages_are_unique_and_replies_are_in_the_cards_thread() -> None:
    for run in (*RUNS.values(), hostile_run("x", 8)):
        made = messages(run, {})
        assert len({message.name for message in made}) == len(made)
        assert made[0].name == "card"
        assert made[0].thread is None
        assert all(message.thread == "card" and message.channel == "C0OPS" for message in made[1:])


def test_only_what_waits_for_people_and_the_end_are_told_in_the_channel() -> None:
    for run in RUNS.values():
        told = {message.name.split("-")[0] for message in messages(run, {}) if message.broadcast}
        assert told <= {"approval", "gate", "voided", "end"}


def test_a_run_without_a_channel_has_no_messages() -> None:
    assert messages(run_of((requested(channel=None), ANA)), {}) == []


def test_a_running_installer_shows_its_last_line_escaped() -> None:
    run = Tale().started().then(begun(1)).run
    message = shown(run, installing={1: ("<!here> copying", 40)})["step-1-1"]
    assert "installer: 40 %, &lt;!here&gt; copying" in message.body["text"]
    assert "installer" not in json.dumps(shown(run)["step-1-1"].body).lower().replace("the installer", "")


@pytest.mark.parametrize("word", ["reject", "abort", "skip", "review"])
def test_the_modal_for_a_reason_fits_slack(word: str) -> None:
    run = "a" * 40 + "-999999999"
    view = reason_modal(word, run, f"{run}|{run}:60:99")
    assert view_faults(view) == []
    assert block_faults(view["blocks"], at_most=100) == []
    assert view["private_metadata"] == f"{run}|{run}:60:99"
