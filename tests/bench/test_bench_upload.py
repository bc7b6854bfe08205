"""An upload of 40 MB over a host's live PowerShell to winbox, beside the least that could bring it there: a bare
PowerShell that copies its stdin into a file.

Requests are asserted; seconds are only printed.
"""

import base64
import os
import time

import pytest
from box import PASSWORD, USER, Server
from measured import circumstances, uploaded
from winrm.protocol import Protocol

from bot.windows.channel import SEND_BYTES

pytestmark = [pytest.mark.winbox, pytest.mark.bench, pytest.mark.timeout(300)]

MEGABYTES = 40
REQUESTS_A_MB = 4
BARE = r"""
$from = [Console]::OpenStandardInput()
$to = [IO.File]::Create('C:\bare.bin')
$buffer = New-Object byte[] 1048576
while ($to.Length -lt SIZE) { $to.Write($buffer, 0, $from.Read($buffer, 0, $buffer.Length)) }
$to.Dispose()
'done'
"""


def bare(server: Server, data: bytes) -> float:
    """Seconds for it without protocol, mutex, pieces and hash."""
    begun = time.perf_counter()
    protocol = Protocol(server.url, transport="basic", username=USER, password=PASSWORD, proxy=None, ca_trust_path=None)
    shell = protocol.open_shell(codepage=65001)
    script = base64.b64encode(BARE.replace("SIZE", str(len(data))).encode("utf-16-le")).decode()
    command = protocol.run_command(
        shell, f"powershell.exe -NoProfile -NonInteractive -EncodedCommand {script}", console_mode_stdin=False
    )
    for start in range(0, len(data), SEND_BYTES):
        protocol.send_command_input(shell, command, data[start : start + SEND_BYTES])
    out, told, _ = protocol.get_command_output(shell, command)
    seconds = time.perf_counter() - begun
    assert out.split() == [b"done"], told
    protocol.close_shell(shell)
    assert (server.box.c / "bare.bin").read_bytes() == data
    return seconds


def test_an_upload_of_40_mb(slow_server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    data = os.urandom(MEGABYTES * 1_000_000)
    slow_server.forget()
    ours = uploaded(slow_server, data)
    requests = len(slow_server.trace())
    assert requests <= MEGABYTES * REQUESTS_A_MB
    least = bare(slow_server, data)
    rows = [
        f"the bot: {ours:.1f} s, {MEGABYTES / ours:.2f} MB/s, {requests / MEGABYTES:.1f} requests a MB",
        f"a bare PowerShell that copies stdin: {least:.1f} s, {MEGABYTES / least:.2f} MB/s",
    ]
    with capsys.disabled():
        print(f"\n{MEGABYTES} MB to winbox, {circumstances()}", *rows, sep="\n  ")  # noqa: T201
