"""The Location tab's verdict: what holds, what changed during the run, and what is only told."""

from typing import Any

import pytest
from worlds import FE, Tale, begun, ended, plan

from bot.lab.windows.presets import CLASS_ID, frontend
from bot.runs import judging
from bot.windows.facts import DcomClass, DcomEvents, HostFacts
from bot.windows.states import DcomLocation

NUMBER = 1 + [step.title[:4] for step in plan("upgrade", FE).steps].index("II.6")
STATE = DcomLocation(server="be01.corp.example")
LEFT = DcomClass(clsid=CLASS_ID, view="64", local_server="x.exe")
AWAY = DcomClass(clsid=CLASS_ID, view="64", local_server_off="x.exe")


def seen(*classes: DcomClass, events: DcomEvents | None = None, **dcom: Any) -> HostFacts:
    """A frontend as the last upgrade left it, with these further classes and settings."""
    facts = frontend()
    assert facts.dcom
    changed = facts.dcom.model_copy(update={"classes": (*facts.dcom.classes, *classes), **dcom})
    return facts.model_copy(update={"dcom": changed, "dcom_events": events})


@pytest.mark.parametrize(
    ("settings", "holds"),
    [
        ({}, True), ({"remote_server": "BE01.Corp.Example"}, True), ({"remote_server": "be01"}, False),
        ({"remote_server": None}, False), ({"local_service": "PRMService"}, False),
        ({"activate_at_storage": "Y"}, False), ({"activate_at_storage": "N"}, True),
    ],
)  # fmt: skip
def test_both_halves_of_the_tab_are_judged_and_names_as_they_are_written(settings: dict[str, Any], holds: bool) -> None:
    assert STATE.holds(seen(**settings)) is holds
    assert STATE.after(seen(**settings)) == STATE.after(STATE.after(seen(**settings)))
    assert STATE.holds(STATE.after(seen(**settings)))


def test_a_left_over_local_server_fails_unless_it_was_there_before() -> None:
    assert STATE.changed(seen(AWAY), seen(LEFT)) == (f"LocalServer32 of {CLASS_ID} (64-bit) is new",)
    assert STATE.changed(seen(LEFT), seen(LEFT)) == ()
    assert STATE.remarks(seen(LEFT), seen(LEFT)) == (
        f"LocalServer32 left in {CLASS_ID} (64-bit), as before the run",
    )  # fmt: skip
    assert STATE.remarks(seen(AWAY), seen(AWAY)) == ()


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ({"run_as": "nt authority\\system"}, {}, "RunAs was nt authority\\system, is absent"),
        ({}, {"authentication_level": 1}, "AuthenticationLevel was absent, is 1"),
        ({}, {"local_service_off": None}, "LocalService was PRMService, is absent"),
        ({}, {"local_service_off": "Other"}, "LocalService was PRMService, is Other"),
    ],
)  # fmt: skip
def test_settings_that_an_upgrade_must_not_touch_are_compared(
    before: dict[str, Any], now: dict[str, Any], told: str
) -> None:
    assert STATE.changed(seen(**before), seen(**now)) == (told,)


def test_another_server_of_a_class_is_told_in_its_own_view() -> None:
    now = seen(AWAY.model_copy(update={"local_server_off": "y.exe"}))
    assert STATE.changed(seen(AWAY), now) == (f"LocalServer32 of {CLASS_ID} (64-bit) was x.exe, is y.exe",)


def test_what_the_repair_itself_brings_about_is_no_change() -> None:
    live = seen(LEFT, local_service="PRMService", local_service_off=None)
    assert STATE.changed(live, STATE.after(live)) == ()


def test_what_hardening_refused_is_told_before_and_after_and_fails_nothing() -> None:
    before, now = DcomEvents(count=2), DcomEvents(count=5, newest="2026-01-31T12:00:00Z")
    assert STATE.changed(seen(events=before), seen(events=now)) == ()
    assert STATE.remarks(seen(events=before), seen(events=now)) == (
        "DCOM's hardening has refused calls: 5 events 10036 to 10038, 2 at the start, the newest 2026-01-31T12:00:00Z",
    )  # fmt: skip
    assert STATE.remarks(seen(), seen(events=DcomEvents())) == ()
    unread = seen(events=DcomEvents(unread="no such log"))
    assert STATE.remarks(seen(), unread) == ("events 10036 to 10038 could not be read (no such log)",)


def test_remarks_stand_beside_what_was_found_and_not_in_the_hash() -> None:
    tale = Tale()
    tale.facts["fe01"] = seen(LEFT)
    outcome = {"facts": seen(LEFT, events=DcomEvents(count=1, newest="now")).model_dump(mode="json")}
    told = judging.ended(tale.started().run, NUMBER, 1, outcome, False, None, None, "")
    assert told.outcome == "failed", "the plan's backend is be01"
    assert "as before the run" in told.found
    assert "1 events 10036" in told.found
    made = plan("upgrade", FE)
    quiet, loud = (tale.facts | {"fe01": seen(LEFT, events=events)} for events in (None, DcomEvents(count=9)))
    assert made.hash(made.foretell(quiet)) == made.hash(made.foretell(loud))


def test_a_gate_for_what_changed_offers_the_repair() -> None:
    tale = Tale().started().then(begun(NUMBER), ended(NUMBER, outcome="failed", sentence="LocalServer32 is new."))
    assert "repair" in judging.gate(tale.run, NUMBER, 1).words


def test_a_repair_acts_on_what_changed_although_the_location_holds() -> None:
    step = plan("upgrade", FE, dcom_backend=STATE.server).steps[NUMBER - 1]
    assert step.state.holds(seen(LEFT))
    assert judging.is_due(step, seen(AWAY), seen(LEFT), repairing=True)
    assert not judging.is_due(step, seen(AWAY), seen(LEFT), repairing=False)
    assert not judging.is_due(step, seen(LEFT), seen(LEFT), repairing=True)
    assert judging.is_due(step, seen(), seen(local_service="PRMService"), repairing=False)
