"""Makes the recordings of winbox anew: python tests/winbox/recorded.py, with winbox set up. One file a scene."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from box import Box, Server, boxes
from pydantic import SecretStr

from bot.errors import HostError
from bot.windows import channel as channels
from bot.windows.channel import Channel, Login, Meter
from bot.windows.recording import Recording

FACTS = [{"verb": "facts", "args": {}}]
HERE = Path(__file__).parents[1] / "recordings/winbox"


def two_facts(server: Server, channel: Channel) -> None:
    channel.ask(FACTS, 60)
    channel.ask(FACTS, 60)


def silence(server: Server, channel: Channel) -> None:
    """A PowerShell takes longer than one second to say its first word."""
    held, channels.HELD_SECONDS = channels.HELD_SECONDS, 1
    channel.ask(FACTS, 60)
    channels.HELD_SECONDS = held


def shell_gone(server: Server, channel: Channel) -> None:
    channel.ask(FACTS, 60)
    assert channel._line._shell
    channels._protocol(server.login(), Meter()).close_shell(channel._line._shell._shell)
    channel.ask(FACTS, 60)


def powershell_ended(server: Server, channel: Channel) -> None:
    channel.ask(FACTS, 60)
    server.box.powershell("-Command", "Get-Process powershell | Where-Object Id -ne $PID | Stop-Process -Force")
    channel.ask(FACTS, 60)


def verb_refused(server: Server, channel: Channel) -> None:
    channel.ask([{"verb": "no_such_verb", "args": {}}], 60)


def quota(server: Server, channel: Channel) -> None:
    for other in (Channel(server.login()), Channel(server.login())):
        other.ask(FACTS, 60)
    channel.ask(FACTS, 60)


def cut(server: Server, channel: Channel) -> None:
    server.faults({"cut": "Receive", "times": 1})
    channel.ask(FACTS, 60)


def refused(server: Server, channel: Channel) -> None:
    channel.ask(FACTS, 60)


SCENES: dict[str, Callable[[Server, Channel], None]] = {
    scene.__name__: scene for scene in (two_facts, silence, shell_gone, powershell_ended, verb_refused, quota, cut)
} | {"wrong_password": refused, "no_rights": refused}


@contextmanager
def stage(box: Box) -> Iterator[Server]:
    server = box.serve("--faults", "--max-shells", "2", "--standard-user", "guest", "--keep")
    yield server
    server.stop()


def login_of(server: Server, name: str) -> Login:
    changes = {"wrong_password": {"password": SecretStr("another")}, "no_rights": {"user": "guest"}}
    return server.login(**changes.get(name, {}))  # type: ignore[arg-type]


def record(server: Server, name: str, path: Path) -> None:
    """Plays one scene and keeps what was said, however it ended."""
    path.unlink(missing_ok=True)
    recording, login = Recording(path, names=False), login_of(server, name)
    channel = Channel(login, recording.of(login))
    with suppress(HostError):
        SCENES[name](server, channel)
    channel.close()
    recording.save()


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    with boxes() as made:
        box = made.new()
        for name in SCENES:
            with stage(box) as server:
                record(server, name, HERE / f"{name}.jsonl")
