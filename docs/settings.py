"""Writes docs/settings.md: each key of nps.toml, its default from the code, its meaning; `make readme` calls it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from bot.settings.file import Environment, Person, SlackSection, StoreSection
from bot.settings.freezes import Freeze
from bot.settings.hosts import HostSection
from bot.settings.packages import PackageSection, Source
from bot.settings.secrets import Credential, SecretSource

PAGE = Path(__file__).parent / "settings.md"
INTRODUCTION = """\
# nps.toml, key by key

Written by `make readme` from the code. All faults of the file are told at once, with their lines, and the bot does not
start with one. Durations look like "30m", "24h" or "7d". Paths are below the folder of nps.toml. A start with other
settings than the last is an event of the audit trail, secrets left out. Who is named in a list is a Slack user (U0...),
a user group (S0...), or a person of the file.
"""
TABLES: dict[str, tuple[type[BaseModel], dict[str, str]]] = {
    "[slack]": (SlackSection, {
        "channel": "where runs are told, by its id; an environment may have its own",
        "admins": "who take over locks, override freezes, end held runs; an environment may have its own",
        "remind_after": "after so long those who may decide are mentioned again about an open question",
        "escalate_after": "after so long the admins are mentioned about it",
    }),
    "[store]": (StoreSection, {
        "audit": "the audit trail; logs and the bot's socket lie in its folder, which one bot at a time owns",
        "engine": "DBOS's own file",
    }),
    "[people.NAME]": (Person, {
        "slack": "the person's Slack user",
        "os": "their operating system user on the bot's machine, for `nps do`",
    }),
    "[credentials.NAME]": (Credential, {
        "user": "`CORP\\\\name`, `name@CORP.EXAMPLE` for kerberos, or a local user",
        "password": "where the password is had from, see below",
        "certificate": "a client certificate in PEM, for `auth = \"certificate\"`; then `key` too, and no user",
        "key": "its private key in PEM",
    }),
    "password = { ... }": (SecretSource, {
        "env": "an environment variable of the bot",
        "file": "a file that only the bot's user may read",
        "keyring": "\"service/name\" in the keyring; needs the extra `nps-bot[keyring]`",
    }),
    "[packages.\"NAME\"]": (PackageSection, {
        "file": "its name; .exe or .msi says how it is run",
        "version": "the file version of PRMService.exe that proves success",
        "sha256": "what the host must find before it runs",
        "arguments": "its silent switches, a must for an .exe; `{log}` becomes the path of its log",
        "source": "where it comes from, see below",
        "signer": "to whom its Authenticode certificate was issued; no other file runs",
        "run_as": "S4U is the bot's own account; where that may not log on as a batch job, SYSTEM is taken",
        "deadline": "after so long people are asked about an installer that still runs",
        "inactivity": "after so long without a line in its log and without use of CPU they are asked, too",
        "success_codes": "exit codes that are no failure; the version decides in any case",
        "stop_service": "stop the service while its files are copied",
    }),
    "source = { ... }": (Source, {
        "staged": "an administrator has put it there, on each host",
        "url": "each host pulls it, in pieces",
        "upload": "the bot sends this file over WinRM",
    }),
    "[hosts.NAME]": (HostSection, {
        "url": "`https://name:5986/wsman`; plain http only to loopback, or with ntlm or kerberos, which encrypt",
        "auth": "kerberos (extra `nps-bot[kerberos]`), ntlm, certificate, or basic (https or loopback only)",
        "credential": "a table of [credentials]",
        "ca": "the authority that has issued the host's certificate, in PEM; left out, those of the bot's machine",
    }),
    "[environments.NAME]": (Environment, {
        "backend": "a table of [hosts]",
        "frontends": "more of them, worked on one after another; left out for a single server",
        "package": "what `/nps upgrade NAME` means",
        "service": "found when left out",
        "dcom_application": "found when left out",
        "folder": "found when left out",
        "dcom_backend": "what DCOM on the frontends must point at; the backend's host name when left out",
        "backups": "a folder on the backend; each run has one below it",
        "keep_backups": "so many, the newest, are kept",
        "stop_service": "stop the service while its files are copied",
        "production": "refuse it in a Slack channel that is shared with another organisation",
        "channel": "where its runs are told; [slack] has the default",
        "admins": "[slack] has the default",
        "may_run": "who may upgrade, back up, restart, decide at gates; left out: admins",
        "approvers": "who may approve; left out: everybody in may_run",
        "approvals": "so many, never the requester's own; 0 means no second person",
        "approval_expires": "after so long a plan that nobody approved ends",
        "remind_after": "[slack] has the default",
        "escalate_after": "[slack] has the default",
        "time_zone": "deadlines are told by its clocks too, such as \"Europe/Berlin\"",
    }),
    "[[freezes]]": (Freeze, {
        "time_zone": "by whose clocks `from` and `to` are meant",
        "from": "a local time (2026-12-18T18:00:00), or every week (\"Friday 16:00\")",
        "to": "the same",
        "environments": "which",
        "reason": "people read it when they are refused",
    }),
}  # fmt: skip


def keys(model: type[BaseModel]) -> dict[str, str]:
    """Each key as it is written in the file, and its default."""
    return {field.alias or name: _default(field) for name, field in model.model_fields.items()}


def _default(field: Any) -> str:
    if field.is_required():
        return "must be given"
    value = field.default
    if isinstance(value, timedelta):
        hours = value.total_seconds() / 3600
        return f'"{hours:g}h"' if hours >= 1 else f'"{hours * 60:g}m"'
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool | int) else f'"{value}"'


def written() -> str:
    return "\n".join([INTRODUCTION, *_tables()])


def _tables() -> Iterator[str]:
    for title, (model, told) in TABLES.items():
        rows = [f"| `{key}` | {default} | {told[key]} |" for key, default in keys(model).items()]
        yield "\n".join([f"## `{title}`", "", "| key | default | meaning |", "|---|---|---|", *rows, ""])


if __name__ == "__main__":
    PAGE.write_text(written(), encoding="utf-8")
