"""The pretend servers under the bot's own Host: the article's DMZ procedure, and acts whose answers are lost."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from bot.errors import ActFailed, AnswerGarbled, LoginRefused, TooLate
from bot.lab.windows import (
    NEW_VERSION,
    PACKAGE_PATH,
    PACKAGE_SHA256,
    USER,
    PretendWindows,
    backend,
    frontend,
)
from bot.windows.channel import Login
from bot.windows.facts import HostFacts, Query
from bot.windows.host import Host, MarkId
from bot.windows.states import (
    AtHand,
    Copied,
    DcomLocation,
    Disabled,
    Installed,
    NoProcess,
    Package,
    Reachable,
    Renamed,
    Running,
)

EXE = "PRMService.exe"
PACKAGE = Package(
    name="9.3", file="prm_setup.exe", version=NEW_VERSION, sha256=PACKAGE_SHA256, arguments=("/S",), path=PACKAGE_PATH
)
KEEP = (("alinfo.bin",), ("secrets.bin",), ("Predefined Questions.txt", "PredefinedQuestions.txt"), ("Templates",))
TO = "C:\\ProgramData\\nps\\backups\\prod-dmz-17"


@contextmanager
def reached(server: PretendWindows, password: str = "s3cret") -> Iterator[Host]:
    login = Login(host="the host", url=server.url, auth="ntlm", user=USER, password=SecretStr(password))
    host = Host(login)
    yield host
    host.close()


def pretend(facts: HostFacts) -> PretendWindows:
    return PretendWindows(facts, password="s3cret", installer_seconds=0.2)


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=5)


def bring_about(host: Host, state: Reachable) -> bool:
    act = state.act(host.observe(state.query()))
    changed, facts = host.act(act, soon(), state.query())
    assert facts
    assert state.holds(facts)
    return changed


def install(host: Host, step: int) -> None:
    state, mark = Installed(package=PACKAGE), MarkId(store="s1", run="prod-dmz-17", step=step, attempt=1)
    before = host.observe(state.query())
    assert AtHand(package=PACKAGE).holds(before)
    assert host.start_installer(state.act(before), mark, soon()).alive
    watched = host.watch(mark, 0, 10)
    assert (watched.mark.state, watched.mark.code, watched.percent) == ("finished", 0, 100)
    assert b"Copying files ... 40 %" in watched.log
    assert state.holds(host.observe(state.query()))


def test_the_dmz_procedure_passes_on_a_pair_and_the_second_time_changes_nothing() -> None:
    with pretend(backend("BE01")) as server, reached(server) as host:
        copied = Copied(files=KEEP, to=TO)
        assert [bring_about(host, copied), bring_about(host, copied)] == [True, False]
        install(host, 1)
        assert Running().holds(host.observe(Query()))
        assert server.counts == {"back_up": 1, "start_installer": 1}
        assert server.launches == ("nps-s1-prod-dmz-17-1-1",)
    with pretend(frontend("FE01", "be01")) as server, reached(server) as host:
        install(host, 2)
        assert Disabled().holds(host.observe(Query()))
        renamed = Renamed(old=EXE, new=f"{EXE}.old")
        assert [bring_about(host, renamed), bring_about(host, renamed)] == [True, False]
        for state in (Disabled(), NoProcess(name=EXE), DcomLocation(server="be01")):
            assert state.holds(host.observe(state.query()))
        assert server.counts == {"start_installer": 1, "rename_file": 1}
        assert server.logins == 1


def test_what_an_installer_spoiled_is_repaired_by_the_acts() -> None:
    with pretend(frontend("FE01", "be01")) as server, reached(server) as host:
        server.faults.installer_enables_service()
        server.faults.installer_changes_dcom()
        install(host, 2)
        spoiled = (Disabled(), NoProcess(name=EXE), DcomLocation(server="be01"))
        assert not any(state.holds(host.observe(state.query())) for state in spoiled)
        assert [bring_about(host, state) for state in spoiled] == [True, False, True]
        assert server.counts == {"start_installer": 1, "disable_service": 1, "set_dcom_location": 1}


@pytest.mark.parametrize("action", ["Create", "Command", "Send", "Receive"])
def test_an_act_whose_answer_is_cut_is_done_once(action: str) -> None:
    with pretend(backend("BE01")) as server, reached(server) as host:
        server.faults.cut_reply(action)
        host.act(Disabled().act(server.facts), soon())
        assert server.counts == {"disable_service": 1}
        assert server.logins == 2


@pytest.mark.parametrize("ahead", [timedelta(minutes=-10), timedelta(minutes=10)], ids=["behind", "ahead"])
def test_an_act_is_in_time_or_too_late_by_the_hosts_own_clock(ahead: timedelta) -> None:
    with pretend(backend("BE01")) as server, reached(server) as host:
        server.change_clock(ahead)
        facts = host.observe(Query())
        clock = datetime.fromisoformat(facts.clock)
        with pytest.raises(TooLate):
            host.act(Disabled().act(facts), clock - timedelta(seconds=1))
        assert server.counts == {}
        assert host.act(Disabled().act(facts), clock + timedelta(minutes=5))[0] is True


PIECE = base64.b64encode(b"x" * 10).decode()


@pytest.mark.parametrize(
    "wrong",
    [
        {"offset": 109},
        {"offset": 111},
        {"log": base64.b64encode(b"x" * 65537).decode(), "offset": 65637},
        {"percent": 101},
        {"clock": "soon"},
        {"clock": "2026-01-31T12:00:00"},
    ],
    ids=lambda wrong: ",".join(wrong),
)
def test_a_piece_of_a_log_that_does_not_fit_what_was_asked_is_not_believed(
    wrong: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = MarkId(store="s1", run="prod-dmz-17", step=1, attempt=1)
    told = {"name": mark.name, "state": "started", **mark.model_dump()}
    answer = {"mark": told, "log": PIECE, "offset": 110, "line": "half\x1b[2J", "percent": 50}
    answer |= {"clock": "2026-01-31T12:00:00.0000000Z", "children": 1, "cpu": 0.5}
    with pretend(backend("BE01")) as server, reached(server) as host:
        monkeypatch.setattr(host.channel, "ask", lambda calls, seconds: [dict(answer)])
        assert host.watch(mark, 100, 1).line == "half [2J"
        monkeypatch.setattr(host.channel, "ask", lambda calls, seconds: [answer | wrong])
        with pytest.raises(AnswerGarbled):
            host.watch(mark, 100, 1)


def test_words_of_a_host_can_move_no_cursor_and_keep_their_length() -> None:
    with pretend(backend("BE01")) as server, reached(server) as host:
        assert server.facts.service
        service = server.facts.service.model_copy(update={"caption": "Pass\x1b[2J\nword\u202eeruceS"})
        server.machine._facts = server.facts.model_copy(update={"service": service})
        found = host.observe(Query(service=service.name)).service
        assert found
        assert found.caption == "Pass [2J word eruceS"


def test_a_refused_login_is_tried_once() -> None:
    with pretend(backend("BE01")) as server, reached(server, "wrong") as host:
        for _ in range(2):
            with pytest.raises(LoginRefused):
                host.observe(Query())
        assert server.refused_logins == 1


def test_a_host_says_why_an_act_failed() -> None:
    with pretend(backend("BE01")) as server, reached(server) as host:
        server.faults.fail("disable_service", "Marked for deletion; close the services console.")
        with pytest.raises(ActFailed, match="services console"):
            host.act(Disabled().act(server.facts), soon())
        assert host.act(Disabled().act(server.facts), soon())[0] is True


def test_shells_lost_and_a_reboot_are_borne() -> None:
    with pretend(backend("BE01")) as server, reached(server) as host:
        before = host.observe(Query())
        server.lose_shells()
        assert host.observe(Query()).booted == before.booted
        server.reboot()
        after = host.observe(Query())
        assert after.booted > before.booted
        assert Running().holds(after)
