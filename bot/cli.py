"""The program `nps`: every fault is a sentence on stderr and an exit code, never a trace."""

import json
import logging
import shutil
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from bot.errors import BadInput, NpsError, SettingsFault
from bot.settings import load
from bot.texts import visible

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Netwrix Password Secure upgrades, from Slack.",
)
audit_app = typer.Typer(no_args_is_help=True, help="The audit trail: verify it, show a run.")
app.add_typer(audit_app, name="audit")

Config = Annotated[Path, typer.Option("--config", envvar="NPS_CONFIG", help="The settings.", show_default=True)]
CONFIG = Path("nps.toml")
WIDE = 240


def main() -> None:
    """Runs the program; an NpsError is printed and ends with 2 for bad input and settings, 1 for the rest."""
    try:
        app()
    except NpsError as fault:
        _print(str(fault), stderr=True)
        sys.exit(2 if isinstance(fault, BadInput | SettingsFault) else 1)
    except OSError as fault:
        _print(f"{fault.filename or 'nps'}: {fault.strerror or fault}.", stderr=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _print(sentences: str, *, stderr: bool = False) -> None:
    shown = "\n".join(visible(line) for line in sentences.split("\n"))
    Console(stderr=stderr, soft_wrap=True).print(Text(shown))


def _log() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for noisy in ("apscheduler", "slack_bolt", "slack_sdk", "dbos", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


@app.command()
def serve(config: Config = CONFIG) -> None:
    """Run the bot."""
    from bot.app import serve as run

    _log()
    run(load(config))


@app.command()
def do(
    text: Annotated[str, typer.Argument(help='A command as in Slack, such as "upgrade prod-dmz because CR-1234".')],
    config: Config = CONFIG,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return once it is recorded.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer and each event as a line of JSON.")] = False,
) -> None:
    """Ask the running bot, and follow the run to its end."""
    from bot.do import do as ask

    sys.exit(ask(load(config).data, text, wait=not no_wait, as_json=as_json))


@app.command()
def health(config: Config = CONFIG) -> None:
    """Exit 0 while the bot's heartbeat is fresh."""
    from bot import heartbeat

    beat = load(config).data / heartbeat.NAME
    age = time.time() - beat.stat().st_mtime if beat.exists() else None
    if age is None or age > heartbeat.OLD:
        raise NpsError(
            "The bot does not run." if age is None else f"The bot's last heartbeat is {age:.0f} s old.",
            "Look at its log.",
        )
    _print("healthy")


@app.command()
def doctor(
    config: Config = CONFIG,
    record: Annotated[
        Path | None, typer.Option("--record", help="Keep what the hosts answer in this new file, secrets masked.")
    ] = None,
    names: Annotated[bool, typer.Option("--names", help="Leave the hosts' names in the recording.")] = False,
) -> None:
    """Look at all that the bot needs, hosts and Slack, and change nothing; exit 1 where something is wrong."""
    from bot.doctor import WIDTH, examine
    from bot.windows.recording import Recording

    wide = min(shutil.get_terminal_size((WIDTH, 24)).columns, WIDTH)
    findings = []
    for finding in examine(config, Recording(record, names=names) if record else None):
        _print(finding.shown(wide))
        findings.append(finding)
    sys.exit(any(finding.kind == "wrong" for finding in findings))


@app.command()
def manifest() -> None:
    """Print the manifest of the Slack app."""
    from bot.slack.manifest import manifest as made

    sys.stdout.write(json.dumps(made(), indent=2) + "\n")


@app.command()
def demo() -> None:
    """Show an upgrade in a lab on this machine: a pretend Slack, two pretend servers, the real bot."""
    try:
        from bot.lab.demo import demo as run
    except ModuleNotFoundError as fault:
        raise NpsError(
            f"The demo needs {fault.name}, which a bot does not.", "In a clone of the project, run: make demo"
        ) from fault
    sys.exit(run())


@audit_app.command("verify")
def audit_verify(
    config: Config = CONFIG,
    head: Annotated[
        list[str] | None, typer.Option("--head", help="SEQ:HASH from a run's thread; shows a cut tail.")
    ] = None,
) -> None:
    """Check every row of the audit trail against the chain."""
    from bot.audit import Reader, verify

    path = load(config).audit
    rows = list(Reader(path).rows())
    breaks = list(verify(rows, [_head(text) for text in head or []]))
    for found in breaks:
        _print(f"{path}: {found.sentence}.")
    if breaks:
        sys.exit(1)
    last = rows[-1] if rows else None
    head_now = f" Head {last['seq']}:{last['hash']}" if last else ""
    _print(f"{len(rows)} rows, none changed, missing or reordered.{head_now}")


def _head(text: str) -> tuple[int, str]:
    seq, _, name = text.partition(":")
    if not seq.isdigit() or len(name) < 12:
        raise BadInput(f"“{text[:60]}” is no head.", "It is printed at the end of a run's thread, as SEQ:HASH.")
    return int(seq), name.lower()


@audit_app.command("show")
def audit_show(
    run: str,
    config: Config = CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON an event.")] = False,
) -> None:
    """Print every event of a run: when, who, on whose word, what."""
    from bot.audit import Reader
    from bot.followers.terminal import event_data

    events = Reader(load(config).audit).events(run)
    if not events:
        raise BadInput(f"The audit trail has no run “{run[:60]}”.", 'Type: nps do "history"')
    if as_json:
        for item in events:
            sys.stdout.write(json.dumps(event_data(item), ensure_ascii=False) + "\n")
        return
    from bot.audit.show import table

    console = Console()
    (console if console.is_terminal else Console(width=WIDE)).print(table(events))
