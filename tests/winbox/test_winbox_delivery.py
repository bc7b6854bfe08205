"""A package comes onto a server that was not written here: sent in pieces or pulled, cut in the middle, and another
file than was approved."""

import functools
import hashlib
import json
import os
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from box import Boxes, Server, until
from signing import Authority

from bot.errors import ActFailed, HostAway, TooLate
from bot.windows.facts import Part, Query
from bot.windows.host import Host, Place
from bot.windows.states import Act

pytestmark = pytest.mark.winbox

PIECE = 1_000_000
# What could be taken for a line, a request or an end, where the pieces meet the lines.
SLY = b'\n{"id": 99, "calls": []}\r\n\x00\x1a\x04\xff\xfe\n'


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=5)


def content(size: int) -> bytes:
    return (SLY + os.urandom(size) + SLY)[:size]


def place(data: bytes, name: str = "prm_setup.exe") -> Place:
    sha256 = hashlib.sha256(data).hexdigest()
    return Place(path=rf"C:\ProgramData\nps\packages\{sha256}\{name}", sha256=sha256)


def finish(host: Host, at: Place) -> bool:
    return host.act(Act(verb="finish_file", args=at.model_dump()), soon())[0]


@pytest.fixture(scope="module")
def server(made_boxes: Boxes) -> Server:
    return made_boxes.new().serve("--faults")


@pytest.fixture(scope="module")
def opened(server: Server) -> Iterator[Host]:
    host = Host(server.login())
    yield host
    host.close()


@pytest.fixture
def host(server: Server, opened: Host) -> Iterator[Host]:
    """One connection for all tests, which finds itself lost after some of them."""
    yield opened
    server.faults()


def sent(host: Host, at: Place, data: bytes, offset: int = 0) -> Part:
    """All pieces from there on."""
    part = host.part(at)
    while offset < len(data):
        part = host.receive(at, offset, data[offset : offset + PIECE], soon())
        assert part.size == offset + len(data[offset : offset + PIECE])
        offset = part.size
    return part


def test_what_was_sent_in_pieces_gets_its_name_by_its_hash(server: Server, host: Host) -> None:
    data = content(3 * PIECE + 77)
    at = place(data)
    assert (host.part(at).there, host.part(at).size) == (False, 0)
    sent(host, at, data)
    assert not server.box.path(at.path).exists()
    assert finish(host, at)
    assert server.box.path(at.path).read_bytes() == data
    assert host.part(at).there
    assert not finish(host, at), "asked again, nothing changes"
    facts = host.observe(Query(package=at.path))
    assert facts.package
    assert (facts.package.size, facts.package.sha256) == (len(data), at.sha256)


def test_what_is_sent_under_encryption_is_the_same(made_boxes: Boxes, server: Server) -> None:
    encrypted, data = server.box.serve("--encrypted-only", "--keep"), content(PIECE)
    host, at = Host(encrypted.login("ntlm")), place(data)
    sent(host, at, data)
    assert finish(host, at)
    host.close()
    encrypted.stop()
    assert server.box.path(at.path).read_bytes() == data


@pytest.mark.parametrize(
    "rule", [{"cut": "Send", "times": 1}, {"cut": "Receive", "times": 1}, {"http": 500, "on": "Send", "times": 1}]
)
def test_a_piece_that_was_cut_is_in_the_file_once(server: Server, host: Host, rule: dict[str, object]) -> None:
    data = content(2 * PIECE)
    at = place(data)
    offset = host.receive(at, 0, data[:PIECE], soon()).size
    server.faults(rule)
    sent(host, at, data, offset)
    assert finish(host, at)
    assert server.box.path(at.path).read_bytes() == data


def test_an_upload_goes_on_where_a_lost_server_left_it(server: Server, host: Host) -> None:
    data = content(3 * PIECE)
    at = place(data)
    offset = host.receive(at, 0, data[:PIECE], soon()).size
    server.faults({"http": 500, "on": "Send"})
    with pytest.raises(Exception, match="500"):
        host.receive(at, offset, data[offset : offset + PIECE], soon())
    server.faults({"reboot": 1})
    other = Host(server.login())
    until(lambda: _size(other, at) == PIECE)
    sent(other, at, data, PIECE)
    assert finish(other, at)
    other.close()
    assert server.box.path(at.path).read_bytes() == data


def _size(host: Host, at: Place) -> int | None:
    try:
        return host.part(at).size
    except HostAway:
        return None


def test_a_piece_of_another_place_is_left_out_and_the_answer_says_where_to_go_on(host: Host) -> None:
    data = content(300)
    at = place(data)
    assert host.receive(at, 0, data[:100], soon()).size == 100
    assert host.receive(at, 0, data[:100], soon()).size == 100
    assert host.receive(at, 200, data[200:], soon()).size == 100
    assert host.receive(at, 100, data[100:], soon()).size == 300
    assert finish(host, at)


def test_what_came_and_is_another_file_is_deleted_and_told(server: Server, host: Host) -> None:
    data = content(500)
    at = place(data)
    sent(host, at, data[:-1] + b"x")
    with pytest.raises(ActFailed, match="What came is not the file that was approved: its SHA-256 is"):
        finish(host, at)
    assert (host.part(at).there, host.part(at).size) == (False, 0)
    assert list(server.box.path(at.path).parent.iterdir()) == []
    with pytest.raises(ActFailed, match="has come yet"):
        finish(host, at)


@pytest.mark.parametrize(
    "path",
    [
        r"C:\windows\system32\evil.exe", r"C:\ProgramData\nps\packages\SHA\..\..\x.exe", "C:\\ProgramData\\nps\\x.exe",
        r"C:\ProgramData\nps\packages\SHA\a:b", r"C:\ProgramData\nps\packages\SHA", "",
    ],
)  # fmt: skip
def test_no_file_is_written_elsewhere_and_what_follows_is_understood(server: Server, host: Host, path: str) -> None:
    good = place(b"x")
    at = Place(path=path.replace("SHA", good.sha256), sha256=good.sha256)
    before = host.channel.meter.logins
    for asked in (lambda: host.receive(at, 0, SLY, soon()), lambda: host.fetch(at, "https://x", 1, soon())):
        with pytest.raises(ActFailed, match="is no place for a package"):
            asked()
    assert host.part(good).size == 0
    assert host.channel.meter.logins == max(before, 1), "the same PowerShell answers on"


def test_a_piece_that_comes_too_late_is_left_out_and_what_follows_is_understood(host: Host) -> None:
    at = place(b"late")
    with pytest.raises(TooLate):
        host.receive(at, 0, SLY, datetime.now(UTC) - timedelta(seconds=30))
    assert host.part(at).size == 0


# --- pulled by the host


@dataclass
class Source:
    """A file server on loopback, which a test may let misbehave; `asked` are the ranges that were asked for."""

    data: bytes
    ranges: bool = True
    cut_after: int | None = None
    redirect: str | None = None
    asked: list[str] = field(default_factory=list)
    url: str = ""


class Handler(BaseHTTPRequestHandler):
    def __init__(self, source: Source, *args: object) -> None:
        self.source = source
        super().__init__(*args)  # type: ignore[arg-type]

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        source = self.source
        source.asked.append(self.headers.get("Range", ""))
        if source.redirect or self.path != "/setup.exe":
            self.send_response(302 if source.redirect else 404)
            self.send_header("Location", source.redirect or "")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked and source.ranges else 0
        if start >= len(source.data):
            self.send_error(416)
            return
        self.send_response(206 if asked and source.ranges else 200)
        if asked and source.ranges:
            self.send_header("Content-Range", f"bytes {start}-{len(source.data) - 1}/{len(source.data)}")
        self.send_header("Content-Length", str(len(source.data) - start))
        self.end_headers()
        until = len(source.data) if source.cut_after is None else start + source.cut_after
        self.wfile.write(source.data[start:until])
        self.close_connection = True


class Served(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A host that hangs up is what a test wants."""


@contextmanager
def serving(source: Source, tls: ssl.SSLContext | None = None) -> Iterator[Source]:
    with Served(("127.0.0.1", 0), functools.partial(Handler, source)) as served:
        if tls:
            served.socket = tls.wrap_socket(served.socket, server_side=True)
        threading.Thread(target=served.serve_forever, args=(0.05,), daemon=True).start()
        source.url = f"http{'s' if tls else ''}://localhost:{served.server_port}/setup.exe"
        yield source
        served.shutdown()


@pytest.fixture
def source() -> Iterator[Source]:
    with serving(Source(data=content(2 * PIECE))) as source:
        yield source


def test_a_host_pulls_the_file(server: Server, host: Host, source: Source) -> None:
    at = place(source.data)
    part = host.fetch(at, source.url, 8, soon())
    assert (part.whole, part.size, part.total, part.told) == (True, len(source.data), len(source.data), "")
    assert host.fetch(at, source.url, 8, soon()).whole, "asked again, there is no more"
    assert finish(host, at)
    assert server.box.path(at.path).read_bytes() == source.data


def test_a_pull_that_was_cut_goes_on_from_there(host: Host, source: Source) -> None:
    at, source.cut_after = place(source.data), PIECE + 5
    first = host.fetch(at, source.url, 8, soon())
    assert (first.whole, first.size) == (False, PIECE + 5)
    source.cut_after = None
    assert host.fetch(at, source.url, 8, soon()).whole
    assert source.asked == ["bytes=0-", f"bytes={PIECE + 5}-"]
    assert finish(host, at)


def test_a_server_that_knows_no_ranges_is_read_from_the_start(host: Host, source: Source) -> None:
    at, source.cut_after, source.ranges = place(source.data), PIECE, False
    assert host.fetch(at, source.url, 8, soon()).whole is False
    source.cut_after = None
    assert host.fetch(at, source.url, 8, soon()).size == len(source.data)
    assert finish(host, at)


def test_what_was_pulled_and_is_another_file_is_deleted_and_told(host: Host, source: Source) -> None:
    at = place(b"what was approved")
    assert host.fetch(at, source.url, 8, soon()).whole
    with pytest.raises(ActFailed, match="What came is not the file that was approved"):
        finish(host, at)
    assert host.part(at).size == 0


@pytest.mark.parametrize("subject", ["localhost", "other.corp.example"])
def test_a_pull_over_tls_comes_from_the_named_server_only(
    server: Server, host: Host, tmp_path: Path, subject: str
) -> None:
    """Whether its authority is trusted, Wine does not look."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*Authority.new(tmp_path, "Ours").issued(subject))
    with serving(Source(data=content(PIECE)), tls) as source:
        part = host.fetch(place(source.data), source.url, 8, soon())
    right = subject == "localhost"
    assert (part.whole, part.size) == (right, len(source.data) if right else 0)
    assert ("certificate" in part.told) is not right


def test_a_pull_that_can_not_be_is_told(host: Host, source: Source) -> None:
    at = place(source.data)
    with pytest.raises(ActFailed, match="was answered with 404"):
        host.fetch(at, source.url.replace("setup", "other"), 8, soon())
    for elsewhere in ("http://127.0.0.1:1/x", "http://files.corp.example/x", "ftp://127.0.0.1/x", "file:///C:/x"):
        source.redirect = elsewhere
        with pytest.raises(ActFailed, match="is not fetched from: only https is"):
            host.fetch(at, source.url, 8, soon())
    part = host.fetch(at, "http://127.0.0.1:9/setup.exe", 8, soon())
    assert (part.size, part.whole) == (0, False)
    assert part.told
    assert json.dumps(part.told).isascii()
