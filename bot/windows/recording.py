"""What a server said, kept as lines of JSON that can be answered from again: action, request, status, response.

Owns what never goes into a recording: passwords, users, the script, ids, and names of hosts unless asked for. Never
opens a connection.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from bot.windows.channel import Login, Meter

MESSAGE = "MESSAGE-ID"
"""Stands for the id that a request brings, in the request and in its answer."""
NOT_KEPT = b"(not kept)\n"
"""Stands for the script; of what is sent to it, only requests are kept, and not the bytes that follow one."""
_ID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_STREAM = re.compile(r"(<(?:\w+:)?Stream\b([^>]*)>)([^<]+)(?=<)")
_NAMES = re.compile(rb'"(?:computer|remote_server|run_as)":\s*"((?:[^"\\]|\\.)+)"')
_ADDRESS = re.compile(r"""(?<=ClientIP>)[^<]+|(?<=\bMachine=")[^"]+""")
_BETWEEN_TAGS = re.compile(r"(?<=>)[^<>]+(?=<)")
_LONG_ENOUGH = 4


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One envelope of ours and its answer; status 0 means that the connection was lost instead."""

    action: str
    request: str
    status: int
    response: str


class Mask:
    """Puts x, as many as there were letters, over words that must not be read, so that pieces stay pieces."""

    def __init__(self, secrets: Iterable[str], names: Iterable[str]) -> None:
        anywhere: list[str] = []
        alone: list[str] = []
        for word in filter(None, secrets):
            (anywhere if len(word) >= _LONG_ENOUGH else alone).extend(_spellings(word))
        for word in filter(None, names):
            alone.extend(_spellings(word))
        # a name that is also the name of a fact is left there: no one learns of it from a key
        bounded = [rf"(?<!\w){re.escape(word)}(?!\w)(?!\"\s*:)" for word in _longest_first(alone)]
        words = [*map(re.escape, _longest_first(anywhere)), *bounded]
        self._words = re.compile("|".join(words).encode() or b"(?!)", re.IGNORECASE)

    def over(self, data: bytes) -> bytes:
        return self._words.sub(lambda found: b"x" * len(found[0]), data)

    def over_text(self, text: str) -> str:
        return self.over(text.encode()).decode(errors="replace")


def mask_for(logins: Iterable[Login], *, names: bool, heard: Iterable[str] = ()) -> Mask:
    """Passwords and users of these logins; with `names`, what their hosts are called too, and what they call
    themselves and others (`heard`)."""
    secrets: list[str] = []
    called: list[str] = []
    for login in logins:
        secrets.append(login.password.get_secret_value())
        called += re.split(r"[\\@/]", login.user)
        host = urlsplit(login.url).hostname or ""
        called += [login.host, host, *host.partition(".")[::2]] if names else []
    for word in heard if names else ():
        called += [word, *word.partition(".")[::2], *re.split(r"[\\\\@/]", word)]
    # a part of an address would be found in every number
    return Mask(secrets, [word for word in called if not re.fullmatch(r"[\d.]*", word) or word.count(".") == 3])


class Recorder(Meter):
    """A channel's meter that also keeps what was said; one recorder may be of several channels."""

    def __init__(self) -> None:
        super().__init__()
        self._heard: list[tuple[bytes, int, bytes]] = []

    def heard(self, request: bytes, status: int, answer: bytes) -> None:
        self._heard.append((request, status, answer))

    def names(self) -> set[str]:
        """What the host calls itself, other servers and accounts."""
        told: dict[str, bytes] = {}
        for _, _, answer in self._heard:
            for found in _STREAM.finditer(_text(answer)):
                told[found[2]] = told.get(found[2], b"") + base64.b64decode(found[3])
        return {json.loads(b'"%s"' % found[1]) for stream in told.values() for found in _NAMES.finditer(stream)}

    def exchanges(self, mask: Mask) -> list[Exchange]:
        """All that was heard so far, in order, without what must not be read."""
        plain = [(_text(request), status, _ADDRESS.sub("x", _text(answer))) for request, status, answer in self._heard]
        plain = [(_without_id(r, r), status, _without_id(r, a)) for r, status, a in plain]
        numbered = _Numbered()
        answers = _streams_masked([numbered.over(a) for _, _, a in plain], mask)
        requests = _streams_masked([_without_script(numbered.over(r)) for r, _, _ in plain], mask)
        return [
            Exchange(action=action_of(request), request=request, status=status, response=answer)
            for request, (_, status, _), answer in zip(requests, plain, answers, strict=True)
        ]


class Recording:
    """One file of all that some hosts said, host after host."""

    def __init__(self, path: Path, *, names: bool) -> None:
        """Makes the file, which must not exist yet; `names` leaves the hosts' names as they are. Its owner alone may
        read it: a server's facts are nobody else's business."""
        self.path = path
        self._names = names
        self._recorders: list[tuple[Login, Recorder]] = []
        path.touch(mode=0o600, exist_ok=False)

    def of(self, login: Login) -> Recorder:
        """The meter for the host's channel."""
        recorder = Recorder()
        self._recorders.append((login, recorder))
        return recorder

    def save(self) -> int:
        """Writes a line an exchange, and tells how many."""
        heard = {name for _, recorder in self._recorders for name in recorder.names()}
        mask = mask_for([login for login, _ in self._recorders], names=not self._names, heard=heard)
        exchanges = [exchange for _, recorder in self._recorders for exchange in recorder.exchanges(mask)]
        self.path.write_text("".join(json.dumps(asdict(exchange)) + "\n" for exchange in exchanges), encoding="ascii")
        return len(exchanges)


def load(path: Path) -> list[Exchange]:
    return [Exchange(**json.loads(line)) for line in path.read_text(encoding="ascii").splitlines()]


class _Numbered:
    """Ids of shells, commands and messages, by the order in which they came."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def over(self, text: str) -> str:
        def number(found: re.Match[str]) -> str:
            known = self._known.setdefault(found[0].upper(), f"00000000-0000-0000-0000-{len(self._known) + 1:012}")
            return known

        return _ID.sub(number, text)


def _spellings(word: str) -> list[str]:
    """As it is, within JSON, and within XML; the search heeds no case, but of ASCII letters alone."""
    cases = (word, word.lower(), word.upper())
    return [spelt for case in cases for spelt in (case, json.dumps(case)[1:-1], escape(case))]


def _longest_first(words: Iterable[str]) -> list[str]:
    return sorted(set(words), key=len, reverse=True)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def action_of(request: str) -> str:
    """The last word of its action's address: Create, Command, Send, Receive, Signal, Delete."""
    found = re.search(r"Action[^>]*>[^<]*/(\w+)\s*<", request)
    return found[1] if found else ""


def message_id(request: str) -> str:
    found = re.search(rf"MessageID[^>]*>uuid:({_ID.pattern}|{MESSAGE})<", request)
    return found[1] if found else MESSAGE


def _without_id(request: str, text: str) -> str:
    return re.sub(re.escape(message_id(request)), MESSAGE, text, flags=re.IGNORECASE)


def _without_script(request: str) -> str:
    def shortened(found: re.Match[str]) -> str:
        first, end, _ = base64.b64decode(found[3]).partition(b"\n")
        return found[1] + base64.b64encode(first + end if first.startswith(b"{") else NOT_KEPT).decode()

    return _STREAM.sub(shortened, request)


def _streams_masked(texts: list[str], mask: Mask) -> list[str]:
    """Words in the streams are sought across the pieces that they came in; all else between its tags."""
    pieces: dict[str, list[bytes]] = {}
    for text in texts:
        for found in _STREAM.finditer(text):
            pieces.setdefault(found[2], []).append(base64.b64decode(found[3]))
    masked = {name: _cut_alike(mask.over(b"".join(parts)), parts) for name, parts in pieces.items()}

    def replaced(found: re.Match[str]) -> str:
        return found[1] + base64.b64encode(masked[found[2]].pop(0)).decode()

    return [_STREAM.sub(replaced, _outside_streams(text, mask.over_text)) for text in texts]


def _outside_streams(text: str, change: Callable[[str], str]) -> str:
    kept = {found.start(3) for found in _STREAM.finditer(text)}
    return _BETWEEN_TAGS.sub(lambda found: found[0] if found.start() in kept else change(found[0]), text)


def _cut_alike(data: bytes, like: list[bytes]) -> list[bytes]:
    pieces, at = [], 0
    for part in like:
        pieces.append(data[at : at + len(part)])
        at += len(part)
    return pieces
