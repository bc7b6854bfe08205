"""Freezes: their arithmetic with zones and clock changes, whom they bind, who overrides and who reviews."""

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from desks import RUN, started
from hypothesis import example, given
from hypothesis import strategies as st
from judged import ALL, OVERRIDE, RIGHTS, allowed, denied, environment, person
from pydantic import ValidationError
from test_blocks import EVE, HOSTILE, assert_fits
from worlds import ANA, BEN, Tale, claimed, requested, run_of, stored

from bot import events as e
from bot.commands import parse
from bot.lab.windows import PretendWindows, single
from bot.lab.windows.presets import PACKAGE_PATH, PACKAGE_SHA256
from bot.policy import Around, ask, decide, frozen_at_start
from bot.runs.logs import Logs
from bot.runs.operations import Operator
from bot.settings import Freeze, Frozen, frozen
from bot.slack.blocks import messages
from bot.texts import plain
from bot.view import fold_environment

BERLIN = ZoneInfo("Europe/Berlin")
WEEKEND = {"from": "Friday 16:00", "to": "Monday 06:00", "reason": "weekend"}
CHRISTMAS = {"from": datetime(2026, 12, 18, 18), "to": datetime(2027, 1, 7, 6), "reason": "Christmas"}


def freeze(given: dict[str, Any], zone: str = "Europe/Berlin") -> Freeze:
    return Freeze.model_validate({"time_zone": zone, "environments": ["prod-dmz"], **given})


def at(*local: int, zone: ZoneInfo = BERLIN, fold: int = 0) -> datetime:
    return datetime(*local, tzinfo=zone, fold=fold).astimezone(UTC)  # type: ignore[arg-type,misc]


# --- once -----------------------------------------------------------------------------------------------------------


def test_a_freeze_is_on_from_its_first_moment_up_to_its_end() -> None:
    made = freeze(CHRISTMAS)
    begin, end = at(2026, 12, 18, 18), at(2027, 1, 7, 6)
    moment = timedelta(microseconds=1)
    assert [bool(made.window(when)) for when in (begin - moment, begin, end - moment, end)] == [
        False,
        True,
        True,
        False,
    ]
    assert made.window(begin) == (begin, end)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"from": datetime(2026, 3, 29, 2, 30)}, "the clocks of Europe/Berlin leave out"),
        ({"to": datetime(2027, 3, 28, 2, 0)}, "the clocks of Europe/Berlin leave out"),
        ({"from": datetime(2026, 12, 18, 18, tzinfo=UTC)}, "should be a local time such as"),
        ({"from": "2026-12-18 18:00"}, "should be a local time such as"),
        ({"from": "Fri 18:00"}, "should be a local time such as"),
        ({"from": datetime(9999, 12, 31)}, "should be a local time such as"),
        ({"to": datetime(2026, 12, 18, 18)}, "should be later than from"),
        ({"to": "Monday 06:00"}, "of the same kind as from"),
        ({"from": "Monday 06:00", "to": "monday 06:00"}, "should be later than from"),
        ({"time_zone": "Europe/Berlyn"}, "should be a time zone"),
        ({"environments": []}, "at least 1 item"),
        ({"reason": ""}, "at least 1 character"),
    ],
)
def test_a_faulty_freeze_is_told(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        freeze(CHRISTMAS | given)
    assert told in str(caught.value)


def test_a_time_that_exists_twice_is_taken_so_that_the_freeze_is_longer() -> None:
    """On 25 October 2026 Berlin has 02:30 twice: at 00:30 and at 01:30 UTC."""
    twice = datetime(2026, 10, 25, 2, 30)
    later = freeze({"from": twice, "to": datetime(2026, 10, 26), "reason": "x"})
    assert later.window(at(2026, 10, 25, 2, 30)) is not None
    earlier = freeze({"from": datetime(2026, 10, 24), "to": twice, "reason": "x"})
    assert earlier.window(at(2026, 10, 25, 2, 15, fold=1)) is not None
    assert earlier.window(at(2026, 10, 25, 2, 30, fold=1)) is None


# --- every week -----------------------------------------------------------------------------------------------------

MINUTES = 7 * 24 * 60
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC))
ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"]
)
MINUTE = st.integers(0, MINUTES - 1)


def weekly(begin: int, end: int, zone: str) -> Freeze:
    return freeze({"from": named(begin), "to": named(end), "reason": "x"}, zone)


def named(minute: int) -> str:
    return f"{DAYS[minute // 1440]} {minute % 1440 // 60:02}:{minute % 60:02}"


def shows(when: datetime, begin: int, end: int, zone: str) -> bool:
    """Whether the clocks on the wall are between the two."""
    local = when.astimezone(ZoneInfo(zone))
    minute = local.weekday() * 1440 + local.hour * 60 + local.minute
    return (minute - begin) % MINUTES < (end - begin) % MINUTES


@given(when=MOMENTS, begin=MINUTE, end=MINUTE, zone=ZONES)
@example(when=at(2026, 10, 25, 2, 30, fold=1), begin=6 * 1440 + 90, end=6 * 1440 + 150, zone="Europe/Berlin")
def test_a_weekly_freeze_is_on_whenever_the_clocks_show_it(when: datetime, begin: int, end: int, zone: str) -> None:
    if begin != end and shows(when, begin, end, zone):
        window = weekly(begin, end, zone).window(when)
        assert window
        assert window[0] <= when < window[1]


@given(when=MOMENTS, begin=MINUTE, end=MINUTE, zone=ZONES)
def test_it_is_on_at_no_other_time_but_around_a_change_of_the_clocks(
    when: datetime, begin: int, end: int, zone: str
) -> None:
    if begin == end or shows(when, begin, end, zone):
        return
    offsets = {(when + timedelta(hours=h)).astimezone(ZoneInfo(zone)).utcoffset() for h in (-25, -2, -1, 0, 1, 2, 25)}
    if len(offsets) == 1:
        assert weekly(begin, end, zone).window(when) is None


def test_a_weekend_lasts_over_midnight_and_over_a_change_of_the_clocks() -> None:
    made = freeze(WEEKEND)
    begin, end = at(2026, 3, 27, 16), at(2026, 3, 30, 6)
    assert end - begin == timedelta(hours=61), "an hour is left out"
    for when in (begin, at(2026, 3, 29, 3), end - timedelta(seconds=1)):
        assert made.window(when) == (begin, end)
    assert made.window(begin - timedelta(seconds=1)) is None
    assert made.window(end) is None


def test_the_longest_freeze_of_the_environment_counts() -> None:
    freezes = [freeze(WEEKEND), freeze(CHRISTMAS)]
    saturday = at(2026, 12, 19, 12)
    assert frozen(freezes, "prod-dmz", saturday) == Frozen(
        reason="Christmas", until=at(2027, 1, 7, 6), zone="Europe/Berlin"
    )
    assert frozen(freezes, "test", saturday) is None
    assert frozen(freezes, "prod-dmz", at(2026, 12, 16, 12)) is None


# --- whom it binds --------------------------------------------------------------------------------------------------

COLD = Frozen(reason="Christmas", until=datetime(2027, 1, 7, 5, tzinfo=UTC), zone="Europe/Berlin")
BOTH = person("adm")
RUNS = ("upgrade", "restart", "backup", "verify", "plan")


def asked(text: str, actor: Any, cold: Frozen | None = COLD, view: Any = None, rights: Any = None) -> Any:
    command = parse(text)
    request = requested(command.word, reason=command.reason, text=command.text, only_plan=command.word == "plan")
    rights = rights or replace(RIGHTS, may_run=("U0MIA", "U0ADM"))
    return ask(command, actor, rights, request, Around(others=[], environment=view or environment(), frozen=cold))


@pytest.mark.parametrize("word", RUNS)
def test_a_freeze_binds_what_begins_something_and_no_way_out_of_trouble(word: str) -> None:
    verdict = asked(f"{word} prod-dmz", person("mia"))
    if word in ("upgrade", "restart"):
        assert denied(verdict) == "frozen"
        assert (
            verdict.sentence
            == "prod-dmz is frozen until 2027-01-07 05:00 UTC (Thu 7 Jan 06:00 Europe/Berlin): Christmas."
        )
    else:
        assert allowed(verdict) == ["Requested"]
    assert allowed(asked(f"{word} prod-dmz", person("mia"), None)) == ["Requested"]


def test_an_override_is_an_admins_with_a_reason_where_there_is_a_freeze() -> None:
    verdict = asked("upgrade prod-dmz override because CVE-1", BOTH)
    assert allowed(verdict) == ["Requested", "FreezeOverridden"]
    assert verdict.events[1] == e.FreezeOverridden(
        environment="prod-dmz", freeze="Christmas", until=COLD.until, zone="Europe/Berlin", reason="CVE-1"
    )
    assert denied(asked("upgrade prod-dmz override because CVE-1", person("mia"))) == "not in admins"
    assert denied(asked("upgrade prod-dmz override", BOTH)) == "no reason"
    assert denied(asked("upgrade prod-dmz override because CVE-1", BOTH, None)) == "not frozen"
    assert allowed(asked("restart prod-dmz override because it hangs", BOTH)) == ["Requested", "FreezeOverridden"]
    assert denied(asked("upgrade prod-dmz override because CVE-1", BOTH, rights=RIGHTS)) == "not in may_run"


def test_an_override_that_nobody_else_could_review_is_refused_with_the_way_out() -> None:
    alone = replace(RIGHTS, may_run=("U0ADM",), approvers=("U0ADM",))
    assert denied(asked("upgrade prod-dmz override because CVE-1", BOTH, rights=alone)) == "no reviewer"
    for other in ("app", "U0APP", "S0LEADS"):
        more = replace(alone, approvers=("U0ADM", other))
        assert len(allowed(asked("upgrade prod-dmz override because CVE-1", BOTH, rights=more))) == 2
    only = replace(alone, approvers=("S0LEADS",), groups={"S0LEADS": frozenset({"U0ADM"})})
    assert denied(asked("upgrade prod-dmz override because CVE-1", BOTH, rights=only)) == "no reviewer"


def test_what_was_asked_for_before_a_freeze_does_not_begin_in_it() -> None:
    waiting = Tale().planned().approved()
    ended = frozen_at_start(waiting.run, COLD)
    assert ended
    assert ended.outcome == "expired"
    assert "frozen until 2027-01-07 05:00 UTC (Thu 7 Jan 06:00 Europe/Berlin): Christmas" in ended.sentence
    assert frozen_at_start(waiting.run, None) is None
    overridden = waiting.then((replace(OVERRIDE[0], until=COLD.until), ANA))
    assert frozen_at_start(overridden.run, COLD) is None
    later = replace(COLD, until=COLD.until + timedelta(days=40))
    assert frozen_at_start(overridden.run, later), "nobody overrode that one"
    assert frozen_at_start(Tale(runbook="backup").run, COLD) is None


FREEZE = """
[[freezes]]
from = 2026-01-31T00:00:00
to = 2026-02-01T00:00:00
time_zone = "UTC"
environments = ["prod"]
reason = "stocktaking"
"""


@pytest.mark.parametrize(("day", "kind"), [(31, "Ended"), (30, "Started")])
def test_the_freeze_is_looked_at_once_more_at_the_start(day: int, kind: str, tmp_path: Path) -> None:
    """A gate before the start may have stood open for long."""
    now = datetime(2026, 1, day, 12, tzinfo=UTC)
    with PretendWindows(single(), password="s3cret") as server:
        server.change_clock(now - datetime.now(UTC))
        read, audit, hosts, _ = started(
            tmp_path, server, sha256=PACKAGE_SHA256, source=f"staged = '{PACKAGE_PATH}'", more=FREEZE,
            now=lambda: now, begins=False,
        )  # fmt: skip
        with closing(audit):
            Operator(read, audit, hosts, Logs(read.data, ())).start({"run": RUN, "trigger": 1, "n": 1})
            hosts.close(RUN)
            assert type(audit.since(audit.last_seq() - 1)[0].event).__name__ == kind
            run = audit.run(RUN)
            assert run
            assert (run.ended is not None) == (kind == "Ended")


# --- reviewed -------------------------------------------------------------------------------------------------------

DONE = e.Ended(outcome="done", sentence="All is done.")


def overridden(*more: Any) -> Any:
    return Tale().then(OVERRIDE).started().then(*more)


def reviewed(run: Any, actor: Any, rights: Any = ALL) -> Any:
    return decide(parse("review prod-dmz-17 because fine"), actor, rights, run)


def test_another_approver_reviews_once_the_run_has_ended() -> None:
    over = overridden(DONE)
    assert allowed(reviewed(over.run, BEN)) == ["Reviewed"]
    assert denied(reviewed(over.run, ANA)) == "own override"
    assert denied(reviewed(over.run, claimed(BEN))) == "claimed"
    assert denied(reviewed(over.run, BEN, RIGHTS)) == "not in approvers"
    assert denied(reviewed(overridden().run, BEN)) == "not ended"
    assert denied(reviewed(over.then((e.Reviewed(reason="fine"), BEN)).run, BEN)) == "nothing to review"
    assert denied(reviewed(Tale().started().then(DONE).run, BEN)) == "nothing to review"
    rejected = Tale().then(OVERRIDE, e.Ended(outcome="rejected", sentence="No."))
    assert denied(reviewed(rejected.run, BEN)) == "nothing to review"


def open_reviews(*events: Any) -> list[str]:
    return [one.run for one in fold_environment("prod-dmz", stored(events)).reviews]


def test_a_review_is_open_until_it_is_given_or_the_run_ends_without_having_started() -> None:
    started = e.Started(n=1, facts={})
    assert open_reviews() == []
    assert open_reviews(OVERRIDE) == ["prod-dmz-17"]
    assert open_reviews(OVERRIDE, started, DONE) == ["prod-dmz-17"]
    assert open_reviews(OVERRIDE, started, DONE, (e.Reviewed(reason="fine"), BEN)) == []
    assert open_reviews(OVERRIDE, e.Ended(outcome="expired", sentence="Late.")) == []


def test_an_open_review_keeps_the_next_upgrade_out_and_nothing_else() -> None:
    view = fold_environment("prod-dmz", stored([OVERRIDE]))
    verdict = asked("upgrade prod-dmz", person("mia"), None, view)
    assert (denied(verdict), verdict.run) == ("open review", "prod-dmz-17")
    assert "review prod-dmz-17 because REASON" in verdict.next_move
    assert denied(asked("upgrade prod-dmz override because CVE-2", BOTH, COLD, view)) == "open review"
    assert allowed(asked("restart prod-dmz", person("mia"), None, view)) == ["Requested"]
    assert allowed(asked("backup prod-dmz", person("mia"), None, view)) == ["Requested"]


def test_the_head_that_was_printed_is_that_of_the_runs_own_end() -> None:
    ended = Tale().started().then(DONE)
    assert ended.then((e.Reviewed(reason="fine"), BEN)).run.head == ended.run.head
    assert run_of((requested(), ANA)).head.startswith("2:")


# --- told -----------------------------------------------------------------------------------------------------------


def override(run: Any) -> Any:
    return next(message for message in messages(run, {}) if message.name == "override")


def test_an_override_is_a_message_to_the_channel_that_tells_its_review_in_the_end() -> None:
    asked_for = override(Tale().then(OVERRIDE).run)
    assert asked_for.broadcast
    assert "ana asked for prod-dmz-17, upgrade prod-dmz" in asked_for.body["text"]
    assert "in spite of a freeze until 2026-01-31 12:00 UTC: Christmas. Reason: CR-1234." in plain(
        asked_for.body["text"]
    )
    assert "Another approver reviews it" in asked_for.body["text"]
    done = overridden(DONE)
    assert "Another approver reviews it" in override(done.run).body["text"]
    told = override(done.then((e.Reviewed(reason="it is fine"), BEN)).run).body["text"]
    assert "Reviewed by ben: it is fine." in told
    assert "Another approver" not in told
    dropped = Tale().then(OVERRIDE, e.Ended(outcome="rejected", sentence="No."))
    assert "Another approver" not in override(dropped.run).body["text"]
    assert [m for m in messages(Tale().run, {}) if m.name == "override"] == []


def test_whatever_an_override_says_fits_slack_and_mentions_nobody() -> None:
    frozen_in = replace(OVERRIDE[0], freeze=HOSTILE * 2, reason=HOSTILE * 5)
    said = Tale().then((frozen_in, EVE)).started().then(DONE, (e.Reviewed(reason=HOSTILE * 5), EVE)).run
    run = replace(said, request=replace(said.request, reason=HOSTILE * 5), requested=replace(said.requested, by=EVE))
    for message in messages(run, {}):
        assert_fits(message)
        assert "<!here>" not in str(message.body)
