"""Puts everything together; the only module that knows everybody. One process on its data folder is the bot."""

import fcntl
import logging
import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

import runbooks  # noqa: F401  (registers them)
from bot import heartbeat
from bot.audit import Audit, Draft, Homes, Outbox
from bot.errors import SettingsFault
from bot.events import Actor, Configured
from bot.followers.home import Home
from bot.followers.terminal import Terminal
from bot.followers.thread import Thread
from bot.heartbeat import Heartbeat, tell_absence
from bot.intake import Caller, Intake
from bot.loop import Loop
from bot.runs import engine
from bot.runs.delivering import Deliveries
from bot.runs.dispatcher import Dispatcher
from bot.runs.engine import Engine
from bot.runs.hosts import SWEEP_EVERY, Hosts
from bot.runs.installers import Installers
from bot.runs.logs import Logs
from bot.runs.operations import Operator
from bot.runs.settling import Settling
from bot.runs.walker import Walker
from bot.schedule import Clock
from bot.settings import Settings
from bot.slack import listeners
from bot.slack.channels import channels
from bot.slack.delivery import Delivery
from bot.slack.entrance import Entrance
from bot.slack.groups import groups
from bot.slack.keeping import REFRESH_EVERY
from bot.slack.listeners import Connection
from bot.slack.own_team import OwnTeam
from bot.slack.publishing import Publisher
from bot.windows import kerberos

STOP_WITHIN, STAND_BY = 25.0, 1.0
SLACK_API = "https://slack.com/api/"
log = logging.getLogger("nps")


class SlackAccess:
    """The tokens and the address from the environment; None of both tokens means that only the terminal is served."""

    def __init__(self, settings: Settings) -> None:
        self.bot_token = os.environ.get("SLACK_BOT_TOKEN", "")
        self.app_token = os.environ.get("SLACK_APP_TOKEN", "")
        self.url = os.environ.get("SLACK_API_URL") or SLACK_API
        self.wanted = bool(self.bot_token or self.app_token)
        if not self.wanted:
            return
        for name, value in (("SLACK_BOT_TOKEN", self.bot_token), ("SLACK_APP_TOKEN", self.app_token)):
            if not value:
                raise SettingsFault(
                    f"{name} is not set, but the other Slack token is.", "Set both, or neither for the terminal alone."
                )
        parts = urlsplit(self.url)
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise SettingsFault("SLACK_API_URL should be https; plain http goes to loopback only.")
        untold = [name for name in settings.environments if settings.channel(name) is None]
        if untold:
            raise SettingsFault(f"{', '.join(untold)} has no Slack channel.", "Set [slack] channel in nps.toml.")


def secrets(slack: SlackAccess, passwords: Mapping[str, SecretStr]) -> list[str]:
    """Every secret that the bot knows, for masking."""
    found = [slack.bot_token, slack.app_token, *(password.get_secret_value() for password in passwords.values())]
    return [secret for secret in found if secret]


def look_for_extras(settings: Settings) -> None:
    """Raises a SettingsFault where a host needs a library that is not installed."""
    hosts = [name for name, host in settings.hosts.items() if host.auth == "kerberos"]
    if hosts and (lack := kerberos.lack()):
        raise SettingsFault("\n".join(f"[hosts.{name}] auth: {lack}" for name in hosts))


class DataLock:
    """The data folder's lock: held by the bot, waited for by one that stands by."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / "lock").open("w")

    def take(self, asked_to_end: threading.Event) -> bool:
        """True once the folder is ours, False where the process is to end before; says so where it must wait."""
        if self._is_ours():
            return True
        log.warning("Another nps serve runs on this folder. This one stands by and takes over when it ends.")
        while not asked_to_end.wait(STAND_BY):
            if self._is_ours():
                return True
        return False

    def _is_ours(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class Bot:
    """The parts of a running bot, started in an order in which each finds what it needs."""

    def __init__(
        self, settings: Settings, slack: SlackAccess, passwords: Mapping[str, SecretStr], lock: DataLock
    ) -> None:
        known = secrets(slack, passwords)
        self._lock = lock
        self._heartbeat = Heartbeat(settings.data)
        self.audit = Audit(settings.audit, known)
        self._tell_settings(settings)
        outbox = Outbox(self.audit)
        self.intake = Intake(settings, self.audit)
        self._engine = Engine(settings.engine, self.audit.store)
        hosts = Hosts(settings, passwords)
        desk = (settings, self.audit, hosts, Logs(settings.data, known))
        Walker(Operator(*desk), Installers(*desk), Deliveries(*desk), Settling(*desk))
        self._clock = Clock()
        self._clock.every(SWEEP_EVERY, hosts.close_idle)
        self._dispatcher = Dispatcher(settings, self.audit, self._engine)
        self._clock.every(heartbeat.EVERY, self._beat)
        self._terminal = Terminal(settings.data, self.audit, self.intake)
        self._parts: list[Loop | Connection] = []
        if slack.wanted:
            web = listeners.client(slack.bot_token, slack.url)
            team = OwnTeam(web)
            for keeper in (team.keeper, groups(self.audit, settings, web), channels(self.audit, settings, web)):
                self._clock.every(REFRESH_EVERY, keeper.refresh)
            homes = Homes(self.audit)
            bolt = listeners.app(web, self.intake, team, homes)
            Entrance(settings, homes, outbox).add_to(bolt)
            home = Home(self.audit, settings, homes, self._slack_person, Publisher(web))
            connection = Connection(bolt, slack.app_token, slack.url)
            self._parts = [
                Thread(self.audit, outbox).loop, Delivery(self.audit, outbox, web).loop, home.loop, connection,
            ]  # fmt: skip

    def _slack_person(self, account: str) -> Actor:
        return self.intake.actor(Caller(account=f"slack:{account}", shown=account, key=""))

    def _tell_settings(self, settings: Settings) -> None:
        last, now = self.audit.last("Configured"), settings.public()
        if last is None or not isinstance(last.event, Configured) or last.event.settings != now:
            self.audit.append(None, lambda _: [Draft(event=Configured(settings=now))])

    def _beat(self) -> None:
        """A bot whose dispatcher is stuck is not healthy, however alive its process is."""
        if self._dispatcher.loop.is_well():
            self._heartbeat.touch()

    def start(self) -> None:
        """The absence is told once all parts are there, for a start that fails before listens to nobody."""
        until = self.audit.now()
        self._engine.launch()
        tell_absence(self.audit, self._heartbeat, until)
        self._dispatcher.loop.start()
        for part in self._parts:
            part.start()
        self._terminal.start()
        self._clock.start()

    def stop(self) -> None:
        """No new work, running steps end, then everything closes; what hangs is left, for the process ends anyway."""
        self._heartbeat.stop()
        stops = [self._clock.stop, self._terminal.stop, self._dispatcher.loop.stop, self._engine.stop]
        for stop in (*stops, *(part.stop for part in reversed(self._parts))):
            stopping = threading.Thread(target=stop, daemon=True)
            stopping.start()
            stopping.join(STOP_WITHIN)
            if stopping.is_alive():
                log.warning("%s did not stop in time; it is left behind.", stop.__qualname__)


def serve(settings: Settings) -> None:
    """Runs the bot until SIGTERM or SIGINT, then ends the process."""
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    slack = SlackAccess(settings)
    look_for_extras(settings)
    passwords = settings.passwords()
    lock = DataLock(settings.data)
    if not lock.take(asked):
        return
    bot = Bot(settings, slack, passwords, lock)
    bot.start()
    where = "" if slack.wanted else " No Slack tokens are set: the terminal alone is served."
    log.info("nps-bot serves %s.%s", ", ".join(settings.environments) or "no environment", where)
    asked.wait()
    log.info("Stopping: running steps are let finish.")
    bot.stop()
    engine.end_process(0)
