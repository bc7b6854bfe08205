"""The app's home: what waits for whom is what policy would let them answer, and it fits Slack; the forms and the
greeting too."""

from dataclasses import replace
from typing import Any

import pytest
from test_blocks import HOSTILE, finished, hostile_card, hostile_run, objects, proposed, strings
from worlds import ANA, BEN, CARL, NOW, Tale, begun, ended

from bot import events as e
from bot.commands import TABLE, USAGES, Command, parse
from bot.events import Actor
from bot.lab.slack.limits import block_faults, view_faults
from bot.policy import Access, answers
from bot.slack.greeting import greeting
from bot.slack.home import Own, Place, view
from bot.slack.modals import UpgradeForm, reason_modal, told
from bot.view import Run, Seen, newest_versions

RIGHTS = Access(
    may_run=("U0ANA", "U0BEN"), approvers=("U0BEN",), admins=("U0EVA",), approvals=1,
    people={"ana": "U0ANA", "ben": "U0BEN"}, groups={},
    accounts={"slack:U0ANA": "ana", "slack:U0BEN": "ben"},
)  # fmt: skip


def place(*runs: Run, **more: Any) -> Place:
    given = {"is_known": True, "hosts": ("be01", "fe01"), "versions": {}, "last": None, "links": {}} | more
    return Place(name="prod-dmz", open=runs, **given)  # type: ignore[arg-type]


def shown(*runs: Run, actor: Actor = BEN, **more: Any) -> str:
    """Every word of the home, in order."""
    could = {run.id: answers(actor, RIGHTS, run) for run in runs}
    made = view([Own(place=place(*runs, **more), answers=could, may_upgrade=True)], ["C0OPS"])
    assert_fits(made)
    return "\n".join(strings([[o.get("text"), o.get("elements")] for o in made["blocks"]]))


def assert_fits(made: dict[str, Any]) -> None:
    assert view_faults(made) == []
    assert block_faults(made["blocks"], at_most=100) == []


# --- what waits for whom ----------------------------------------------------------------------------------------------


WAITS: dict[str, tuple[Run, dict[str, tuple[str, ...]]]] = {
    "a plan waits for approvers, never for its requester": (Tale().planned().run, {"ben": ("approve",)}),
    "one that is approved waits for nobody": (Tale().planned().approved().run, {}),
    "half approved, it waits for another": (Tale(2).planned().approved().run, {}),
    "no plan, no question": (Tale().run, {}),
    "a gate waits for those in may_run": (
        Tale().at_gate().run, dict.fromkeys(("ana", "ben"), ("retry", "repair", "skip", "abort")),
    ),
    "a proposal waits for another approver": (Tale().at_gate().then(proposed()).run, {"ben": ("approve",)}),
    "the own proposal does not wait for oneself": (
        Tale().at_gate().then((proposed()[0], BEN)).run, {},
    ),
    "what has ended waits for nobody": (finished().run, {}),
}  # fmt: skip


@pytest.mark.parametrize("case", WAITS)
def test_what_waits_for_a_person_is_what_policy_lets_them_answer(case: str) -> None:
    run, wanted = WAITS[case]
    found = {actor.person: answers(actor, RIGHTS, run) for actor in (ANA, BEN, CARL)}
    assert {person: words for person, words in found.items() if words} == wanted


def test_a_waiting_run_leads_to_its_card_and_names_the_line_to_type() -> None:
    run = Tale().planned().run
    told_to_ben = shown(run, links={run.id: "https://lab.slack.com/archives/C0OPS/p1"})
    assert "Waits for you (1)" in told_to_ben
    assert f"approve prod-dmz-17 {run.hash[:6]}" in told_to_ben
    assert "Nothing waits for you" in shown(run, actor=ANA)
    assert "Open runs (1)" in shown(run, actor=ANA), "she sees that it is open"
    assert "pen runs" not in told_to_ben, "once is enough"
    assert "Other open runs (1)" in shown(run, replace(Tale().run, id="prod-dmz-18"))


def test_only_a_card_that_is_posted_can_be_opened() -> None:
    run = Tale().planned().run
    own = Own(place=place(run), answers={run.id: ("approve",)}, may_upgrade=False)
    linked = replace(own, place=place(run, links={run.id: "https://lab.slack.com/x"}))
    assert [o for o in objects(view([own], [])["blocks"]) if o.get("action_id") == "home:open"] == []
    (button,) = [o for o in objects(view([linked], [])["blocks"]) if o.get("action_id") == "home:open"]
    assert button["url"] == "https://lab.slack.com/x"


def test_only_who_may_upgrade_is_offered_it_and_anybody_may_verify() -> None:
    for may in (True, False):
        made = view([Own(place=place(), answers={}, may_upgrade=may)], [])
        offered = {o["action_id"] for o in objects(made["blocks"]) if o.get("type") == "button"}
        assert offered == {"home:verify", *(["home:upgrade"] if may else [])}


def test_an_environment_that_is_gone_from_the_file_offers_nothing() -> None:
    made = view([Own(place=place(is_known=False, hosts=()), answers={}, may_upgrade=True)], [])
    assert [o for o in objects(made["blocks"]) if o.get("type") == "button"] == []


def test_who_has_no_role_is_told_where_to_ask() -> None:
    made = view([], ["C0OPS"])
    assert_fits(made)
    assert "In <#C0OPS> you can type `/nps status`." in str(made)


def test_everything_fits_slack_whatever_it_holds() -> None:
    runs = tuple(replace(hostile_run(HOSTILE), id=f"prod-dmz-{i}") for i in range(60))
    last = replace(hostile_card(HOSTILE), ended=e.Ended(outcome="done", sentence=HOSTILE), ended_at=NOW)
    links = dict.fromkeys([run.id for run in runs], "https://lab.slack.com/archives/C0OPS/p1")
    one = place(*runs, last=last, links=links, versions={"be01": Seen(version=HOSTILE, at=NOW)})
    owns = [Own(place=one, answers={run.id: ("retry",) for run in runs}, may_upgrade=True) for _ in range(60)]
    made = view(owns, [])
    assert_fits(made)
    mentions = [text for text in strings(made["blocks"]) if "<!here" in text or "<@" in text or "<https://evil" in text]
    assert mentions == []
    assert "more: type `/nps status`" in str(made)


# --- versions ---------------------------------------------------------------------------------------------------------


def test_the_newest_reading_of_each_host_counts() -> None:
    before = Tale().planned().run
    assert {host: seen.version for host, seen in newest_versions([before]).items()} == {
        "be01": "9.2.0.0", "fe01": "9.2.0.0",
    }  # fmt: skip
    tale = Tale().started()
    number = next(i for i, s in enumerate(tale.plan.steps, 1) if s.state.kind == "installed")
    during = tale.then(begun(number), ended(number, found="version 9.3.0.0; an installer is running")).run
    found = newest_versions([during, before])
    assert (found["be01"].version, found["fe01"].version) == ("9.3.0.0", "9.2.0.0")
    assert found["be01"].at > found["fe01"].at


def test_a_host_that_could_not_be_read_keeps_the_version_that_was_seen_before() -> None:
    unread = Tale(runbook="verify").then(e.Unplanned(n=1, host="be01", sentence="away", next_move="look")).run
    found = newest_versions([unread, Tale().planned().run])
    assert found["be01"].version == "9.2.0.0"


def test_one_version_is_told_once_and_several_by_host() -> None:
    same = {host: Seen(version="9.3.0.0", at=NOW) for host in ("be01", "fe01")}
    assert "version 9.3.0.0, read <!date^" in shown(versions=same)
    mixed = same | {"fe01": Seen(version="9.2.0.0", at=NOW)}
    assert "version by host: be01 9.3.0.0, fe01 9.2.0.0; read" in shown(versions=mixed)
    assert "fe01 not known" in shown(versions={"be01": same["be01"]})
    assert "not known yet, Verify now reads it" in shown()


def test_a_screen_reader_tells_the_buttons_of_two_environments_apart() -> None:
    made = view([Own(place=place(), answers={}, may_upgrade=True)], [])
    buttons = [o for o in objects(made["blocks"]) if o.get("type") == "button"]
    assert [o["accessibility_label"] for o in buttons] == ["Verify now: prod-dmz", "Upgrade …: prod-dmz"]


# --- forms and the greeting -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 150])
def test_the_form_of_an_upgrade_fits_slack_and_names_its_typed_twin(count: int) -> None:
    own = {f"{'e' * 50}-{i}x": "9.3" for i in range(count)}
    versions = {f"{'p' * 90}{i}": "9.3.0.0" for i in range(count)}
    asked = Command(word="upgrade", reason="r" * 500, package="p" * 90 + "0")
    made = UpgradeForm(own=own, versions=versions, asked=asked, origin="C0OPS", refusal=HOSTILE * 40).view()
    assert view_faults(made) == []
    assert block_faults(made["blocks"], at_most=100) == []
    assert "`/nps upgrade ENV [PACKAGE]" in str(made)
    (select,) = [b["element"] for b in made["blocks"] if b.get("block_id") == "environment"]
    assert len(select["options"]) == min(count, 100)
    assert ("initial_option" in select) == (count == 1), "chosen for nobody but where there is no choice"


@pytest.mark.parametrize("word", [usage.word for usage in TABLE if usage.parts[:2] == ("RUN", "because REASON")])
def test_the_modal_for_a_reason_names_its_typed_twin(word: str) -> None:
    made = reason_modal(word, "prod-dmz-17", "prod-dmz-17", about=HOSTILE * 60)
    assert f"/nps {word} prod-dmz-17 because REASON" in str(made)
    assert USAGES[word].summary in str(made), "what the word does, as help says it"
    assert view_faults(made) == []
    assert block_faults(made["blocks"], at_most=100) == []
    assert parse(f"{word} prod-dmz-17 because it is so").word == word


@pytest.mark.parametrize(
    ("word", "proposal", "title", "submit", "told"),
    [
        ("reject", "", "Reject prod-dmz-17", "Reject", USAGES["reject"].summary),
        ("reject", "repair", "Turn down the repair", "Turn down", "the repair is not carried out"),
        ("reject", "skip", "Turn down the skip", "Turn down", "the skip is not carried out"),
        ("end", "", "End its processes", "End them", "files may be left half-written"),
    ],
)
def test_a_modal_is_named_after_the_very_act(word: str, proposal: str, title: str, submit: str, told: str) -> None:
    made = reason_modal(word, "prod-dmz-17", "prod-dmz-17|x", proposal=proposal)
    assert (made["title"]["text"], made["submit"]["text"]) == (title, submit)
    (explained,) = [block["elements"][0]["text"] for block in made["blocks"] if block["type"] == "context"]
    assert told in explained
    assert view_faults(made) == []


def test_an_answer_in_a_modal_fits_slack() -> None:
    made = told("x" * 4000)
    assert view_faults(made) == []
    assert block_faults(made["blocks"], at_most=100) == []


def test_the_greeting_names_what_is_told_there() -> None:
    assert "Runs of *prod-dmz*, *test* are told in this channel" in str(greeting("C0OPS", ["prod-dmz", "test"]).body)
    assert "No environment is told about in this channel yet" in greeting("C0ALL", []).body["text"]
    assert "/nps help" in greeting("C0ALL", []).body["text"]
