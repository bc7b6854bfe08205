"""Looks at everything that the bot needs, all hosts at once, and says in a line each what is wrong and what to do.

It only reads: no event, no lock, no file but a recording that was asked for, so it may run beside a living bot. It asks
no host whose credential was just refused elsewhere: that could lock the account.
"""

import os
import shutil
import stat
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

from pydantic import SecretStr

import runbooks  # noqa: F401  (registers them)
from bot import heartbeat
from bot.app import SlackAccess, look_for_extras
from bot.errors import HostError, NpsError, SettingsFault
from bot.events import Requested
from bot.plan import HostRef, Plan
from bot.runs import preflight
from bot.runs.asking import Asking
from bot.runs.hosts import login
from bot.runs.planner import make_plan
from bot.settings import Settings, load
from bot.slack.channels import named_channels
from bot.slack.groups import named_groups
from bot.slack.looking import Look
from bot.texts import visible
from bot.windows.facts import HostFacts, Query
from bot.windows.host import Host
from bot.windows.recording import Recording
from bot.windows.states import EXECUTABLE

WIDTH = 80
ROOM = 1_000_000_000
"""What logs, audit and engine want on the bot's own disk."""
Kind = Literal["ok", "note", "wrong"]
Read = Mapping[str, HostFacts | HostError]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line; `wrong` makes the exit code 1, a `note` is for a person to judge."""

    kind: Kind
    about: str
    sentence: str
    next_move: str = ""

    def shown(self, width: int = WIDTH) -> str:
        """Wrapped, the lines after the first set in."""
        told = visible(f"{self.about}: {self.sentence} {self.next_move}".strip())
        return textwrap.fill(
            told, width, initial_indent=f"{self.kind:<7}", subsequent_indent=" " * 7, break_on_hyphens=False
        )


def examine(path: Path, recording: Recording | None = None) -> Iterator[Finding]:
    """All findings, in the order of what hangs on what; a faulty nps.toml is the only one then."""
    try:
        settings = load(path)
    except SettingsFault as fault:
        yield from (_wrong("nps.toml", line) for line in fault.sentence.splitlines())
        return
    hosts = ", ".join(settings.hosts) or "none"
    yield Finding(kind="ok", about="nps.toml", sentence=f"no fault. Hosts: {hosts}.")
    yield _data_folder(settings)
    yield from _slack(settings)
    passwords: dict[str, SecretStr] = {}
    secrets = list(_secrets(settings, passwords))
    yield from secrets
    lacking = {finding.about for finding in secrets if finding.kind == "wrong"}
    yield from _hosts(settings, passwords, lacking, recording)
    if recording:
        told = f"{recording.save()} answers are in {recording.path}, passwords and users masked."
        yield Finding(kind="note", about="recording", sentence=told, next_move="Read it before you give it away.")


def _wrong(about: str, sentence: str, next_move: str = "") -> Finding:
    return Finding(kind="wrong", about=about, sentence=sentence, next_move=next_move)


def _fault(about: str, fault: NpsError) -> Finding:
    return _wrong(about, fault.sentence, fault.next_move)


# --- the bot's own machine --------------------------------------------------------------------------------------------


def _data_folder(settings: Settings) -> Finding:
    """The folder itself, or where it would be made."""
    folder = settings.data
    there = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return _wrong("data folder", f"{there} is no folder that this user may write.", "Give it to the bot's user.")
    free = shutil.disk_usage(there).free
    if free < ROOM:
        return _wrong("data folder", f"{folder} has only {free // 1_000_000} MB of room.", "Make room there.")
    beat = folder / heartbeat.NAME
    lives = beat.exists() and time.time() - beat.stat().st_mtime < heartbeat.OLD
    return Finding(kind="ok", about="data folder", sentence=f"{folder}. {'A' if lives else 'No'} bot runs on it.")


def _slack(settings: Settings) -> Iterator[Finding]:
    try:
        access = SlackAccess(settings)
    except SettingsFault as fault:
        yield _fault("Slack", fault)
        return
    if not access.wanted:
        yield Finding(kind="note", about="Slack", sentence="no tokens are set, so the terminal alone is served.")
        return
    shapes = (("SLACK_BOT_TOKEN", access.bot_token, "xoxb-"), ("SLACK_APP_TOKEN", access.app_token, "xapp-"))
    misshapen = [(name, begins) for name, token, begins in shapes if not token.startswith(begins)]
    for name, begins in misshapen:
        yield _wrong("Slack", f"{name} does not begin with {begins}.", "Were the two tokens exchanged?")
    if not misshapen:
        yield from _workspace(settings, Look(access.bot_token, access.url))


def _workspace(settings: Settings, look: Look) -> Iterator[Finding]:
    """What nps.toml names there; where the token is not taken, nothing more is asked."""
    who = _looked("Slack", look.who)
    yield who
    if who.kind == "ok":
        for channel, production in named_channels(settings).items():
            yield _looked(f"channel {channel}", partial(look.channel, channel, production))
        for group in named_groups(settings):
            yield _looked(f"user group {group}", partial(look.group, group))


def _looked(about: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(kind="ok", about=about, sentence=look())
    except NpsError as fault:
        return _fault(about, fault)


def _secrets(settings: Settings, found: dict[str, SecretStr]) -> Iterator[Finding]:
    """Each credential by itself, so that one that lacks hides no other; what is had goes into `found`."""
    for name, credential in settings.credentials.items():
        try:
            password = credential.resolve()
        except SettingsFault as fault:
            yield _fault(f"[credentials.{name}]", fault)
        else:
            found |= {name: password} if password else {}
        for file in (credential.key, credential.password and credential.password.file):
            if file and _is_open(file):
                told = f"everybody on this machine may read {file}."
                yield Finding(kind="note", about=f"[credentials.{name}]", sentence=told, next_move=f"chmod 600 {file}")
    try:
        look_for_extras(settings)
    except SettingsFault as fault:
        yield from (_wrong("Kerberos", line) for line in fault.sentence.splitlines())


def _is_open(file: Path) -> bool:
    """Not what this user can't look at: the service's own folder may be closed to them."""
    try:
        return bool(file.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


# --- the hosts --------------------------------------------------------------------------------------------------------


def _hosts(
    settings: Settings, passwords: Mapping[str, SecretStr], lacking: set[str], recording: Recording | None
) -> Iterator[Finding]:
    plans: list[Plan] = []
    for name in settings.environments:
        try:
            plans.append(_plan(settings, name))
        except NpsError as fault:
            yield _fault(name, fault)
    queries = {ref.name: plan.host_query(ref.name) for plan in plans for ref in plan.hosts}
    read = _read_all(settings, passwords, queries, lacking, recording)
    now = datetime.now(UTC)
    concerns = {host: finding for plan in plans for host, finding in _concerns(plan, read, now).items()}
    for host, found in read.items():
        if isinstance(found, HostError):
            yield _fault(host, found)
        else:
            yield from concerns.get(host) or [_well(settings, host, found)]


def _plan(settings: Settings, environment: str) -> Plan:
    request = Requested(
        runbook="upgrade", environment=environment, package=settings.environments[environment].package, reason="",
        text="", approvals=0, channel=None, only_plan=True,
    )  # fmt: skip
    return make_plan(settings, request, f"{environment}-0")


def _read_all(
    settings: Settings, passwords: Mapping[str, SecretStr], queries: Mapping[str, Query], lacking: set[str],
    recording: Recording | None,
) -> Read:  # fmt: skip
    def ask(host: str, taken: threading.Event) -> HostFacts | HostError:
        try:
            known = login(settings, passwords, HostRef(name=host, url=settings.hosts[host].url))
            made = Host(known, recording.of(known) if recording else None)
        except HostError as fault:
            return fault
        made.channel.meter.accepted = taken
        try:
            return made.observe(queries.get(host, Query()))
        except HostError as fault:
            return fault
        finally:
            made.close()

    credentials = {name: section.credential for name, section in settings.hosts.items()}
    had = [host for host, credential in credentials.items() if f"[credentials.{credential}]" not in lacking]
    answers = Asking(credentials).all(had, ask)
    untold = {host: HostError(host, f"not asked, for {credentials[host]} is not to be had.") for host in credentials}
    return untold | answers


def _concerns(plan: Plan, read: Read, now: datetime) -> dict[str, list[Finding]]:
    asked = {ref.name: read[ref.name] for ref in plan.hosts}
    facts = {host: seen for host, seen in asked.items() if isinstance(seen, HostFacts)}
    found: dict[str, list[Finding]] = {host: list(_package(plan, seen, host)) for host, seen in facts.items()}
    for concern in preflight.judged(plan, facts, now):
        host, _, key = concern.key.partition(":")
        sentence = concern.sentence.removeprefix(f"{host}: ")
        kind: Kind = "wrong" if concern.stops or key == "service" else "note"
        found[host].append(Finding(kind=kind, about=host, sentence=sentence, next_move=concern.next_move))
    return found


def _package(plan: Plan, facts: HostFacts, host: str) -> Iterator[Finding]:
    """Only what an administrator has to put there; the rest the bot brings."""
    package = plan.package
    if package is None or package.url or package.upload:
        return
    if facts.package is None:
        yield _wrong(host, f"the installer {package.path} is not there.", "Put it there, or name another source.")
    elif facts.package.sha256 != package.sha256:
        yield _wrong(host, f"{package.path} is not the file whose sha256 nps.toml has.", "Put the right file there.")


def _well(settings: Settings, host: str, facts: HostFacts) -> Finding:
    section = settings.hosts[host]
    product = (
        f"{facts.service.name} {facts.version(EXECUTABLE) or 'without a version'}" if facts.service else "no product"
    )
    told = f"{facts.computer} by {section.auth}, PowerShell {facts.powershell}, {product}."
    return Finding(kind="ok", about=host, sentence=told)
