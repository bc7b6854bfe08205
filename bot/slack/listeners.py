"""What people do in Slack: parse, judge, append, ack, answer, and nothing else. No listener waits for a run, a
server or the engine."""

import logging
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from slack_bolt import Ack, App, Respond
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

from bot.audit import Homes
from bot.commands import Command, form
from bot.intake import Answer, Intake
from bot.plan import digest
from bot.slack.answering import Whisper, thread_of
from bot.slack.calling import Callers, Modals, Payload, guarded
from bot.slack.forms import Forms
from bot.slack.modals import reason_modal
from bot.slack.own_team import OwnTeam
from bot.texts import clean, plain, short

log = logging.getLogger("nps.slack")
FIELD = 300
"""What is told below a field of a modal; more is not read there."""
THREADS = 20
PING_EVERY = 2.0
"""A socket that was cut is noticed at the second ping; until then whatever people press is lost."""


def client(token: str, base_url: str) -> WebClient:
    """A client that repeats no call by itself: a lost answer must not become a second post (facts/engine-slack.md,
    C2)."""
    return WebClient(token=token, base_url=base_url, timeout=10, retry_handlers=[])


def app(web: WebClient, intake: Intake, team: OwnTeam, homes: Homes) -> App:
    """The Bolt app with its listeners."""

    def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        # without this, the first ack would wait for auth.test
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token=web.token)

    made = App(
        client=web, authorize=authorize, listener_executor=ThreadPoolExecutor(THREADS),
        logger=logging.getLogger("slack_bolt"), raise_error_for_unhandled_request=False,
    )  # fmt: skip
    modals, callers = Modals(web), Callers(team)
    forms = Forms(intake, modals, callers, homes)
    listeners = Listeners(intake, modals, forms, callers, Whisper(web))
    made.command("/nps")(listeners.command)
    made.action(re.compile(r"^nps:"))(listeners.press)
    made.view(re.compile(r"^nps:"))(listeners.submit)
    made.action(re.compile(r"^home:"))(forms.press)
    made.view("form:upgrade")(forms.submit)
    return made


class Listeners:
    """Three ways in, one front desk."""

    def __init__(self, intake: Intake, modals: Modals, forms: Forms, callers: Callers, whisper: Whisper) -> None:
        self._intake, self._modals, self._forms = intake, modals, forms
        self._callers, self._whisper = callers, whisper

    def command(self, ack: Ack, command: Payload, respond: Respond) -> None:
        """A typed command; the answer travels in the ack, but for a form, which may be slow to open."""
        by = self._callers.typed(command)
        if asked := form(command.get("text", "")):
            ack()
            if told := self._forms.open(asked, by, command["trigger_id"]):
                self._whisper.answer(respond, told, by)
            return
        answer = guarded(lambda: self._intake.text(command.get("text", ""), by))
        ack(text=answer.text, response_type="ephemeral")

    def press(self, ack: Ack, body: Payload, action: Payload, respond: Respond) -> None:
        """A button: judged, acked, then a modal where it is allowed and a reason is wanted, else its private answer."""
        word, value = action["action_id"].removeprefix("nps:"), str(action.get("value", ""))
        run, _, detail = value.partition("|")
        by = self._callers.pressed(body)
        answer = guarded(lambda: self._intake.press(decision(word, run, detail, ""), by))
        ack()
        if answer.kind == "asks":
            if self._modals.open(body["trigger_id"], reason_modal(word, run, value, answer.text, answer.proposal)):
                return
            answer = Answer(text=f"Type: `/nps {word} {run} because REASON`", kind="told")
        self._whisper.answer(respond, answer, by, thread_of(body))

    def submit(self, ack: Ack, body: Payload, view: Payload) -> None:
        """A reason given in a modal."""
        word = view["callback_id"].removeprefix("nps:")
        run, _, detail = view["private_metadata"].partition("|")
        reason = short(clean(view["state"]["values"]["reason"]["reason"].get("value") or ""), 500)
        if not reason:
            ack(response_action="errors", errors={"reason": "A few words for the thread and the audit."})
            return
        # one act a reason: the same delivery twice is one, another reason after a refusal is judged anew
        key = f"slack:view:{view['id']}:{digest(reason)}"
        by = replace(self._callers.pressed(body), key=key)
        answer = guarded(lambda: self._intake.press(decision(word, run, detail, reason), by))
        if answer.kind == "recorded":
            ack()
        else:
            ack(response_action="errors", errors={"reason": short(plain(answer.text), FIELD)})


def decision(word: str, run: str, detail: str, reason: str) -> Command:
    """What a button's value says: the hash of what is approved or turned down, a gate for what is decided at one."""
    if word == "unlock":
        return Command(word=word, environment=run, gate=detail or None, reason=reason)
    if word in ("approve", "reject"):
        return Command(word=word, run=run, hash=detail or None, reason=reason)
    return Command(word=word, run=run, gate=detail or None, reason=reason)


class Connection:
    """Socket Mode, connected in a loop of its own: Slack may be away when the bot starts, and the bot starts all the
    same."""

    def __init__(self, bolt: App, app_token: str, base_url: str) -> None:
        self._handler = SocketModeHandler(
            bolt, app_token, web_client=client(app_token, base_url), ping_interval=PING_EVERY
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._connect, name="socket mode", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._handler.close()  # type: ignore[no-untyped-call]
        self._thread.join()

    def _connect(self) -> None:
        pause = 0.5
        while not self._stop.is_set():
            try:
                self._handler.client.wss_uri = None  # an address serves one try
                self._handler.connect()  # type: ignore[no-untyped-call]
            except Exception as fault:  # slack_sdk raises bare Exception where the socket can't be opened
                pause = min(5.0, pause * 2)
                log.warning("Slack can't be reached (%s); the next try is in %.0f s.", type(fault).__name__, pause)
                self._stop.wait(pause)
            else:
                log.info("Connected to Slack.")
                return
