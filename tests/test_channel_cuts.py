"""Every fault in every phase of a channel, and what it must become: healed by one new connection, or a sentence.

Whatever it becomes, the installer that is asked for is started once, and asking again goes on.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from bot.errors import AnswerGarbled, HostAway, HostBusy, HostError, LoginRefused
from bot.lab.windows import PACKAGE_PATH, PACKAGE_SHA256, USER, PretendWindows, backend
from bot.windows.channel import Auth, Channel, Login, Meter, _protocol
from bot.windows.facts import Query
from bot.windows.host import Host, MarkId
from bot.windows.states import Installed, Package

PASSWORD = "s3cret"
AUTHS: tuple[Auth, ...] = ("basic", "ntlm")
MARK = MarkId(store="s1", run="prod-dmz-17", step=2, attempt=1)
PACKAGE = Package(
    name="9.3", file="prm_setup.exe", version="9.3.0.0", sha256=PACKAGE_SHA256, arguments=("/S",), path=PACKAGE_PATH
)
NO_SHELL_YET, IN_A_SHELL = ("Create", "Command", "Send", "Receive"), ("Send", "Receive")


@dataclass(frozen=True)
class Fault:
    """`times` 1 is a cut that passes, more one that stays; `told` is what one that stays becomes."""

    name: str
    begin: Callable[[PretendWindows, str, int], None]
    told: type[HostError]
    words: str


FAULTS = (
    Fault("half a response", lambda s, phase, n: s.faults.cut_reply(phase, n), HostAway, "was lost"),
    Fault("garbage", lambda s, phase, n: s.faults.garbage(phase, n), AnswerGarbled, "not what a WinRM listener says"),
    Fault("HTTP 500", lambda s, phase, n: s.faults.http_500(phase, n), AnswerGarbled, "HTTP 500"),
)
MATRIX = [
    pytest.param(fault, phase, opened, id=f"{fault.name}-{phase}-{'in a shell' if opened else 'no shell yet'}")
    for fault in FAULTS
    for opened, phases in ((False, NO_SHELL_YET), (True, IN_A_SHELL))
    for phase in phases
]


@pytest.fixture
def server() -> Iterator[PretendWindows]:
    with PretendWindows(backend("BE01"), password=PASSWORD, installer_seconds=3600) as server:
        yield server


@contextmanager
def reached(server: PretendWindows, auth: Auth, *, opened: bool = True, password: str = PASSWORD) -> Iterator[Host]:
    host = Host(Login(host="be01", url=server.url, auth=auth, user=USER, password=SecretStr(password)))
    if opened:
        host.observe(Query())
    yield host
    host.close()


def install(host: Host) -> None:
    """Asks for the installer, and believes nothing but the mark."""
    act = Installed(package=PACKAGE).act(backend("BE01"))
    assert host.start_installer(act, MARK, datetime.now(UTC) + timedelta(minutes=5)).alive


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize(("fault", "phase", "opened"), MATRIX)
def test_what_fails_once_is_healed_by_one_new_connection(
    server: PretendWindows, auth: Auth, fault: Fault, phase: str, opened: bool
) -> None:
    with reached(server, auth, opened=opened) as host:
        fault.begin(server, phase, 1)
        install(host)
        assert host.channel.meter.logins == 2
        assert server.launches == (MARK.name,)


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize(("fault", "phase", "opened"), MATRIX)
def test_what_goes_on_failing_is_told_after_two_tries_and_asking_again_goes_on(
    server: PretendWindows, auth: Auth, fault: Fault, phase: str, opened: bool
) -> None:
    with reached(server, auth, opened=opened) as host:
        fault.begin(server, phase, 9)
        with pytest.raises(fault.told, match=fault.words) as caught:
            install(host)
        assert "be01" in caught.value.sentence
        assert caught.value.next_move
        assert host.channel.meter.logins == 2, "no third try"
        server.faults.take_back()
        install(host)
        assert server.launches == (MARK.name,)


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("phase", NO_SHELL_YET)
def test_a_slow_answer_is_waited_for_on_the_same_connection(server: PretendWindows, auth: Auth, phase: str) -> None:
    with reached(server, auth, opened=False) as host:
        server.faults.slow_reply(0.2, phase)
        install(host)
        assert host.channel.meter.logins == 1


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("phase", NO_SHELL_YET)
def test_an_answer_slower_than_it_may_be_is_told(server: PretendWindows, auth: Auth, phase: str) -> None:
    with reached(server, auth, opened=False) as host:
        server.faults.slow_reply(0.5, phase, 9)
        with pytest.raises(HostAway, match="no answer"):
            host.channel.ask([{"verb": "facts", "args": {}}], 0.2)
        server.faults.take_back()
        install(host)


# Faults that no reply has, each with what brings it about in the middle of a conversation.
HEALED = {
    "connection refused once": lambda s: (s.drop_connections(), s.faults.refuse_connections(1)),
    "shell gone": PretendWindows.lose_shells,
    "rebooted": PretendWindows.reboot,
    "eight hours old": lambda s: s.shells.age(8 * 3600),
}


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("fault", HEALED)
def test_a_shell_or_connection_that_is_gone_is_replaced_once(server: PretendWindows, auth: Auth, fault: str) -> None:
    with reached(server, auth) as host:
        HEALED[fault](server)
        install(host)
        assert host.channel.meter.logins == 2
        assert server.launches == (MARK.name,)


@pytest.mark.parametrize(("auth", "logins"), [("basic", 1), ("ntlm", 2)])
def test_an_encrypted_conversation_does_not_outlive_its_connection(
    server: PretendWindows, auth: Auth, logins: int
) -> None:
    with reached(server, auth) as host:
        server.drop_connections()
        install(host)
        assert host.channel.meter.logins == logins, "Basic goes on in the same shell, sealed messages need a new login"


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("opened", [True, False])
def test_connections_that_stay_refused_are_told(server: PretendWindows, auth: Auth, opened: bool) -> None:
    with reached(server, auth, opened=opened) as host:
        server.drop_connections()
        server.faults.refuse_connections(9)
        with pytest.raises(HostAway, match="was lost"):
            install(host)
        server.faults.take_back()
        install(host)


@pytest.mark.parametrize("auth", AUTHS)
def test_a_port_that_nobody_listens_at_is_told_after_one_try(auth: Auth) -> None:
    with PretendWindows(backend("BE01"), password=PASSWORD) as server:
        pass
    with reached(server, auth, opened=False) as host, pytest.raises(HostAway, match="nobody listens"):
        install(host)
    assert host.channel.meter.logins == 1


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("opened", [True, False])
def test_a_password_changed_in_mid_run_is_tried_once_and_never_again(
    server: PretendWindows, auth: Auth, opened: bool
) -> None:
    with reached(server, auth, opened=opened) as host:
        server.change_password("another")
        for _ in range(3):
            with pytest.raises(LoginRefused):
                install(host)
        assert server.refused_logins == 1
        assert server.launches == ()
    with reached(server, auth, opened=False, password="another") as host:
        install(host)


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("begin", [f.begin for f in FAULTS], ids=[f.name for f in FAULTS])
def test_a_shell_that_cannot_be_closed_is_no_error(
    server: PretendWindows, auth: Auth, begin: Callable[[PretendWindows, str, int], None]
) -> None:
    with reached(server, auth) as host:
        begin(server, "Delete", 9)
        host.close()
        assert server.requests["Delete"] == 1
        server.faults.take_back()
        install(host)


@pytest.mark.parametrize("auth", AUTHS)
def test_what_runs_in_a_shell_is_ended_with_it_and_no_signal_is_sent(server: PretendWindows, auth: Auth) -> None:
    with reached(server, auth) as host:
        install(host)
    assert len(server.shells) == 0
    assert "Signal" not in server.requests, "there is no phase Signal that could be cut"


def killed(server: PretendWindows) -> None:
    """What is left of a bot that was killed: a shell that nobody closes."""
    channel = Channel(Login(host="be01", url=server.url, auth="basic", user=USER, password=SecretStr(PASSWORD)))
    channel.ask([{"verb": "facts", "args": {}}], 60)
    assert channel._line._shell
    channel._line._shell.drop()


def test_the_shells_of_thirty_killed_bots_are_a_quota_until_their_idle_time_is_over(server: PretendWindows) -> None:
    for _ in range(30):
        killed(server)
    assert len(server.shells) == 30
    with reached(server, "basic", opened=False) as host:
        with pytest.raises(HostBusy, match=r"quota of be01 is used up.*Wait two minutes"):
            install(host)
        assert server.requests["Create"] == 31, "to ask at once again would not help"
        server.shells.idle(120.5)
        install(host)
    assert len(server.shells) == 0


@pytest.mark.parametrize("url", ["https://[fe80::1]:5986/wsman", "https://be01.corp.example/other/path"])
def test_an_address_is_used_as_it_stands_in_the_settings(url: str) -> None:
    protocol = _protocol(Login(host="be01", url=url, auth="ntlm", user=USER, password=SecretStr(PASSWORD)), Meter())
    assert protocol.transport.endpoint == url
