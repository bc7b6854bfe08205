"""The terminal's door alone, without a bot behind it: who gets in, as whom, and what a crowd can do to it."""

import contextlib
import json
import logging
import os
import resource
import socket
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cases import FOLDER
from worlds import Tale

import runbooks  # noqa: F401  (registers them)
from bot.audit import Audit, Draft
from bot.do import do
from bot.followers.terminal import CALLERS, Terminal, address
from bot.intake import Intake
from bot.settings import load

WITHIN = 60.0


class Door:
    """A terminal's door in this process, on an audit log of its own."""

    def __init__(self, folder: Path) -> None:
        (folder / "nps.toml").write_text((FOLDER / "nps.toml").read_text(encoding="utf-8"), encoding="utf-8")
        settings = load(folder / "nps.toml")
        self.folder = settings.data
        self.audit = Audit(settings.audit)
        self.terminal = Terminal(self.folder, self.audit, Intake(settings, self.audit))
        self.terminal.start()

    def close(self) -> None:
        self.terminal.stop()
        self.audit.close()

    def connected(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with address(self.folder) as path:
            connection.connect(path)  # waits its turn, which a socket with a timeout would not
        connection.settimeout(WITHIN)
        return connection

    def asks(self, connection: socket.socket, **request: Any) -> dict[str, Any]:
        """The answer to a request with an id of its own, unless told."""
        given = {"id": str(uuid.uuid4()), "text": "help"} | request
        with connection.makefile("rwb") as stream:
            stream.write(json.dumps(given).encode() + b"\n")
            stream.flush()
            answer: dict[str, Any] = json.loads(stream.readline())["answer"]
            return answer

    def asks_anew(self, **request: Any) -> dict[str, Any]:
        with self.connected() as connection:
            return self.asks(connection, **request)


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    made = Door(tmp_path)
    yield made
    made.close()


class Heard(logging.Handler):
    """Says when the log has got a line of that level."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.event = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.event.set()


def test_a_door_that_ran_out_of_descriptors_lets_in_again(door: Door) -> None:
    heard, logger = Heard(logging.ERROR), logging.getLogger("nps.terminal")
    logger.addHandler(heard)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with address(door.folder) as path, socket.socket(socket.AF_UNIX) as silent:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))  # what is open stays open, nothing more can be opened
        try:
            silent.connect(path)
            assert heard.event.wait(WITHIN)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            logger.removeHandler(heard)
    assert door.asks_anew()["kind"] == "told"


def test_one_caller_too_many_is_told_so_and_a_place_that_is_free_again_is_given(door: Door) -> None:
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(door.connected()) for _ in range(CALLERS)]
        refused = door.asks_anew(text="backup prod-dmz")
        assert (refused["kind"], refused["run"]) == ("bad", None)
        assert "64 terminals" in refused["text"]
        assert door.asks(silent[7])["kind"] == "told"
        assert silent[7].recv(1) == b""
        assert door.asks_anew()["kind"] == "told"


def test_what_is_about_no_run_is_done_once_it_is_recorded(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPS_ACTOR", "ana")
    assert do(door.folder, "lock prod-dmz because I look at it", wait=True, as_json=False) == 0
    assert do(door.folder, "lock prod-dmz because again", wait=True, as_json=False) == 2
    assert do(door.folder, "unlock prod-dmz", wait=True, as_json=False) == 0


def test_a_run_that_a_person_keeps_out_waits_for_people(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPS_ACTOR", "ana")
    assert do(door.folder, "lock prod-dmz because I look at it", wait=True, as_json=False) == 0
    planned = Tale(0, "backup").planned().events[1:]

    def plans() -> None:
        version = -1
        while not door.audit.run_names("prod-dmz"):
            version = door.audit.wait(version, WITHIN)
        for event in planned:
            door.audit.append(None, lambda _, event=event: [Draft(event=event, run="prod-dmz-1")])

    planner = threading.Thread(target=plans)
    planner.start()
    assert do(door.folder, "backup prod-dmz", wait=True, as_json=False) == 3
    planner.join()
    for thread in threading.enumerate():
        if thread.name == "terminal caller":
            thread.join(WITHIN)


def test_a_follower_who_left_holds_no_place_until_people_decide(door: Door) -> None:
    request = {"id": str(uuid.uuid4()), "text": "upgrade prod-dmz", "follow": True, "actor": "ana"}
    with door.connected() as connection, connection.makefile("rwb") as stream:
        stream.write(json.dumps(request).encode() + b"\n")
        stream.flush()
        assert b"recorded" in stream.readline()
        assert b"Requested" in stream.readline(), "from here on the bot has nothing to write"
        [serving] = [thread for thread in threading.enumerate() if thread.name == "terminal caller"]
    serving.join(WITHIN)
    assert not serving.is_alive()


@pytest.mark.parametrize("name", ["", "1", "z" * 36, None, 7, ["x"], {}])
def test_a_request_without_an_id_of_its_own_is_bad_input(name: Any, door: Door) -> None:
    before = door.audit.last_seq()
    answer = door.asks_anew(text="backup prod-dmz", id=name, actor="ana")
    assert (answer["kind"], answer["text"]) == ("bad", "The request has no id. Send a UUID of its own as id.")
    assert door.audit.last_seq() == before


def test_the_kernel_says_whose_act_an_id_names(door: Door) -> None:
    name = str(uuid.uuid4())
    first, second = (
        door.asks_anew(text="backup prod-dmz", id=spelling, actor="ana") for spelling in (name, name.upper())
    )
    assert first == second
    assert first["kind"] == "recorded"
    assert door.audit.by_key(f"os:{os.getuid()}:{name}")
