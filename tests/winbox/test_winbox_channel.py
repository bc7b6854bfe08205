"""The channel over a listener that was not written here and fails on demand: healed or told, never hung."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from box import Box, Boxes, Server, until
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.errors import (
    ActFailed,
    AnswerGarbled,
    CertificateWrong,
    HostAway,
    HostBusy,
    HostError,
    LoginRefused,
    QuotaUsedUp,
)
from bot.texts import visible
from bot.windows.channel import Channel, Meter, _protocol

pytestmark = pytest.mark.winbox

FACTS = [{"verb": "facts", "args": {}}]
FAULTS: tuple[Callable[[str], dict[str, Any]], ...] = (
    lambda phase: {"cut": phase},
    lambda phase: {"garbage": phase},
    lambda phase: {"http": 500, "on": phase},
)


def each(*phases: str) -> list[dict[str, Any]]:
    """Every fault of a reply in each of these phases; Signal is never sent, and what a Delete brings is nobody's."""
    return [fault(phase) for phase in phases for fault in FAULTS]


@pytest.fixture(scope="module")
def box(made_boxes: Boxes) -> Box:
    return made_boxes.new()


@pytest.fixture(scope="module")
def server(box: Box) -> Iterator[Server]:
    server = box.serve("--faults", "--standard-user", "guest")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def opened(server: Server) -> Iterator[Channel]:
    channel = Channel(server.login())
    yield channel
    channel.close()


@pytest.fixture
def channel(server: Server, opened: Channel) -> Iterator[Channel]:
    """Open, its box without faults, its trace empty; shared, because to open one takes a second."""
    server.faults()
    computer(opened)
    server.forget()
    yield opened
    server.faults()


def computer(channel: Channel, seconds: float = 60) -> str:
    [facts] = channel.ask(FACTS, seconds)
    return str(facts["computer"])


def test_a_fact_costs_two_requests_and_an_opening_six(server: Server) -> None:
    channel = Channel(server.login())
    computer(channel)
    assert (channel.meter.requests, channel.meter.logins) == (6, 1)
    computer(channel)
    assert channel.meter.requests == 8
    channel.close()
    assert (channel.meter.requests, channel.meter.logins) == (9, 1)
    assert [row["action"] for row in server.trace()][-1] == "Delete"


@pytest.mark.parametrize("rule", each("Send", "Receive"), ids=str)
def test_what_goes_wrong_once_is_asked_again_over_a_new_connection(
    server: Server, channel: Channel, rule: dict[str, Any]
) -> None:
    logins = channel.meter.logins
    server.faults(rule | {"times": 1})
    assert computer(channel) == server.box.name.upper()[:15]
    assert channel.meter.logins == logins + 1


def test_an_act_whose_answer_was_lost_is_never_told_as_too_late(server: Server, channel: Channel) -> None:
    """Asked again it is too late, but the lost asking may have been in time: that it was lost is all that is known."""
    server.faults({"cut": "Receive", "times": 1})
    not_after = datetime.now(UTC) + timedelta(seconds=0.5)
    args = {"folder": "C:\\", "old": "a", "new": "b", "not_after": not_after.isoformat()}
    with pytest.raises(HostAway, match="was lost"):
        channel.ask([{"verb": "rename_file", "args": args}], 60)


@pytest.mark.parametrize("rule", [*each("Create", "Command"), {"drop_after_bytes": 200}], ids=str)
def test_an_opening_that_breaks_once_is_tried_once_more(server: Server, rule: dict[str, Any]) -> None:
    channel = Channel(server.login())
    server.faults({"times": 1, **rule} if "drop_after_bytes" not in rule else rule)
    assert computer(channel)
    channel.close()


@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        ({"http": 503, "on": "Create"}, AnswerGarbled),
        ({"cut": "Create"}, HostAway),
        ({"http": 500, "on": "Command"}, AnswerGarbled),
        ({"cut": "Send"}, HostAway),
        ({"garbage": "Receive"}, AnswerGarbled),
    ],
)
def test_what_stays_wrong_is_told_after_two_tries(server: Server, rule: dict[str, Any], kind: type[HostError]) -> None:
    server.faults(rule)
    server.forget()
    with pytest.raises(kind, match=server.box.name) as caught:
        computer(Channel(server.login()))
    assert caught.value.next_move
    assert [row["action"] for row in server.trace()].count("Create") == 2


@pytest.mark.parametrize("rule", each("Delete"), ids=str)
def test_a_shell_that_cannot_be_closed_is_no_error(server: Server, channel: Channel, rule: dict[str, Any]) -> None:
    server.faults(rule)
    channel.close()
    assert [row["action"] for row in server.trace()].count("Delete") == 1


def test_the_shells_of_killed_bots_are_a_quota_until_their_idle_time_is_over(box: Box, server: Server) -> None:
    narrow = box.serve("--max-shells", "2", "--keep")
    for _ in range(2):
        killed = _protocol(narrow.login(), Meter())
        killed.open_shell(idle_timeout="PT6S")
        killed.transport.close_session()
    after = Channel(narrow.login())
    assert isinstance(answer(after), QuotaUsedUp)
    until(lambda: isinstance(answer(after), str))
    after.close()
    narrow.stop()


def test_connections_that_are_closed_at_once_are_tried_twice(server: Server, channel: Channel) -> None:
    server.faults({"refuse": 1})
    assert computer(channel)
    server.faults({"refuse": 99})
    with pytest.raises(HostAway, match="was lost"):
        computer(Channel(server.login()))


def test_a_slow_host_is_waited_for_but_not_beyond_the_deadline(server: Server, channel: Channel) -> None:
    server.faults({"delay_ms": 1500, "on": "Receive", "times": 1})
    assert computer(channel)
    server.faults({"delay_ms": 60000, "on": "Receive"})
    with pytest.raises(HostAway, match="no answer"):
        computer(channel, seconds=1)


def test_a_listener_that_is_not_there_is_told_at_once(server: Server) -> None:
    with pytest.raises(HostAway, match="nobody listens"):
        computer(Channel(server.login(url="http://127.0.0.1:9/wsman")))


def test_a_wrong_password_is_one_login_and_never_repeated(server: Server, channel: Channel) -> None:
    wrong = Channel(server.login(password=SecretStr("wrong")))
    for _ in range(2):
        with pytest.raises(LoginRefused, match="refused the login"):
            computer(wrong)
    assert [row["status"] for row in server.trace()] == [401]
    assert (wrong.meter.requests, wrong.meter.logins) == (1, 1)


def test_a_user_without_rights_is_told_so(server: Server, channel: Channel) -> None:
    with pytest.raises(LoginRefused, match="denied access"):
        computer(Channel(server.login(user="guest")))


def test_a_used_up_quota_of_shells_is_busy_until_one_is_closed(box: Box, server: Server) -> None:
    narrow = box.serve("--max-shells", "1", "--keep")
    first, second = Channel(narrow.login()), Channel(narrow.login())
    computer(first)
    with pytest.raises(HostBusy, match="quota"):
        computer(second)
    first.close()
    assert computer(second)
    second.close()
    narrow.stop()


def test_a_powershell_that_died_is_replaced(server: Server, channel: Channel) -> None:
    logins = channel.meter.logins
    server.box.powershell("-Command", "Get-Process powershell | Where-Object Id -ne $PID | Stop-Process -Force")
    assert computer(channel)
    assert channel.meter.logins == logins + 1


def test_a_reboot_is_told_and_afterwards_the_same_channel_goes_on(server: Server, channel: Channel) -> None:
    server.faults({"reboot": 2})
    until(lambda: isinstance(answer(channel), HostAway))
    until(lambda: isinstance(answer(channel), str))


def answer(channel: Channel) -> str | HostError:
    try:
        return computer(channel, seconds=20)
    except HostError as error:
        return error


def test_encrypted_conversations_survive_a_lost_connection(box: Box, server: Server) -> None:
    encrypted = box.serve("--faults", "--encrypted-only", "--keep")
    channel = Channel(encrypted.login("ntlm"))
    computer(channel)
    assert (channel.meter.requests, channel.meter.logins) == (9, 1)
    for rule in ({"cut": "Send", "times": 1}, {"refuse": 1}, {"drop_after_bytes": 100}):
        encrypted.faults(rule)
        assert computer(channel)
    wrong = Channel(encrypted.login("ntlm", password=SecretStr("wrong")))
    with pytest.raises(LoginRefused):
        computer(wrong)
    assert wrong.meter.logins == 1
    with pytest.raises(LoginRefused):
        computer(Channel(encrypted.login("basic")))
    channel.close()
    encrypted.stop()


def test_tls_takes_the_named_authority_and_no_other(box: Box, server: Server, tmp_path: Path) -> None:
    pem, other = tmp_path / "box.pem", tmp_path / "other.pem"
    tls = box.serve("--tls-self-signed", str(pem), "--faults", "--keep")
    tls.ca = str(pem)
    channel = Channel(tls.login())
    assert computer(channel)
    channel.close()
    box.serve("--tls-self-signed", str(other), "--keep").stop()
    for ca in (None, str(other), str(tmp_path / "absent.pem")):
        tls.forget()
        with pytest.raises(CertificateWrong):
            computer(Channel(tls.login(ca=ca)))
        assert [row for row in tls.trace() if row["action"]] == []
    tls.stop()


NASTY = (
    '"; New-Item C:\\canary; "',
    "'; New-Item C:\\canary; '",
    "$(New-Item C:\\canary)",
    "`$(New-Item C:\\canary)`",
    "& New-Item C:\\canary",
    "x\nNew-Item C:\\canary\n",
    '"}]}\n{"id":99,"calls":[]}',
    "| New-Item C:\\canary",
    "\u202ekcab\u202c",
    "\U0001f9e8 %PATH% \\u0041 \x00\x1b[31m",
    "2026-11-25T00:00:00Z",
)
PLACE = f"C:\\ProgramData\\nps\\packages\\{'0' * 64}\\x.exe"
ARGUMENTS: dict[str, dict[str, Any]] = {
    "facts": dict.fromkeys(("service", "application", "folder", "executable", "package", "backup")) | {"files": []},
    "rename_file": {"folder": "C:\\", "old": "a", "new": "b"},
    "back_up": {"folder": "C:\\none", "files": ["a"], "to": "C:\\none\\to"},
    "disable_service": {"service": "none"},
    "start_service": {"service": "none"},
    "end_process": {"processes": [{"pid": 0, "name": "x", "path": "x", "started": "x"}]},
    "set_dcom_location": {"app_id": "{}", "server": "x"},
    "start_installer": {
        "mark": {"name": "nps-a-b-1-1"},
        "path": "C:\\none.exe",
        "sha256": "x",
        "kind": "exe",
        "arguments": [],
        "run_as": "S4U",
    },
    "watch": {"mark": {"name": "nps-none"}, "offset": 0, "seconds": 0},
    "give_up": {"mark": {"name": "bad name"}},
    "package_part": {"path": PLACE, "sha256": "0" * 64},
    "receive_file": {
        "path": PLACE,
        "sha256": "0" * 64,
        "offset": 0,
        "size": 0,
    },
    "fetch_piece": {
        "path": PLACE,
        "sha256": "0" * 64,
        "url": "https://127.0.0.1:9/",
        "seconds": 0,
    },
    "finish_file": {"path": PLACE, "sha256": "0" * 64},
    "end_installer": {"mark": {"name": "nps-none"}},
}


def spoilt(value: Any, word: str) -> Any:
    """The same shape with the word in every place that can hold one."""
    if isinstance(value, dict):
        return {name: spoilt(inner, word) for name, inner in value.items()}
    if isinstance(value, list):
        return [spoilt(inner, word) for inner in value] or [word]
    return word if value is None or isinstance(value, str) else value


@pytest.mark.parametrize("verb", ARGUMENTS)
def test_no_argument_of_any_verb_is_ever_run(server: Server, channel: Channel, verb: str) -> None:
    logins = channel.meter.logins
    for word in NASTY:
        args = ARGUMENTS[verb]
        for spoil in [{name: spoilt(value, word)} for name, value in args.items()]:
            with suppress(ActFailed):
                channel.ask([{"verb": verb, "args": args | spoil}], 60)
    assert not (server.box.c / "canary").exists()
    assert channel.meter.logins == logins


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(word=st.text(max_size=80))
@example(word=NASTY[0])
@example(word=NASTY[5])
@example(word=NASTY[9])
@example(word=NASTY[10])
def test_any_text_comes_back_as_one_visible_line(channel: Channel, word: str) -> None:
    with pytest.raises(ActFailed) as caught:
        channel.ask([{"verb": "rename_file", "args": {"folder": "C:\\", "old": f"*{word}", "new": "b"}}], 60)
    said = " ".join(visible(f"'*{word}' is no file name.").split())
    assert caught.value.sentence.endswith(f": {said}")


def test_a_verb_that_does_not_exist_is_named(channel: Channel) -> None:
    with pytest.raises(ActFailed, match="There is no verb 'format_disk'"):
        channel.ask([{"verb": "format_disk", "args": {}}], 60)
