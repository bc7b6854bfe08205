"""The pretend server as pywinrm meets it: logins, shells, faults, an installer that outlives them."""

import base64
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
import requests
from winrm.exceptions import InvalidCredentialsError, WinRMOperationTimeoutError, WinRMTransportError, WSManFaultError
from winrm.protocol import Protocol

from bot.lab.windows import NEW_VERSION, PACKAGE_PATH, PACKAGE_SHA256, USER, PretendWindows, backend, frontend

PASSWORD = "Grüße 4 you"
SCRIPT = "# not interpreted here\nexit 3\n"
BOOTSTRAP = base64.b64encode(b"[\0C\0").decode()
COMMAND = f"powershell.exe -NoProfile -NonInteractive -EncodedCommand {BOOTSTRAP}"
MARK = {"store": "s1", "run": "prod-dmz-17", "step": 2, "attempt": 1}
FOREVER = 3600.0


class Loop:
    """A live PowerShell on the pretend server, through the unchanged pywinrm."""

    def __init__(self, server: PretendWindows, auth: Any = "ntlm", password: str = PASSWORD) -> None:
        self.protocol = Protocol(
            server.url, transport=auth, username=USER, password=password, proxy=None, ca_trust_path=None,
            operation_timeout_sec=1, read_timeout_sec=2,
        )  # fmt: skip

    def open(self, command: str = COMMAND) -> "Loop":
        self.shell = self.protocol.open_shell(codepage=65001, idle_timeout="PT120S")
        self.command = self.protocol.run_command(self.shell, command, console_mode_stdin=False)
        return self

    def start(self) -> "Loop":
        self.open()
        self.send(f"{len(SCRIPT)}\n{SCRIPT}".encode())
        ready = self.receive()
        assert (ready["id"], ready["ok"], ready["result"][0]["protocol"]) == (0, True, 1)
        return self

    def send(self, data: bytes, end: bool = False) -> None:
        self.protocol.send_command_input(self.shell, self.command, data, end=end)

    def receive(self) -> Any:
        out = b""
        while not out.endswith(b"\n"):
            stdout, stderr, _, is_done = self.protocol.get_command_output_raw(self.shell, self.command)
            assert (stderr, is_done) == (b"", False)
            out += stdout
        return json.loads(out)

    def ask(self, *calls: tuple[str, dict[str, Any]]) -> Any:
        self.send(
            json.dumps({"id": 7, "calls": [{"verb": verb, "args": args} for verb, args in calls]}).encode() + b"\n"
        )
        return self.receive()

    def facts(self) -> Any:
        return self.ask(("facts", {}))["result"][0]

    def close(self) -> None:
        self.protocol.close_shell(self.shell)


@pytest.fixture
def server() -> Iterator[PretendWindows]:
    with PretendWindows(backend("BE01"), password=PASSWORD, installer_seconds=FOREVER) as server:
        yield server


@pytest.fixture(params=["basic", "ntlm"])
def loop(server: PretendWindows, request: pytest.FixtureRequest) -> Iterator[Loop]:
    loop = Loop(server, request.param).start()
    yield loop
    loop.protocol.transport.close_session()


def start_installer(**args: Any) -> tuple[str, dict[str, Any]]:
    return "start_installer", {
        "mark": MARK, "path": PACKAGE_PATH, "kind": "exe", "arguments": ["/S"], "sha256": PACKAGE_SHA256,
        "folder": backend().folder, "run_as": "S4U", **args,
    }  # fmt: skip


def test_a_request_costs_a_send_and_a_receive_on_one_login(server: PretendWindows, loop: Loop) -> None:
    before = server.requests
    for _ in range(3):
        assert loop.facts()["computer"] == "BE01"
    after = server.requests
    assert {action: after[action] - before[action] for action in after if after[action] != before[action]} == {
        "Send": 3,
        "Receive": 3,
    }
    assert server.logins == 1


def test_ntlm_costs_three_requests_and_basic_none(server: PretendWindows) -> None:
    Loop(server, "basic").open().close()
    assert "Login" not in server.requests
    Loop(server, "ntlm").open().close()
    assert server.requests == {"Login": 3, "Create": 2, "Command": 2, "Delete": 2}


def test_all_output_comes_before_the_exit_code(server: PretendWindows, loop: Loop) -> None:
    facts = backend()
    server.change(images=[facts.images[0].model_copy(update={"path": "x" * 4000})] * 60)
    loop.send(b'{"id": 9, "calls": [{"verb": "facts", "args": {}}]}\n', end=True)
    stdout, _, code = loop.protocol.get_command_output(loop.shell, loop.command)
    assert len(json.loads(stdout)["result"][0]["images"]) == 60
    assert code == 0


def test_verbs_run_in_order_and_stop_at_the_first_that_fails(server: PretendWindows, loop: Loop) -> None:
    disable = ("disable_service", {"service": "PRMService"})
    rename = ("rename_file", {"folder": "C:\\elsewhere", "old": "a", "new": "b"})
    answer = loop.ask(disable, rename, ("facts", {}))
    assert (answer["id"], answer["ok"], answer["result"]) == (7, False, [{"changed": True}])
    assert answer["error"]["verb"] == "rename_file"
    assert answer["error"]["kind"] == "absent"
    assert loop.ask(disable)["result"] == [{"changed": False}]
    assert server.counts == {"disable_service": 1}


def test_a_command_ends_with_its_input(loop: Loop) -> None:
    loop.send(b"", end=True)
    assert loop.protocol.get_command_output(loop.shell, loop.command) == (b"", b"", 0)
    loop.protocol.cleanup_command(loop.shell, loop.command)
    with pytest.raises(WSManFaultError):
        loop.send(b"more")


def test_a_silent_command_answers_with_an_operation_timeout(loop: Loop) -> None:
    with pytest.raises(WinRMOperationTimeoutError):
        loop.protocol.get_command_output_raw(loop.shell, loop.command)


@pytest.mark.parametrize("command", ["format C:", f"{COMMAND} {'x' * 8192}"])
def test_another_command_ends_with_code_1(server: PretendWindows, command: str) -> None:
    loop = Loop(server, "basic").open(command)
    stdout, stderr, code = loop.protocol.get_command_output(loop.shell, loop.command)
    assert (stdout, code) == (b"", 1)
    assert stderr
    loop.close()


def test_an_answer_larger_than_an_envelope_comes_in_pieces(server: PretendWindows, loop: Loop) -> None:
    facts = backend()
    server.change(images=[facts.images[0].model_copy(update={"path": "x" * 4000})] * 60)
    before = server.requests["Receive"]
    assert len(loop.facts()["images"]) == 60
    assert server.requests["Receive"] - before > 1


@pytest.mark.parametrize("auth", ["basic", "ntlm"])
def test_a_wrong_password_is_refused_once_and_counted(server: PretendWindows, auth: str) -> None:
    with pytest.raises(InvalidCredentialsError):
        Loop(server, auth, "wrong").open()
    assert (server.logins, server.refused_logins) == (0, 1)


def test_a_changed_password_counts_on_an_open_connection_too(server: PretendWindows, loop: Loop) -> None:
    server.change_password("another")
    with pytest.raises(InvalidCredentialsError):
        loop.facts()


def test_servers_with_different_passwords_stand_side_by_side(server: PretendWindows) -> None:
    with PretendWindows(frontend("FE01"), password="another") as other:
        loops = [Loop(server).start(), Loop(other, password="another").start()]
        assert [loop.facts()["computer"] for loop in loops] == ["BE01", "FE01"]
        for loop in loops:
            loop.close()


def test_ntlm_takes_no_body_that_is_not_sealed(server: PretendWindows) -> None:
    loop = Loop(server)
    loop.protocol.transport.message_encryption = "never"
    with pytest.raises(WinRMTransportError) as caught:
        loop.open()
    assert caught.value.code == 400
    loop.protocol.transport.close_session()


def test_lost_shells_are_unknown(server: PretendWindows, loop: Loop) -> None:
    server.lose_shells()
    with pytest.raises(WSManFaultError) as caught:
        loop.facts()
    assert caught.value.wsman_fault_code == 2150858843


def test_one_shell_too_many_is_a_quota_fault(server: PretendWindows) -> None:
    server.shells.limit = 1
    first = Loop(server, "basic").open()
    with pytest.raises(WSManFaultError) as caught:
        first.protocol.open_shell()
    assert (caught.value.wsman_fault_code, caught.value.wmierror_code) == (None, 2150859173)
    first.close()
    Loop(server, "basic").open().close()


def test_a_shell_unused_for_its_idle_time_is_gone_and_uses_up_no_quota(server: PretendWindows) -> None:
    server.shells.limit = 1
    loop = Loop(server, "basic")
    shell = loop.protocol.open_shell(idle_timeout="PT0S")
    with pytest.raises(WSManFaultError) as caught:
        loop.protocol.run_command(shell, COMMAND)
    assert caught.value.wsman_fault_code == 2150858843
    loop.open().close()


def test_refused_connections_are_refused_so_many_times(server: PretendWindows) -> None:
    server.faults.refuse_connections(2)
    for _ in range(2):
        with pytest.raises(requests.ConnectionError):
            Loop(server, "basic").open()
    Loop(server, "basic").open().close()


def test_a_cut_reply_comes_after_the_act(server: PretendWindows, loop: Loop) -> None:
    server.faults.cut_reply("Receive")
    with pytest.raises(requests.RequestException):
        loop.ask(("disable_service", {"service": "PRMService"}))
    assert server.counts == {"disable_service": 1}


def test_a_slow_reply_comes_after_the_act(server: PretendWindows) -> None:
    loop = Loop(server, "basic").start()
    server.faults.slow_reply(FOREVER, "Receive")
    with pytest.raises(requests.ReadTimeout):
        loop.ask(("disable_service", {"service": "PRMService"}))
    assert server.counts == {"disable_service": 1}
    loop.protocol.transport.close_session()


def test_http_500_comes_instead_of_the_act(server: PretendWindows, loop: Loop) -> None:
    server.faults.http_500("Send")
    disable = json.dumps({"id": 1, "calls": [{"verb": "disable_service", "args": {"service": "PRMService"}}]})
    with pytest.raises(WinRMTransportError) as caught:
        loop.send(disable.encode() + b"\n")
    assert caught.value.code == 500
    assert loop.facts()["service"]["start_mode"] == "Auto"
    assert server.counts == {}


def test_garbage_comes_after_the_act(server: PretendWindows, loop: Loop) -> None:
    server.faults.garbage("Receive")
    with suppress(WinRMOperationTimeoutError):
        loop.ask(("disable_service", {"service": "PRMService"}))
    assert server.counts == {"disable_service": 1}


def test_a_receive_that_waits_meets_what_was_wished_for_while_it_waited(server: PretendWindows, loop: Loop) -> None:
    with ThreadPoolExecutor() as pool:
        received = server.requests["Receive"]
        answer = pool.submit(loop.receive)
        while server.requests["Receive"] == received:
            time.sleep(0.01)
        server.faults.cut_reply("Receive")
        other = Loop(server, "basic")
        other.shell, other.command = loop.shell, loop.command
        other.send(json.dumps({"id": 8, "calls": []}).encode() + b"\n")
        with pytest.raises(requests.RequestException):
            answer.result()
    other.protocol.transport.close_session()


def test_nobody_answers_while_it_reboots(server: PretendWindows, loop: Loop) -> None:
    server.reboot(FOREVER)
    for lost in (loop.facts, lambda: Loop(server).open()):
        with pytest.raises(requests.ConnectionError):
            lost()
    server.faults.come_back()
    again = Loop(server).start()
    facts = again.facts()
    assert facts["booted"] > backend().booted
    assert facts["service"]["state"] == "Running"
    again.close()


def test_an_installer_outlives_its_shell_and_its_connection(server: PretendWindows) -> None:
    first = Loop(server).start()
    assert first.ask(start_installer())["result"][0]["changed"] is True
    first.close()
    server.lose_shells()
    server.machine.installer_seconds = 0.0
    second = Loop(server).start()
    assert second.ask(start_installer(), ("facts", {}))["result"][1]["marks"][0]["alive"] is True
    second.close()
    assert server.launches == ("nps-s1-prod-dmz-17-2-1",)


def test_a_watch_answers_when_the_installer_ends() -> None:
    with PretendWindows(backend("BE01"), password=PASSWORD, installer_seconds=0.3) as server:
        loop = Loop(server).start()
        loop.ask(start_installer())
        watched = loop.ask(("watch", {"mark": MARK, "offset": 0, "seconds": 60}))["result"][0]
        assert (watched["mark"]["state"], watched["mark"]["code"]) == ("finished", 0)
        assert "Copying files ... 40 %" in base64.b64decode(watched["log"]).decode()
        assert loop.facts()["images"][0]["version"] == NEW_VERSION
        loop.close()


def test_a_server_that_closes_ends_what_waits_for_it() -> None:
    with ThreadPoolExecutor() as pool:
        with PretendWindows(backend("BE01"), password=PASSWORD, installer_seconds=FOREVER) as server:
            loop = Loop(server).start()
            loop.ask(start_installer())
            loop.protocol.operation_timeout_sec = loop.protocol.transport.read_timeout_sec = 60
            received = server.requests["Receive"]
            answer = pool.submit(loop.ask, ("watch", {"mark": MARK, "offset": 0, "seconds": FOREVER}))
            while server.requests["Receive"] == received:
                time.sleep(0.01)
        with pytest.raises((requests.ConnectionError, WSManFaultError)):
            answer.result()
    loop.protocol.transport.close_session()
