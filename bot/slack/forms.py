"""The form of an upgrade and the buttons of the home: what they ask becomes a command, as if it were typed."""

from dataclasses import replace
from typing import Any

from slack_bolt import Ack

from bot.commands import Command
from bot.intake import Answer, Caller, Intake
from bot.plan import digest
from bot.slack.calling import Callers, Modals, Payload, guarded
from bot.slack.modals import UPGRADE_LINE, told, upgrade_form
from bot.texts import clean, plain, short

NO_FORM = f"The form could not be opened. Type: `/nps {UPGRADE_LINE}`"
NOTHING_TO_CHOOSE = "There is no environment that you may upgrade. Ask those in may_run, or an admin of nps-bot."


class Forms:
    """A press in the home has no message to answer under, so the answer is a modal."""

    def __init__(self, intake: Intake, modals: Modals, callers: Callers) -> None:
        self._intake, self._modals, self._callers = intake, modals, callers

    def open(self, asked: Command, by: Caller, trigger: str) -> Answer | None:
        """Opens the upgrade's form; where it can't, what the person is told instead."""
        if by.stranger:
            return guarded(lambda: self._intake.press(asked, by))
        own = self._intake.upgradable(by)
        if not own:
            return Answer(text=NOTHING_TO_CHOOSE, kind="told")
        chosen = asked.environment if asked.environment in own else None
        view = upgrade_form(own, self._intake.packages(), by.channel or "", chosen, asked.reason)
        return None if self._modals.open(trigger, view) else Answer(text=NO_FORM, kind="told")

    def press(self, ack: Ack, body: Payload, action: Payload) -> None:
        """A button of the home."""
        word, value = action["action_id"].removeprefix("home:"), str(action.get("value", ""))
        if word == "open":
            ack()  # a link: the browser follows it, and tells the bot only that it did
            return
        by = self._callers.pressed(body)
        if word == "upgrade":
            ack()
            answer = self.open(Command(word=word, environment=value), by, body["trigger_id"])
        else:
            answer = guarded(lambda: self._intake.press(Command(word=word, environment=value), by))
            ack()
        if answer:
            self._modals.open(body["trigger_id"], told(answer.text))

    def submit(self, ack: Ack, body: Payload, view: Payload) -> None:
        """The form, filled in; it stays open with a sentence where that is no upgrade."""
        asked = filled(view["state"]["values"])
        # one act a choice: the same delivery twice is one, another choice after a refusal is judged anew
        key = f"slack:view:{view['id']}:{digest([asked.environment, asked.package, asked.reason])}"
        by = replace(self._callers.pressed(body), key=key, channel=view.get("private_metadata") or None)
        answer = guarded(lambda: self._intake.press(asked, by))
        if answer.kind == "recorded":
            ack(response_action="update", view=told(answer.text))
        else:
            ack(response_action="errors", errors={"environment": short(plain(answer.text), 140)})


def filled(values: dict[str, Any]) -> Command:
    """The command that a filled form says."""

    def chosen(name: str) -> str | None:
        option = values[name][name].get("selected_option")
        return str(option["value"]) if option else None

    reason = short(clean(values["reason"]["reason"].get("value") or ""), 500)
    return Command(word="upgrade", environment=chosen("environment"), package=chosen("package"), reason=reason)
