"""The same commands in a terminal: exit codes, lines for scripts, a live view that fits, and who is allowed what."""

import fcntl
import os
import pty
import pwd
import re
import signal
import sqlite3
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stage import WITHIN, Story, lines

from bot.commands import TABLE
from bot.events import Requested
from bot.lab.demo import CHANNEL, Lab

ME = pwd.getpwuid(os.getuid()).pw_name
PEOPLE = '\n[people.chris]\nslack = "U0CHRIS"\nos = "chris"\n'


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """One bot for the whole module; the user that the tests run as is mapped to nobody, Chris is an approver."""
    with Lab(tmp_path_factory.mktemp("terminal"), installer_seconds=0.4) as lab:
        toml = lab.folder / "nps.toml"
        text = toml.read_text(encoding="utf-8").replace('slack = "U0ANA"\n', 'slack = "U0ANA"\nos = "ana"\n')
        toml.write_text(text + PEOPLE, encoding="utf-8")
        with Story(lab).playing() as story:
            yield story


def newest(story: Story) -> str:
    return next(item.run for item in reversed(story.events()) if item.run)


def hash_of(story: Story, run: str) -> str:
    return story.run(run).hash[:6]


# --- exit codes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["help upgrade", "history prod-dmz"])
def test_reading_needs_no_mapping_and_ends_with_0(story: Story, text: str) -> None:
    done = story.do(text)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert done.stderr == ""


def test_every_command_of_the_table_has_its_own_exit_code(story: Story) -> None:
    """One upgrade, carried through by people at terminals and in Slack, every command once."""
    seen: dict[str, int] = {}

    def do(text: str, *options: str, actor: str | None = "ana") -> str:
        done = story.do(text, *options, actor=actor)
        seen[text.split()[0]] = done.returncode
        assert "Traceback" not in done.stderr
        return done.stdout

    before = story.lab.frontend.facts
    story.lab.backend.faults.installer_fails(times=2)
    story.lab.frontend.faults.installer_enables_service()
    assert "The plan is made" in do("plan prod-dmz", actor=None)
    assert "An approver other than ana" in do("upgrade prod-dmz because CR-1234")
    run = newest(story)
    assert "Only approvers" in do(f"approve {run} {hash_of(story, run)}", actor=None)
    story.presses("ben", story.card_with(run, "nps:approve"), "nps:approve")
    story.gate(run, "nps:retry")
    assert "code 1603" in do(f"retry {run}")
    story.gate(run, "nps:retry")
    assert "approve" in do(f"skip {run} because it was run by hand")
    story.types("ben", f"reject {run} because it was not")
    story.wait_event(run, "TurnedDown")
    story.types("ana", f"retry {run}")
    assert "II.3" in story.gate(run, "nps:repair").text
    assert "approve" in do(f"repair {run}")
    assert "turned down" in do(f"reject {run} because let us look first")
    assert "To go on" in do(f"pause {run}")
    assert "goes on" in do(f"resume {run}")
    assert "not possible here" in do(f"wait {run}")
    assert "not possible here" in do(f"end {run} because it hangs")
    assert "needs no review" in do(f"review {run} because it was needed")
    assert "failed" in do(f"show {run}", actor=None)
    assert "aborted" in do(f"abort {run} because of the hour")
    assert "done: All" in do("backup prod-dmz")
    assert "the binaries stay" in do(f"rollback prod-dmz {newest(story)} because it was a test")
    story.types("ana", f"abort {newest(story)} because it was a test")
    assert "done: All" in do("restart prod-dmz")
    assert "is locked" in do("lock prod-dmz because of the audit")
    assert "is unlocked" in do("unlock prod-dmz")
    do("verify prod-dmz", actor=None)
    for text in ("status", "history", "help"):
        do(text, actor=None)

    assert seen == {
        "plan": 0, "upgrade": 3, "approve": 2, "retry": 3, "skip": 3, "repair": 3, "reject": 3, "show": 0, "abort": 1,
        "backup": 0, "rollback": 3, "restart": 0, "verify": 1, "status": 0, "history": 0, "help": 0,
        "pause": 3, "resume": 3, "wait": 2, "end": 2, "review": 2, "lock": 0, "unlock": 0,
    }  # fmt: skip
    assert set(seen) == {usage.word for usage in TABLE}
    story.lab.frontend.faults.enables_service = False
    story.lab.frontend.change(service=before.service, processes=before.processes)


@pytest.mark.parametrize("text", ["upgrade prod-dmz", "backup prod-dmz"])
def test_somebody_whom_nobody_maps_is_refused_with_2_and_an_event(story: Story, text: str) -> None:
    runs = [item.run for item in story.events() if isinstance(item.event, Requested)]
    refused = story.do(text)
    assert refused.returncode == 2
    assert "Only those in may_run of prod-dmz may" in refused.stdout
    last = story.events()[-1]
    assert type(last.event).__name__ == "Refused"
    assert last.actor.account == f"os:{ME}"
    assert runs == [item.run for item in story.events() if isinstance(item.event, Requested)]


def test_no_wait_returns_once_it_is_recorded(story: Story) -> None:
    done = story.do("backup prod-dmz", "--no-wait", actor="ana")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1
    assert story.ended(newest(story)).outcome == "done"


# --- who -------------------------------------------------------------------------------------------------------------


def test_a_claimed_actor_is_told_as_claimed_and_cannot_approve(story: Story) -> None:
    asked = story.do("upgrade prod-dmz", actor="ana")
    assert asked.returncode == 3
    run = newest(story)
    requested = story.events(run)[0].actor
    assert (requested.person, requested.account, requested.claimed) == ("ana", "os:ana", True)

    refused = story.do(f"approve {run} {hash_of(story, run)}", actor="chris")
    assert refused.returncode == 2
    assert "claimed actor can't approve" in refused.stdout
    assert story.events(run)[-1].actor.rule == "claimed"
    assert story.do(f"abort {run} because it was a test", actor="ana").returncode == 1


def test_a_claimed_name_cannot_write_on_the_screen_of_an_auditor(story: Story) -> None:
    assert story.do("backup prod-dmz", actor="\x1b[2Jana\u202e").returncode == 2
    shown = story.do("status").stdout + story.events()[-1].actor.shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown


# --- lines for scripts -----------------------------------------------------------------------------------------------


def test_json_lines_are_the_answer_and_every_event_of_the_run(story: Story) -> None:
    done = story.do("backup prod-dmz", "--json", actor="ana")
    answer, *rest = lines(done.stdout)
    events = [line["event"] for line in rest if "event" in line]

    assert done.returncode == 0
    assert answer["answer"]["kind"] == "recorded"
    run = answer["answer"]["run"]
    assert [event["seq"] for event in events] == [item.seq for item in story.events(run)]
    assert events[-1]["kind"] == "Ended"
    assert lines(story.nps("audit", "show", run, "--json").stdout) == events


def test_json_of_a_refusal_is_one_line(story: Story) -> None:
    done = story.do("upgrade prod-dmz", "--json")
    assert done.returncode == 2
    [answer] = lines(done.stdout)
    assert answer["answer"]["kind"] == "refused"


def test_a_line_for_another_program_is_never_broken(story: Story) -> None:
    done = story.do("plan prod-dmz")
    assert any(len(line) > 100 for line in done.stdout.splitlines()), "a pipe is no screen of 80 columns"


# --- the live view ---------------------------------------------------------------------------------------------------


class Screen:
    """A program at a terminal of its own; what it wrote, and what that leaves on a screen of that size."""

    def __init__(self, story: Story, text: str, columns: int, rows: int) -> None:
        leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        environment = story.lab.environment | {"NPS_ACTOR": "ana", "TERM": "xterm-256color"}
        environment = {k: v for k, v in environment.items() if k not in ("COLUMNS", "LINES", "NO_COLOR", "CI")}
        self.rows, self.columns = rows, columns
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bot", "do", text], env=environment, stdin=follower, stdout=follower, stderr=follower
        )
        os.close(follower)
        self.written = ""
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, args=(leader,), daemon=True)
        self._reader.start()

    def _read(self, leader: int) -> None:
        with os.fdopen(leader, "rb", buffering=0) as stream:
            while data := _chunk(stream):
                with self._changed:
                    self.written += data.decode("utf-8", "replace")
                    self._changed.notify_all()

    def wait_for(self, words: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: words in self.written, WITHIN), self.written[-2000:]

    def ended(self) -> int:
        code = self.process.wait(WITHIN)
        self._reader.join(WITHIN)
        return code

    def frames(self) -> list[list[str]]:
        """What was on the screen after each redraw: rich goes up and erases line by line before it draws again."""
        drawn = re.split(r"(?:\r?\x1b\[1A\x1b\[2K|\r\x1b\[2K)+", self.written)
        return [[_bare(line) for line in frame.split("\r\n")] for frame in drawn]


def _chunk(stream: Any) -> bytes:
    try:
        return bytes(stream.read(65536))
    except OSError:  # Linux says so when the program at the other end has closed its terminal
        return b""


def _bare(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 12)])
def test_the_live_view_fits_its_screen_and_shows_the_way_to_the_end(story: Story, columns: int, rows: int) -> None:
    story.undo_upgrade()
    screen = Screen(story, "upgrade prod-dmz because a long reason for a narrow screen", columns, rows)
    screen.wait_for("approve prod-dmz")
    run = newest(story)
    story.presses("ben", story.card_with(run, "nps:approve"), "nps:approve")

    assert screen.ended() == 0
    for frame in screen.frames()[1:-1]:
        assert len(frame) <= rows, "\n".join(frame)
        assert all(len(line) <= columns for line in frame), "\n".join(frame)
    assert "All 13 steps are done." in screen.written
    assert f"approve {run} {hash_of(story, run)}" in " ".join(_bare(screen.written).split())


def test_a_bot_that_dies_while_followed_is_told_and_ends_with_1(tmp_path: Path) -> None:
    with Lab(tmp_path, installer_seconds=0.4) as lab:
        story = Story(lab)
        story.start()
        screen = Screen(story, "verify prod-dmz", 80, 24)
        lab.backend.machine.perform = lambda verb, args: die(story)  # type: ignore[method-assign]
        assert screen.ended() == 1
        assert story.bot
        story.bot.wait(WITHIN)
        assert "The bot went away while the run was being followed" in " ".join(_bare(screen.written).split())

        late = story.do("status")
        assert late.returncode == 2
        assert "No bot is alive" in late.stderr
        assert "nothing was recorded" in late.stderr
        assert late.stdout == ""


def die(story: Story) -> dict[str, Any]:
    assert story.bot
    story.bot.kill()
    return {}


# --- the programs around it ------------------------------------------------------------------------------------------


def test_health_says_so_while_the_bot_lives(story: Story) -> None:
    healthy = story.nps("health")
    assert (healthy.returncode, healthy.stdout) == (0, "healthy\n")


def edited(story: Story, tmp_path: Path, sql: str) -> Path:
    """The nps.toml of a copy of the audit log, in which somebody with the file in hand has changed a row."""
    folder = tmp_path / "var"
    folder.mkdir()
    with (
        sqlite3.connect(story.lab.folder / "var/audit.sqlite") as source,
        sqlite3.connect(folder / "audit.sqlite") as to,
    ):
        source.backup(to)
        for (trigger,) in to.execute("select name from sqlite_master where type = 'trigger'").fetchall():
            to.execute(f"drop trigger {trigger}")
        to.execute(sql)
    toml = tmp_path / "nps.toml"
    toml.write_text((story.lab.folder / "nps.toml").read_text(encoding="utf-8"), encoding="utf-8")
    return toml


def test_an_edited_row_is_named_and_ends_with_1(story: Story, tmp_path: Path) -> None:
    toml = edited(story, tmp_path, "update events set data = replace(data, 'prod-dmz', 'prod-dmx') where seq = 2")
    verified = story.nps("audit", "verify", "--config", str(toml))
    assert verified.returncode == 1
    assert "row 2" in verified.stdout
    assert story.nps("audit", "verify").returncode == 0


def test_an_edited_row_cannot_write_over_what_is_said_of_it(story: Story, tmp_path: Path) -> None:
    rub_out = "char(27) || '[2K' || char(13) || char(155) || char(8238)"
    toml = edited(story, tmp_path, f"update events set kind = {rub_out}, run = {rub_out} where seq = 2")
    verified = story.nps("audit", "verify", "--config", str(toml), "--head", "99999:0123456789ab")
    assert verified.returncode == 1
    assert "row 2" in verified.stdout
    assert all(c.isprintable() or c == "\n" for c in verified.stdout), ascii(verified.stdout)


def test_the_audit_of_no_run_is_a_sentence(story: Story) -> None:
    shown = story.nps("audit", "show", "prod-dmz-999")
    assert shown.returncode == 2
    assert "has no run" in shown.stderr
    assert story.nps("audit", "verify", "--head", "7:zz").returncode == 2


@pytest.mark.parametrize("command", [("serve",), ("do", "status")], ids=lambda words: words[0])
def test_a_faulty_file_is_told_whole_and_the_bot_does_not_start(
    story: Story, tmp_path: Path, command: tuple[str, ...]
) -> None:
    text = (story.lab.folder / "nps.toml").read_text(encoding="utf-8")
    faulty = text.replace('auth = "ntlm"', 'auth = "nltm"', 1).replace('package = "9.3"', 'package = "9.4"')
    (tmp_path / "nps.toml").write_text(faulty + "\n[environments.other]\ncolour = 1\n", encoding="utf-8")
    told = story.nps(*command, "--config", str(tmp_path / "nps.toml"))

    assert told.returncode == 2, told
    assert "Traceback" not in told.stderr
    places = [int(n) for n in re.findall(r"nps\.toml:(\d+):", told.stderr)]
    assert places == sorted(places)
    assert len(set(places)) >= 3, told.stderr
    for word in ("auth", "colour", "backend"):
        assert word in told.stderr
    assert not (tmp_path / "var").exists()


def test_a_missing_secret_is_a_sentence_that_names_its_variable(story: Story, tmp_path: Path) -> None:
    (tmp_path / "nps.toml").write_text((story.lab.folder / "nps.toml").read_text(encoding="utf-8"), encoding="utf-8")
    bare = {k: v for k, v in story.lab.environment.items() if k != "NPS_LAB_PASSWORD"}
    told = story.nps("serve", environment=bare | {"NPS_CONFIG": str(tmp_path / "nps.toml")})
    assert told.returncode == 2
    assert "NPS_LAB_PASSWORD" in told.stderr
    assert "Traceback" not in told.stderr


def test_ctrl_c_while_following_ends_the_view_and_not_the_run(story: Story) -> None:
    before = {run.run for run in story.events() if run.run}
    story.lab.backend.machine.installer_seconds = 0.4
    screen = Screen(story, "upgrade prod-dmz", 80, 24)
    screen.wait_for("approve prod-dmz")
    screen.process.send_signal(signal.SIGINT)
    assert screen.ended() == 130
    assert "Traceback" not in screen.written
    run = newest(story)
    assert run not in before
    assert story.run(run).ended is None
    story.slack.wait_for(lambda: story.slack.messages(CHANNEL), WITHIN)
    assert "is ended" in story.types("ana", f"abort {run} because it was a test")
