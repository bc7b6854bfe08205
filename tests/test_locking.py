"""A person's lock: who may, what it keeps out, who is told; judged and folded from data, and through the front desk."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from frontdesk import ANA, BEN, Desk
from hypothesis import given
from hypothesis import strategies as st
from judged import LOCKED, RIGHTS, allowed, denied, environment, held_events, kept, person
from worlds import ANA as ANNA
from worlds import BEN as BENNO
from worlds import Tale, begun, ended, requested, run_of, stored

from bot import events as e
from bot import waiting
from bot.audit import Audit, Draft, Outbox, Reader, verify
from bot.commands import Command
from bot.do import Show
from bot.followers.terminal import event_data
from bot.followers.thread import Thread
from bot.policy import Denied
from bot.slack import environment as shown
from bot.slack.blocks import card
from bot.texts import plain, typed
from bot.view import Run

UNLOCKED = e.Unlocked(environment="prod-dmz", reason="")
ADMIN = person("adm")
ABORT = e.AbortRequested(reason="x"), BENNO
TAKEN = replace(LOCKED, reason="outage", taken_from="ana", mention="U0ANA")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    assert list(verify(Reader(tmp_path / "var/audit.sqlite").rows())) == []
    made.audit.close()


# --- judged ---------------------------------------------------------------------------------------------------------


def test_a_lock_of_another_is_refused_with_who_since_when_and_why() -> None:
    verdict = kept("lock prod-dmz because CR-2", person("mia"))
    assert denied(verdict) == "locked"
    assert verdict.sentence == "prod-dmz is locked by ana since 2026-01-31 12:00 UTC because CR-1."
    assert "lock prod-dmz take because REASON" in verdict.next_move


def test_taking_over_is_an_admins_and_names_the_loser() -> None:
    verdict = kept("lock prod-dmz take because outage", ADMIN)
    assert allowed(verdict) == ["Locked"]
    assert verdict.events[0] == TAKEN
    assert denied(kept("lock prod-dmz take because outage", person("mia"))) == "not in admins"
    assert denied(kept("lock prod-dmz take because outage", ADMIN, environment())) == "not locked"


def test_nobody_locks_twice_from_any_side() -> None:
    both = replace(RIGHTS, may_run=("ana",), admins=("ana",))
    for text in ("lock prod-dmz because x", "lock prod-dmz take because x"):
        assert denied(kept(text, replace(ANNA, account="os:anna"), rights=both)) == "twice"


def test_ones_own_lock_ends_without_a_reason_another_ones_only_with_one() -> None:
    assert kept("unlock prod-dmz", ANNA).events == (UNLOCKED,)
    assert kept("unlock prod-dmz", replace(ANNA, account="os:anna")).rule == "own lock"
    assert denied(kept("unlock prod-dmz", ADMIN)) == "no reason"
    ended = kept("unlock prod-dmz because she is away", ADMIN).events[0]
    assert (ended.reason, ended.taken_from, ended.mention) == ("she is away", "ana", "U0ANA")
    assert denied(kept("unlock prod-dmz because x", person("mia"))) == "not in admins"


def test_what_nobody_has_locked_is_not_unlocked() -> None:
    assert denied(kept("unlock prod-dmz", ADMIN, environment())) == "free"
    going = kept("unlock prod-dmz", ADMIN, environment(), Tale().started().run)
    assert (denied(going), going.next_move) == ("a run's", "Type: " + typed("abort prod-dmz-17 because REASON"))
    aborted = kept("unlock prod-dmz because x", ADMIN, environment(), Tale().started().then(ABORT).run)
    assert denied(aborted) == "a run's"
    assert aborted.next_move.endswith(typed("end prod-dmz-17 because REASON")), "an abort would be refused"


WORDS = ("lock prod-dmz because x", "lock prod-dmz take because x", "unlock prod-dmz", "unlock prod-dmz because x")
SOME = {"mia": person("mia"), "ana": ANNA, "adm": ADMIN, "ben": BENNO}
MANY = replace(RIGHTS, may_run=("U0MIA", "ana", "U0ADM"), admins=("U0ADM", "U0BEN"))


@given(st.lists(st.tuples(st.sampled_from(sorted(SOME)), st.sampled_from(WORDS)), max_size=12))
def test_whatever_people_say_nobody_but_an_admin_ends_anothers_lock(said: list[tuple[str, str]]) -> None:
    told: list[Any] = []
    for name, text in said:
        before = environment(*told)
        verdict = kept(text, SOME[name], before, rights=MANY)
        if isinstance(verdict, Denied):
            continue
        told += [(event, SOME[name]) for event in verdict.events]
        now, owner = environment(*told), before.lock.by.by.person if before.lock else None
        assert now.lock is None or now.lock.by.by.person == name
        assert owner in (None, name) or name in ("adm", "ben")
        assert (now.ended_lock != before.ended_lock) == (before.lock is not None), "what ended is known"
        lost = now.ended_lock if before.lock else None
        assert not lost or lost.lost == (owner != name), "who loses a lock is told, and nobody else"


# --- folded and told ------------------------------------------------------------------------------------------------


def test_the_fold_knows_the_lock_and_the_last_one_that_ended() -> None:
    free = environment()
    assert (free.lock, free.ended_lock) == (None, None)
    locked = environment((LOCKED, ANNA))
    assert locked.lock
    assert (locked.lock.by.by, locked.lock.by.text, locked.ended_lock) == (ANNA, "CR-1", None)
    again = environment((LOCKED, ANNA), (UNLOCKED, ANNA), (LOCKED, BENNO))
    assert again.lock
    assert again.ended_lock
    assert (again.lock.by.by, again.ended_lock.by.by, again.ended_lock.lost) == (BENNO, ANNA, False)
    assert environment((UNLOCKED, ANNA)).ended_lock is None


WAITING = Tale().planned().approved()
"""An upgrade that is approved, and waits for its environment."""


def waits(*others: Run, view: Any = None) -> str:
    return waiting.sentence(WAITING.run, [*others, WAITING.run], view or environment())


def other(*events: Any) -> Run:
    tale = Tale().started().then(*events)
    return replace(tale.run, id="prod-dmz-16")


@pytest.mark.parametrize(
    ("holder", "told"),
    [
        (other(), "waits for prod-dmz-16, at step 1 of 11"),
        (other(begun(1), ended(1)), "waits for prod-dmz-16, at step 2 of 11"),
        (replace(Tale().at_gate().run, id="prod-dmz-16"), "waits for prod-dmz-16, which waits for a decision"),
        (other((e.AbortRequested(reason="x"), BENNO)), "waits for prod-dmz-16, which is aborting"),
        (replace(WAITING.then(e.Admitted(n=1)).run, id="prod-dmz-16"), "waits for prod-dmz-16, which is starting"),
        (replace(WAITING.run, id="prod-dmz-16"), "waits for prod-dmz-16, which is asked for earlier"),
    ],
)
def test_a_run_that_waits_names_the_one_that_it_waits_for(holder: Run, told: str) -> None:
    assert waits(holder).replace(str(len(holder.steps)), "11") == told


def test_a_run_that_waits_names_the_person_who_keeps_it_out() -> None:
    locked = environment((LOCKED, ANNA))
    assert waits(view=locked) == "waits until ana unlocks prod-dmz"
    assert waits(other(), view=locked).endswith(", and until ana unlocks prod-dmz")
    assert waits() == ""
    assert waiting.sentence(Tale().planned().run, [other()], locked) == "", "it waits for people first"
    assert waiting.sentence(run_of((requested(), ANNA)), [other()], locked) == ""


def text(view: Any) -> list[str]:
    return [plain(message.body["text"]) for message in shown.messages(view)]


def test_a_lock_is_one_message_with_a_button_that_goes_with_it() -> None:
    [card] = shown.messages(environment((LOCKED, ANNA)))
    assert (card.run, card.name, card.channel, card.thread) == ("prod-dmz", "lock-2", "C0OPS", None)
    assert "prod-dmz is locked by ana 2026-01-31 12:00 UTC because CR-1" in plain(card.body["text"])
    assert "'value': 'prod-dmz|2'" in str(card.body["blocks"])
    [over] = shown.messages(environment((LOCKED, ANNA), (UNLOCKED, ANNA)))
    assert over.name == card.name
    assert plain(over.body["text"]) == (
        "prod-dmz was locked by ana 2026-01-31 12:00 UTC because CR-1\nana unlocked it 2026-01-31 12:01 UTC"
    )
    assert "actions" not in str(over.body["blocks"])
    assert shown.messages(environment((replace(LOCKED, channel=None), ANNA))) == []


def test_who_loses_a_lock_is_mentioned_and_told_why() -> None:
    old, new = text(environment((LOCKED, ANNA), (TAKEN, ADMIN)))
    assert "adm took it over because outage" in old
    assert "U0ANA had it locked and has lost it." in new
    lost = replace(UNLOCKED, reason="<!here> she is away", taken_from="ana", mention="U0ANA")
    messages = shown.messages(environment((LOCKED, ANNA), (lost, ADMIN)))
    assert [(m.name, m.thread, m.broadcast) for m in messages] == [
        ("lock-2", None, False),
        ("unlock-3", "lock-2", True),
    ]
    assert messages[1].body["text"] == "<@U0ANA>: adm has unlocked prod-dmz, because &lt;!here&gt; she is away."


# --- at the front desk ----------------------------------------------------------------------------------------------


def test_a_lock_is_recorded_shown_in_status_and_said_to_who_asks(desk: Desk) -> None:
    assert desk.says("lock prod-dmz because CR-1").text.startswith("*prod-dmz* is locked")
    assert desk.last().event == LOCKED
    assert desk.last().run is None
    assert "prod-dmz is locked by ana since 2026-01-28 12:00 UTC because CR-1." in desk.says("status").text
    assert "It will have to wait: prod-dmz is locked by ana" in desk.says("backup prod-dmz").text
    assert "It will have to wait" not in desk.says("verify prod-dmz").text
    assert desk.says("lock prod-dmz because CR-2", BEN).kind == "refused"
    assert "locked" not in desk.says("status test", replace(ANA, channel="C0TEST")).text
    assert desk.says("unlock prod-dmz").text == "*prod-dmz* is unlocked."
    assert "locked" not in desk.says("status").text


def test_who_locks_and_unlocks_is_told_what_goes_on(desk: Desk) -> None:
    for run in ("prod-dmz-1", "prod-dmz-2"):
        desk.says(f"{'backup' if run.endswith('1') else 'restart'} prod-dmz")
        for event in held_events()[:1]:
            desk.audit.append(None, lambda _, event=event, run=run: [Draft(event=event, run=run)])
    desk.audit.append(None, lambda _: [Draft(event=e.Admitted(n=1), run="prod-dmz-1")])
    assert desk.says("lock prod-dmz because x").text.endswith("*prod-dmz-1* is at work there and goes on.")
    assert desk.says("unlock prod-dmz").text == "*prod-dmz* is unlocked. *prod-dmz-2*, which waited, goes on."


def test_the_button_of_a_lock_that_is_over_ends_no_other(desk: Desk) -> None:
    desk.says("lock prod-dmz because CR-1")
    first = str(desk.audit.last_seq())
    assert desk.presses(Command(word="unlock", environment="prod-dmz", gate=first)).kind == "recorded"
    late = desk.presses(Command(word="unlock", environment="prod-dmz", gate=first))
    assert (late.kind, plain(late.text)[:33]) == ("refused", "ana has ended that lock. That was")
    desk.says("lock prod-dmz because CR-2")
    desk.says("unlock prod-dmz")
    late = desk.presses(Command(word="unlock", environment="prod-dmz", gate=first))
    assert (late.kind, plain(late.text)) == ("refused", "That lock has been ended already. Type: status")


def test_an_admin_who_presses_unlock_on_anothers_lock_is_asked_why(desk: Desk) -> None:
    desk.says("lock prod-dmz because CR-1", BEN)
    press = Command(word="unlock", environment="prod-dmz", gate=str(desk.audit.last_seq()))
    assert desk.presses(press).kind == "asks"
    assert desk.says("unlock prod-dmz").kind == "refused", "typed, it is told the line"
    assert desk.presses(replace(press, reason="he is away")).kind == "recorded"
    assert desk.last().event.taken_from == "ben"


def test_the_same_delivery_twice_is_one_lock(desk: Desk) -> None:
    told = [desk.says("lock prod-dmz because x", key="slack:same").text for _ in range(2)]
    assert told[0] == told[1]
    assert desk.kinds() == ["Locked"]


# --- followed -------------------------------------------------------------------------------------------------------


def add(audit: Audit, tale: Tale, run: str) -> None:
    for item in tale.events:
        event, actor = item if isinstance(item, tuple) else (item, ANNA)
        audit.append(None, lambda _, event=event, actor=actor: [Draft(event=event, run=run, actor=actor)])


def test_the_card_of_a_run_that_waits_follows_the_one_that_it_waits_for(tmp_path: Path) -> None:
    with closing(Audit(tmp_path / "audit.sqlite")) as audit:
        outbox = Outbox(audit)
        thread = Thread(audit, outbox)

        def card() -> str:
            thread.catch_up()
            return str(outbox.of_run("prod-dmz-2")["card"].body["text"])

        add(audit, Tale().started(), "prod-dmz-1")
        add(audit, Tale(0, "backup").planned(), "prod-dmz-2")
        assert "Waits for prod-dmz-1, at step 1" in card()
        for event in (begun(1), ended(1)):
            audit.append(None, lambda _, event=event: [Draft(event=event, run="prod-dmz-1")])
        assert "Waits for prod-dmz-1, at step 2" in card()
        audit.append(None, lambda _: [Draft(event=LOCKED, actor=BENNO)])
        assert "and until ben unlocks prod-dmz" in card()
        done = e.Ended(outcome="done", sentence="All is done.")
        audit.append(None, lambda _: [Draft(event=done, run="prod-dmz-1")])
        assert "Waits until ben unlocks prod-dmz" in card()
        locked_at = audit.last_seq() - 1
        assert list(outbox.of_run("prod-dmz")) == [f"lock-{locked_at}"]
        assert audit.environment("prod-dmz", until=locked_at).lock
        assert audit.environment("prod-dmz", until=locked_at - 1).lock is None
        assert audit.environment("prod-dmz", until=locked_at - 1).admitted == "prod-dmz-1"


def test_a_name_or_a_reason_mentions_nobody() -> None:
    eve = replace(BENNO, shown="<!channel> & eve")
    run = replace(WAITING.run, waits=waits(view=environment((LOCKED, eve))))
    assert "<!channel>" not in str(card(run))
    for message in shown.messages(environment((replace(LOCKED, reason="<!here>"), eve))):
        assert "<!here>" not in str(message.body)
        assert "<!channel>" not in str(message.body)


def test_a_terminal_says_for_whom_the_run_waits_once_each_time_it_changes(capsys: Any) -> None:
    show = Show(interactive=False, quiet=False)
    for item in stored(Tale(0, "backup").planned().events):
        show.take({"event": event_data(item)})
    for told in ("waits for prod-dmz-16, at step 1 of 11", "waits for prod-dmz-16, at step 2 of 11", ""):
        show.take({"waits": told, "locked": False})
    out = capsys.readouterr().out
    assert out.count("prod-dmz-17 waits for") == 2
    assert "prod-dmz-17 waits for prod-dmz-16, at step 2 of 11\n" in out
