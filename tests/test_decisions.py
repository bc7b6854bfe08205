"""What an approval is bound to, and who decided, when and why: on the card, in show, and in the terminal."""

from dataclasses import replace
from typing import Any

import pytest
from judged import PROPOSED
from rich.console import Console
from worlds import ANA, BEN, Tale, begun, ended, gate

from bot import events as e
from bot.do import report, screen
from bot.slack.blocks import messages
from bot.telling import choices, full
from bot.texts import plain, typed
from bot.view import Run

RETRY = e.Decided(step=3, attempt=1, word="retry", reason="it is back"), BEN
SKIP = e.Decided(step=3, attempt=2, word="skip", reason="CR-9"), BEN
PROPOSAL: tuple[e.Event, Any] = e.Proposed(**PROPOSED | {"attempt": 2, "word": "skip", "reason": "CR-9"}), ANA
APPROVED = e.ProposalApproved(step=3, attempt=2, hash="ab" * 32), BEN
FAILED = [begun(3, 2), ended(3, 2, "failed"), gate(3, 2)]
RUN = Tale().at_gate().then(RETRY, *FAILED, PROPOSAL, APPROVED, SKIP, begun(4)).run
TOLD = [
    "ben decided retry: it is back, 2026-01-31 12:12 UTC",
    "ben decided skip, as ana proposed: CR-9, 2026-01-31 12:18 UTC",
]
CONCERN = e.Concern(key="due", sentence="fe01: a restart is due there.", next_move="Restart it.")
ASKED = e.GateOpened(step=0, attempt=1, sentence="Not yet.", next_move="", words=("skip",), concerns=(CONCERN,))


def card(run: Run) -> str:
    blocks = messages(run, {})[0].body["blocks"]
    return plain("\n".join(block["text"]["text"] for block in blocks if block["type"] == "section"))


def on_screen(run: Run) -> str:
    return "\n".join(str(row) for row in screen(run, {}, Console(width=200, height=60)))


def reported(run: Run) -> str:
    return "\n".join(report(run))


def shown(run: Run) -> str:
    return plain(full(run, None))


@pytest.mark.parametrize("surface", [card, shown, reported, on_screen])
def test_a_decision_stands_below_its_step(surface: Any) -> None:
    lines = [line.strip(" ↳") for line in surface(RUN).split("\n")]
    first = next(i for i, line in enumerate(lines) if line.startswith("– 3."))
    assert lines[first + 1 : first + 3] == TOLD
    assert lines[first + 3].startswith("▸ 4.")


PLANNED = Tale().planned().run
MADE_OF = "Runbook upgrade, version 2, on be01, fe01, package prm_setup.exe 9.3.0.0, SHA-256 8da74d6faf5d."


@pytest.mark.parametrize("surface", [card, shown, reported])
def test_a_plan_names_what_its_hash_covers(surface: Any) -> None:
    assert MADE_OF in surface(PLANNED)


@pytest.mark.parametrize("surface", [shown, reported])
def test_who_approves_can_read_what_is_wanted_and_found(surface: Any) -> None:
    assert "run prm_setup.exe /S\n    wanted: version 9.3.0.0; found: version 9.2.0.0" in surface(PLANNED)


def test_a_long_plan_leaves_room_for_the_line_to_type() -> None:
    steps = tuple(replace(step, wanted="x" * 300) for step in PLANNED.steps)
    told = full(replace(PLANNED, steps=steps), None)
    assert "wanted: " not in told
    assert len(told) < 3900
    assert told.endswith(typed(f"approve prod-dmz-17 {PLANNED.hash[:6]}"))


@pytest.mark.parametrize("surface", [shown, reported])
def test_what_was_decided_before_the_first_step_is_kept_too(surface: Any) -> None:
    run = Tale().planned().approved().then(ASKED, (e.Decided(step=0, attempt=1, word="skip", reason="CR-9"), BEN)).run
    assert "ben decided skip: CR-9, 2026-01-31 12:04 UTC" in surface(run)


@pytest.mark.parametrize("wanted", [0, 1])
def test_a_choice_tells_of_the_second_person_as_was_wanted_when_it_was_asked(wanted: int) -> None:
    run = Tale(approvals=1 - wanted).started().then(begun(1), ended(1, outcome="failed"), gate(1, approvals=wanted)).run
    assert run.gate
    assert any("once somebody else approves" in line for line in choices(run, run.gate)) is bool(wanted)
