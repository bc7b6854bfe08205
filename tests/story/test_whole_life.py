"""The whole life of a run through Socket Mode, each delivery made twice: refusals, races and an outage, and each
decision once in the audit."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from stage import WITHIN, Story

from bot.events import Stored
from bot.lab.demo import CHANNEL, Lab
from bot.lab.slack import Call, Message
from bot.lab.slack.model import Person

DORA = Person(id="U0DORA", name="dora", real_name="Dora of another organisation", team="T0OTHER")
SEEN = {"chat.postMessage", "chat.update"}


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    """Ana is known in the terminal too, and may approve what others ask for."""
    with Lab(tmp_path, installer_seconds=0.4) as lab:
        toml = lab.folder / "nps.toml"
        text = toml.read_text(encoding="utf-8").replace('slack = "U0ANA"\n', 'slack = "U0ANA"\nos = "ana"\n')
        toml.write_text(text.replace('["S0LEADS"]', '["S0LEADS", "U0ANA"]'), encoding="utf-8")
        with Story(lab).playing() as story:
            yield story


def together(story: Story, message: Message, button: str, *people: str) -> dict[str, str]:
    """They press in the same moment; what each is told."""
    ready = threading.Barrier(len(people))

    def press(person: str) -> str:
        ready.wait(WITHIN)
        return story.presses(person, message, button)

    with ThreadPoolExecutor(len(people)) as pool:
        return dict(zip(people, pool.map(press, people), strict=True))


def first_shown(story: Story, before: int) -> Call:
    """What the bot first showed in Slack since so many calls."""
    return story.slack.wait_for(
        lambda: next((call for call in story.slack.calls()[before:] if call.method in SEEN), None), WITHIN
    )


def refused(story: Story, run: str) -> list[tuple[str, str]]:
    return [(i.actor.shown, i.actor.rule) for i in story.events(run) if type(i.event).__name__ == "Refused"]


def decided(story: Story, run: str) -> list[Stored]:
    return [item for item in story.events(run) if item.actor.account != "bot"]


def test_each_decision_of_a_life_with_refusals_races_and_an_outage_is_once_in_the_audit(story: Story) -> None:
    story.lab.frontend.faults.installer_enables_service()
    story.slack.connect(DORA, "ops")
    with story.slack.twice():
        assert "is recorded" in story.types("ana", "upgrade prod-dmz because CR-1234")
        run = "prod-dmz-1"
        card = story.card_with(run, "nps:approve")
        assert "another organisation" in story.presses("dora", card, "nps:approve")
        assert "somebody else" in story.presses("ana", card, "nps:approve")

        before = len(story.slack.calls())
        told = together(story, card, "nps:approve", "ben", "chris")
        winner, loser = sorted(told, key=lambda person: "Your approval" not in told[person])
        assert f"{winner} has approved {run}. That was <!date^" in told[loser]
        vanished = first_shown(story, before)
        assert (vanished.method, vanished.args["ts"]) == ("chat.update", card.ts), "before anything else is told"
        assert "nps:approve" not in str(vanished.args["blocks"])

        gate = story.gate(run, "nps:repair")
        told = together(story, gate, "nps:repair", "ana", "chris")
        proposer, other = sorted(told, key=lambda person: "Your proposal" not in told[person])
        assert f"{proposer} has proposed to repair already" in told[other]
        proposal = story.gate(run, "nps:approve")
        story.slack.press("ben", CHANNEL, proposal.ts, "nps:reject")
        story.slack.wait_for(lambda: story.slack.modal("ben"), WITHIN)
        assert story.slack.submit("ben", {"reason": "let us look first"}) == {}
        late = story.slack.press("chris", CHANNEL, proposal.ts, "nps:approve", version=0)
        assert late == "", "it is acked"
        story.slack.wait_for(
            lambda: any("ben has turned down the repair" in m.text for m in story.slack.ephemerals("chris")), WITHIN
        )

        with story.slack.away():
            again = story.do(f"repair {run}", "--no-wait", actor="ana")
            assert again.returncode == 0, again.stdout + again.stderr
        story.slack.wait_connected(WITHIN)
        assert "recorded" in story.presses("ben", story.gate(run, "nps:approve"), "nps:approve")
        assert story.ended(run).outcome == "done"

        ended = len(story.slack.ephemerals("chris"))
        story.slack.press("chris", CHANNEL, gate.ts, "nps:retry", version=0)
        last = story.slack.wait_for(lambda: story.slack.ephemerals("chris")[ended:], WITHIN)
        assert "has ended (done). ben has decided repair." in last[0].text

    kinds = [type(item.event).__name__ for item in decided(story, run) if type(item.event).__name__ != "Refused"]
    assert kinds == [
        "Requested", "Approved", "Proposed", "TurnedDown", "Proposed", "ProposalApproved", "Decided",
    ]  # fmt: skip
    assert refused(story, run) == [
        ("dora", "stranger"), ("ana", "own request"), (loser, "nothing to approve"),
        (other, "one proposal at a time"), ("chris", "nothing to approve"), ("chris", "ended"),
    ]  # fmt: skip
    assert story.lab.frontend.counts["disable_service"] == 1


def test_production_is_refused_in_a_channel_that_becomes_shared(tmp_path: Path) -> None:
    with Lab(tmp_path, installer_seconds=0.4) as lab:
        toml = lab.folder / "nps.toml"
        toml.write_text(toml.read_text(encoding="utf-8") + "production = true\n", encoding="utf-8")
        lab.slack.share("ops", pending=True)
        story = Story(lab)
        story.start()
        try:
            lab.slack.wait_for(lambda: lab.slack.calls("conversations.info"), WITHIN)
            story.wait_log("Another organisation reads along in channel C0OPS")
            assert "is shared with another organisation" in story.types("ana", "upgrade prod-dmz")
            assert [type(item.event).__name__ for item in story.events()][-1] == "Refused"
        finally:
            assert story.bot
            story.bot.kill()
            story.bot.wait(WITHIN)
        story.assert_sound()
