"""The bot beside Ansible on the same boxes: the upgrade of a DMZ pair, with the same installers, and an upload.

Seconds and ratios are only printed. `make bench-ansible` calls it; nothing else does.
"""

import os
import shutil
from pathlib import Path

import pytest
from box import ARTICLE, Box, Programs, Server, boxes, build
from measured import circumstances, installers_own, lasted, uploaded
from playing import play
from serving import explained, serving

pytestmark = [pytest.mark.winbox, pytest.mark.bench, pytest.mark.timeout(1200)]

INSTALLER_MS = 4000
MEGABYTES = 40


def requests(servers: list[Server]) -> int:
    """How many there were since the last time."""
    total = sum(len(server.trace()) for server in servers)
    for server in servers:
        server.forget()
    return total


def put_back(pair: list[Box], programs: Programs) -> None:
    """The old version, as before the upgrade."""
    backend, frontend = pair
    backend.powershell("-Command", "Stop-Service PRMService")
    for box in pair:
        shutil.copy(programs.service, box.path(ARTICLE.file("PRMService.exe")))
    backend.powershell("-Command", "Start-Service PRMService")
    frontend.path(ARTICLE.file("PRMService.exe.old")).unlink()


def upgraded(folder: Path, programs: Programs, servers: list[Server]) -> float:
    """Seconds of the bot's upgrade from its request to its end; nothing was read before it."""
    logins = [(server, "basic") for server in servers]
    with serving(folder, programs, ARTICLE, logins, wait=INSTALLER_MS) as bot:
        code, lines = bot.do("upgrade site")
    assert code == 0, explained(lines)
    return lasted(lines)


def test_an_upgrade_beside_a_playbook(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    programs = build(tmp_path)
    with boxes() as made:
        pair = [made.new(), made.new()]
        pair[0].install(ARTICLE, programs)
        pair[1].install(ARTICLE, programs, "be01")
        servers = [box.serve("--latency-ms", "20", "--faults") for box in pair]
        seconds = upgraded(tmp_path, programs, servers)
        ours, our_requests = seconds - installers_own(pair), requests(servers)

        put_back(pair, programs)
        played = play(
            tmp_path, "upgrade.yml", dict(zip(("backend", "frontend"), servers, strict=True)),
            sha256=programs.sha256, version=programs.new, app_id=ARTICLE.app_id, backend="be01",
            arguments=[*ARTICLE.arguments, f"/WAIT={INSTALLER_MS}"],
        )  # fmt: skip
        theirs, their_requests = played.seconds - played.commands, requests(servers)
    rows = [
        f"the bot: {seconds:.1f} s, {ours:.1f} s over its installers, {our_requests} requests",
        f"{len(played.tasks)} tasks of Ansible: {played.seconds:.1f} s, {theirs:.1f} s over, {their_requests} requests",
        f"over its installers the bot takes 1/{theirs / ours:.1f} of Ansible's time",
    ]
    with capsys.disabled():
        print(f"\nAn upgrade of a DMZ pair on winbox, {circumstances()}", *rows, sep="\n  ")  # noqa: T201


def test_an_upload_beside_win_copy(tmp_path: Path, slow_server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "upload.bin"
    file.write_bytes(os.urandom(MEGABYTES * 1_000_000))
    slow_server.forget()
    ours = uploaded(slow_server, file.read_bytes())
    our_requests = requests([slow_server])
    theirs = play(tmp_path, "upload.yml", {"backend": slow_server}, file=str(file)).task("Upload")
    their_requests = requests([slow_server])
    assert (slow_server.box.c / "upload.bin").read_bytes() == file.read_bytes()
    rows = [
        f"the bot: {ours:.1f} s, {MEGABYTES / ours:.2f} MB/s, {our_requests / MEGABYTES:.1f} requests a MB",
        f"win_copy: {theirs:.1f} s, {MEGABYTES / theirs:.2f} MB/s, {their_requests / MEGABYTES:.1f} requests a MB",
        f"the bot is {theirs / ours:.1f} times as fast",
    ]
    with capsys.disabled():
        print(f"\n{MEGABYTES} MB to winbox, {circumstances()}", *rows, sep="\n  ")  # noqa: T201
