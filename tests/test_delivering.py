"""How a package comes to a host: in pieces, resumed after a cut, believed by its hash alone, told as it goes."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from desks import started
from worlds import ANA

import runbooks  # noqa: F401  (registers them)
from bot import events as e
from bot import settings
from bot.audit import Audit, Draft
from bot.errors import NpsError
from bot.lab.windows import PretendWindows, single
from bot.lab.windows.delivery import FETCHED, SIGNER
from bot.plan import Plan
from bot.runs import delivering
from bot.runs.delivering import PIECE, Deliveries
from bot.runs.engine import Data
from bot.runs.logs import Logs
from bot.runs.planner import make_plan
from bot.windows.facts import HostFacts, Signature
from bot.windows.states import Delivered

CONTENT = os.urandom(2 * PIECE + 1000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PATH = f"C:\\ProgramData\\nps\\packages\\{SHA256}\\prm_setup.exe"
URL = "https://files.corp.example/prm_setup.exe"
UPLOAD = 'upload = "packages/prm_setup.exe"'


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A run at its step Note 1, and the server that the package is to come to."""

    server: PretendWindows
    audit: Audit
    deliveries: Deliveries
    plan: Plan
    file: Path
    number: int

    @property
    def state(self) -> Delivered:
        state = self.plan.steps[self.number - 1].state
        assert isinstance(state, Delivered)
        return state

    def once(self, last: Data) -> Data:
        move = {"run": "prod-1", "step": self.number, "attempt": 1, "repairing": False}
        return self.deliveries.deliver(move | last["deliver"])

    def to_the_end(self, last: Data | None = None) -> Data:
        """What the walker does, without its patience."""
        answer = last or {"deliver": {}}
        while "deliver" in answer and "stalled" not in answer:
            answer = self.once(answer)
        return answer

    @property
    def told(self) -> tuple[str, int | None]:
        return self.audit.progress("prod-1")[self.number]


@pytest.fixture
def server() -> Iterator[PretendWindows]:
    with PretendWindows(single(), password="s3cret") as server:
        yield server


@pytest.fixture
def source() -> str:
    return UPLOAD


@pytest.fixture
def delivery(
    tmp_path: Path, server: PretendWindows, source: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Delivery]:
    monkeypatch.setattr(delivering, "PAUSE", 0)
    file = tmp_path / "packages/prm_setup.exe"
    file.parent.mkdir()
    file.write_bytes(CONTENT)
    read, audit, hosts, plan = started(tmp_path, server, sha256=SHA256, source=source, more=f'signer = "{SIGNER}"')
    deliveries = Deliveries(read, audit, hosts, Logs(tmp_path / "logs", []))
    number = next(i for i, step in enumerate(plan.steps, 1) if step.state.kind == "delivered")
    yield Delivery(server=server, audit=audit, deliveries=deliveries, plan=plan, file=file, number=number)
    hosts.close("prod-1")
    audit.close()


def facts_of(answer: Data) -> HostFacts:
    assert "facts" in answer, answer
    return HostFacts.model_validate(answer["facts"])


def test_an_upload_brings_the_file_in_pieces_and_tells_how_far_it_is(delivery: Delivery) -> None:
    foretold = delivery.plan.foretell({"be01": delivery.server.facts})[delivery.number - 1]
    assert foretold.effect == "upload packages/prm_setup.exe, 8.4 MB"
    first = delivery.once({"deliver": {}})
    assert delivery.told == ("4.2 of 8.4 MB of prm_setup.exe are there", 49)
    after = facts_of(delivery.to_the_end(first))
    assert delivery.told == ("8.4 of 8.4 MB of prm_setup.exe are there", 100)
    assert delivery.state.holds(after)
    assert (after.package and after.package.path, after.package and after.package.sha256) == (PATH, SHA256)
    assert delivery.server.counts["receive_file"] == 3
    delivery.once({"deliver": {}})
    assert delivery.server.counts["receive_file"] == 3, "asked again, nothing is sent again"


def test_an_upload_goes_on_where_a_cut_left_it(delivery: Delivery) -> None:
    first = delivery.once({"deliver": {}})
    delivery.server.faults.go_away()
    cut = delivery.once(first)
    assert "be01" in cut["stalled"]["sentence"]
    assert cut["stalled"]["next_move"]
    assert delivery.told[0].endswith("The bot keeps trying.")
    delivery.server.faults.come_back()
    assert delivery.state.holds(facts_of(delivery.to_the_end({"deliver": cut["deliver"]})))
    assert delivery.server.counts["receive_file"] == 3, "no piece twice"


@pytest.mark.parametrize("action", ["Send", "Receive"])
def test_a_piece_whose_answer_was_cut_is_in_the_file_once(delivery: Delivery, action: str) -> None:
    first = delivery.once({"deliver": {}})
    delivery.server.faults.cut_reply(action)
    assert delivery.state.holds(facts_of(delivery.to_the_end(first)))


def test_a_server_that_lost_its_shells_is_sent_the_rest(delivery: Delivery) -> None:
    first = delivery.once({"deliver": {}})
    delivery.server.reboot()
    assert delivery.state.holds(facts_of(delivery.to_the_end(first)))


def test_what_came_and_is_another_file_is_deleted_and_told(delivery: Delivery) -> None:
    first = delivery.once({"deliver": {}})
    delivery.file.write_bytes(CONTENT[:PIECE] + b"x" * (PIECE + 1000))
    error = delivery.to_the_end(first)["error"]
    assert "What came is not the file that was approved: its SHA-256 is " in error["sentence"]
    delivery.file.write_bytes(CONTENT)
    assert delivery.state.holds(facts_of(delivery.to_the_end())), "a retry begins anew"


def test_a_file_that_changed_on_the_bots_machine_is_not_sent_at_all(delivery: Delivery) -> None:
    delivery.file.write_bytes(b"another")
    error = delivery.once({"deliver": {}})["error"]
    assert "prm_setup.exe on the bot's machine has the SHA-256" in error["sentence"]
    delivery.file.unlink()
    assert "can't be read on the bot's machine: No such file" in delivery.once({"deliver": {}})["error"]["sentence"]
    assert "receive_file" not in delivery.server.counts


def test_an_abort_is_looked_at_between_two_pieces(delivery: Delivery) -> None:
    first = delivery.once({"deliver": {}})
    aborted = e.AbortRequested(reason="enough")
    delivery.audit.append("abort", lambda _: [Draft(event=aborted, run="prod-1", actor=ANA)])
    assert delivery.once(first) == {"left": True}
    assert delivery.server.counts["receive_file"] == 1


def test_a_plan_is_not_made_of_a_file_that_is_not_there_or_another(delivery: Delivery, tmp_path: Path) -> None:
    read, request = settings.load(tmp_path / "nps.toml"), delivery.audit.run("prod-1")
    assert request
    delivery.file.write_bytes(b"another")
    with pytest.raises(NpsError, match="correct sha256"):
        make_plan(read, request.request, "prod-2")
    delivery.file.unlink()
    with pytest.raises(NpsError, match="where upload in nps"):
        make_plan(read, request.request, "prod-2")


@pytest.mark.parametrize("source", [f'url = "{URL}"'])
def test_a_host_pulls_a_url_in_pieces(delivery: Delivery) -> None:
    assert delivery.plan.foretell({"be01": delivery.server.facts})[delivery.number - 1].effect == (
        f"fetch prm_setup.exe from {URL}"
    )
    assert f"{URL} was answered with 404" in delivery.to_the_end()["error"]["sentence"]
    delivery.server.machine.packages.served[URL] = CONTENT
    first = delivery.once({"deliver": {}})
    assert delivery.told == (f"{FETCHED / 1e6:.1f} of 8.4 MB of prm_setup.exe are there", 49)
    assert delivery.state.holds(facts_of(delivery.to_the_end(first)))


@pytest.mark.parametrize("source", [f'url = "{URL}"'])
def test_a_host_that_must_begin_anew_each_time_gets_no_further_by_that(delivery: Delivery) -> None:
    delivery.server.machine.packages.served[URL] = CONTENT
    first = delivery.once({"deliver": {"most": FETCHED}})
    assert first["stalled"]["sentence"].startswith("No more of prm_setup.exe came to be01")
    assert first["deliver"] == {"most": FETCHED}
    assert "stalled" not in delivery.once(first), "it goes further than ever before"


@pytest.mark.parametrize(
    ("signature", "found"),
    [
        (None, "its signature was not read"),
        (Signature(status="NotSigned"), "not signed"),
        (Signature(status="HashMismatch"), "changed after it was signed"),
        (Signature(status="Valid", signer="Mallory Inc."), "signed by Mallory Inc."),
        (
            Signature(status="UnknownError", signer=SIGNER, told="A root is not trusted."),
            f"signed by {SIGNER}, but not trusted here (UnknownError: A root is not trusted)",
        ),
    ],
)
def test_a_wrong_signature_fails_the_step_in_words_and_sends_nothing_again(
    delivery: Delivery, signature: Signature | None, found: str
) -> None:
    after = facts_of(delivery.to_the_end())
    assert after.package
    spoilt = after.model_copy(update={"package": after.package.model_copy(update={"signature": signature})})
    assert not delivery.state.holds(spoilt)
    assert delivery.state.found(spoilt) == f"SHA-256 {SHA256[:12]}…, {found}"
    assert delivery.state.wanted().endswith(f", signed by {SIGNER}")
    assert "signature is what is wrong" in delivery.state.effect(spoilt)
