"""What servers once said, said again to the channel: recordings of winbox, and shapes of Windows written from facts."""

import base64
import json
import re
import stat
from pathlib import Path

import pytest
import shapes
from pydantic import SecretStr
from replaying import replaying

from bot.errors import AccessDenied, ActFailed, AnswerGarbled, HostAway, HostError, LoginRefused, QuotaUsedUp
from bot.lab.windows import USER, PretendWindows, backend, frontend
from bot.windows.channel import Channel, Login
from bot.windows.facts import Query
from bot.windows.recording import Exchange, Mask, Recorder, Recording, load

FACTS = [{"verb": "facts", "args": {}}]
FOLDER = Path(__file__).parent / "recordings/winbox"
Outcome = type[HostError] | str
COMPUTER = "xxxx"

SCENES: dict[str, list[Outcome]] = {
    "two_facts": [COMPUTER, COMPUTER],
    "silence": [COMPUTER],
    "shell_gone": [COMPUTER, COMPUTER],
    "powershell_ended": [COMPUTER, COMPUTER],
    "cut": [COMPUTER],
    "verb_refused": [ActFailed],
    "quota": [QuotaUsedUp],
    "wrong_password": [LoginRefused],
    "no_rights": [AccessDenied],
}


def replayed(exchanges: list[Exchange], asks: int) -> list[Outcome]:
    """What each asking came to."""
    outcomes: list[Outcome] = []
    with replaying(exchanges) as replay:
        channel = Channel(replay.login)
        for _ in range(asks):
            try:
                outcomes.append(re.sub("^x+$", COMPUTER, channel.ask(FACTS, 60)[0]["computer"]))
            except HostError as error:
                outcomes.append(type(error))
        channel.close()
    return outcomes


@pytest.mark.parametrize("name", SCENES)
def test_a_recording_of_winbox_comes_to_the_same_again(name: str) -> None:
    wanted = SCENES[name]
    assert replayed(load(FOLDER / f"{name}.jsonl"), len(wanted)) == wanted


def test_every_recording_is_replayed() -> None:
    assert {path.stem for path in FOLDER.glob("*.jsonl")} == set(SCENES)


def decoded(text: str) -> str:
    return re.sub(r"(Stream [^>]*>)([^<]+)", lambda m: m[1] + base64.b64decode(m[2]).decode("utf-8", "replace"), text)


@pytest.mark.parametrize("name", SCENES)
def test_a_recording_tells_no_name_no_user_and_no_id(name: str) -> None:
    text = decoded((FOLDER / f"{name}.jsonl").read_text())
    for word in ("winbox", "Administrator", "guest", "nps-", "127.0.0.1"):
        assert word.lower() not in text.lower(), word
    ids = re.findall(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", text)
    assert all(found.startswith("00000000-0000-0000-0000-0000000") for found in ids)


# --- shapes of real Windows ------------------------------------------------------------------------------------------

ANSWER = shapes.answer()
AGAIN = [*shapes.opening(), shapes.received(ANSWER), shapes.deleted()]
CLIXML = b'#< CLIXML\r\n<Objs Version="1.1.0.1"><S S="Error">Not enough memory._x000D__x000A_</S></Objs>'


def in_a_shell(*then: Exchange) -> list[Exchange]:
    return [*shapes.opening(), *then]


WINDOWS: dict[str, tuple[list[Exchange], list[Outcome]]] = {
    "an answer in three pieces, cut within a word": (
        in_a_shell(*(shapes.received(part) for part in (ANSWER[:9], ANSWER[9:30], ANSWER[30:])), shapes.deleted()),
        ["BE01"],
    ),
    "silence for as long as the server holds a request": (
        in_a_shell(
            *2 * [shapes.fault("Receive", 2150858793, "w:TimedOut", "Receiver")],
            shapes.received(ANSWER),
            shapes.deleted(),
        ),
        ["BE01"],
    ),
    "a word of stderr beside the answer": (
        in_a_shell(shapes.received(ANSWER, err=b"#< CLIXML\r\n"), shapes.deleted()),
        ["BE01"],
    ),
    "the answer and the end in one": ([*in_a_shell(shapes.received(ANSWER, code=0)), shapes.deleted()], ["BE01"]),
    "the PowerShell ends, twice": (
        2 * in_a_shell(shapes.received(b"", CLIXML, code=1)),
        [HostAway],
    ),
    "after a reboot": (
        [*in_a_shell(shapes.received(ANSWER)), shapes.fault("Send", 2150858843, "w:InvalidSelectors"), *AGAIN],
        ["BE01", "BE01"],
    ),
    "after eight hours": (
        [*in_a_shell(shapes.received(ANSWER)), shapes.bare("Send", 400), *AGAIN],
        ["BE01", "BE01"],
    ),
    "a connection lost in a Receive": ([*in_a_shell(shapes.bare("Receive", 0)), *AGAIN], ["BE01"]),
    "the 31st shell": ([shapes.quota_fault("Create", 2150859173)], [QuotaUsedUp]),
    "too many users with shells": ([shapes.quota_fault("Create", 0x803381AB)], [QuotaUsedUp]),
    "a plug-in's quota": ([shapes.quota_fault("Create", 0x803381E4)], [QuotaUsedUp]),
    "too many operations in one shell": (
        [*shapes.opening()[:4], shapes.quota_fault("Send", 2150859174)],
        [QuotaUsedUp],
    ),
    "no rights": ([shapes.fault("Create", 5, "w:AccessDenied")], [AccessDenied]),
    "a password that was changed": (
        [*in_a_shell(shapes.received(ANSWER)), shapes.bare("Send", 401)],
        ["BE01", LoginRefused],
    ),
    "a header that it does not take": (
        [shapes.fault("Create", 2150858767, "w:SchemaValidationError")],
        [AnswerGarbled],
    ),
    "a parameter that it does not take": (
        [*shapes.opening(), shapes.fault("Receive", 87, "w:InvalidParameter")],
        [AnswerGarbled],
    ),
    "no powershell.exe": ([shapes.created(), shapes.fault("Command", 2147942402, "w:Internal")], [AnswerGarbled]),
    "a proxy's page": (2 * [Exchange(action="Create", request="", status=200, response="<html/>")], [AnswerGarbled]),
    "an empty 500": (2 * [shapes.bare("Create", 500)], [AnswerGarbled]),
} | {
    f"fault {code}, which means that the shell is gone": (
        [*in_a_shell(shapes.received(ANSWER)), shapes.fault("Send", code, "w:InternalError"), *AGAIN],
        ["BE01", "BE01"],
    )
    for code in (170, 995, 2147943418)
}


@pytest.mark.parametrize("name", WINDOWS)
def test_an_answer_in_the_shape_of_windows_becomes(name: str) -> None:
    exchanges, wanted = WINDOWS[name]
    assert replayed(exchanges, len(wanted)) == wanted


# --- the recorder ----------------------------------------------------------------------------------------------------


def test_what_was_recorded_over_an_encrypted_conversation_is_plain_and_masked(tmp_path: Path) -> None:
    with PretendWindows(backend("BE01"), password="Grüße & 4") as server:
        login = Login(host="be01", url=server.url, auth="ntlm", user=USER, password=SecretStr("Grüße & 4"))
        recordings = [Recording(tmp_path / "masked", names=False), Recording(tmp_path / "named", names=True)]
        for recording in recordings:
            channel = Channel(login, recording.of(login))
            channel.ask(FACTS, 60)
            channel.close()
            recording.save()
    path = tmp_path / "masked"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = decoded(path.read_text())
    assert not re.search(r"be01|svc-nps|corp\b|Grü|127\.0", text, re.IGNORECASE)
    assert "PRMService.exe" in text
    assert replayed(load(path), 1) == [COMPUTER]
    assert replayed(load(tmp_path / "named"), 1) == ["BE01"]
    assert "svc-nps" not in decoded((tmp_path / "named").read_text())
    with pytest.raises(FileExistsError):
        Recording(path, names=True)


def test_what_a_server_calls_itself_and_its_backend_is_masked_whatever_its_url_says(tmp_path: Path) -> None:
    with PretendWindows(frontend("WIN-PRM-7", "prm8.inner.example"), password="secret") as server:
        login = Login(host="fe01", url=server.url, auth="basic", user=USER, password=SecretStr("secret"))
        recording = Recording(tmp_path / "masked", names=False)
        channel = Channel(login, recording.of(login))
        wanted = Query(application="Netwrix Password Secure").model_dump()
        channel.ask([{"verb": "facts", "args": wanted}], 60)
        channel.close()
        recording.save()
    text = decoded((tmp_path / "masked").read_text())
    assert "RemoteServerName" in text or "remote_server" in text
    assert not re.search(r"prm-7|prm8|inner\.example", text, re.IGNORECASE)


def test_a_word_is_masked_across_the_pieces_it_came_in() -> None:
    recorder = Recorder()
    secret = 'hunter"2 & <co>'
    told = shapes.line({"id": 1, "ok": True, "result": [{"computer": f"it is {secret}, or HUNTER"}]})
    at = told.index(b"hunter") + 3
    for exchange in (shapes.received(told[:at]), shapes.received(told[at:])):
        recorder.heard(b"", 200, exchange.response.encode())
    pieces = [base64.b64decode(text) for e in recorder.exchanges(Mask([secret], ["hunter"])) for text in streams(e)]
    assert [len(piece) for piece in pieces] == [at, len(told) - at]
    assert json.loads(b"".join(pieces))["result"][0]["computer"] == f"it is {'x' * (len(secret) + 1)}, or xxxxxx"


def streams(exchange: Exchange) -> list[str]:
    return re.findall(r"Stream [^>]*>([^<]+)<", exchange.response)


def test_the_name_of_a_fact_is_left_although_a_user_is_called_so() -> None:
    mask = Mask(["a"], ["admin", "start"])
    said, masked = b'{"admin":true,"start_mode":"admin","a":"a b"}', b'{"admin":true,"start_mode":"xxxxx","a":"x b"}'
    assert mask.over(said) == masked


def test_what_is_sent_and_is_no_request_is_not_kept() -> None:
    recorder = Recorder()
    for data in (b"9\n# script\n", b'{"id": 1}\n'):
        stream = f'<rsp:Stream Name="stdin" CommandId="c">{base64.b64encode(data).decode()}</rsp:Stream>'
        recorder.heard(stream.encode(), 200, b"")
    sent = [decoded(exchange.request) for exchange in recorder.exchanges(Mask([], []))]
    assert ["(not kept)" in sent[0], "script" in sent[0], '{"id": 1}' in sent[1]] == [True, False, True]
