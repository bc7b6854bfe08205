"""The form of an upgrade and the buttons of the home: what they ask becomes a command, as if it were typed."""

from dataclasses import replace
from typing import Any

from slack_bolt import Ack

from bot.audit import Homes
from bot.commands import Command
from bot.intake import Answer, Caller, Intake
from bot.slack.calling import Callers, Modals, Payload, guarded
from bot.slack.modals import UPGRADE_LINE, UpgradeForm, told
from bot.texts import clean, short

NO_FORM = f"The form could not be opened. Type: `/nps {UPGRADE_LINE}`"
NOTHING_TO_CHOOSE = "There is no environment that you may upgrade. Ask those in may_run, or an admin of nps-bot."


class Forms:
    """A press in the home has no message to answer under, so the answer is a modal, or stands in the home itself."""

    def __init__(self, intake: Intake, modals: Modals, callers: Callers, homes: Homes) -> None:
        self._intake, self._modals, self._callers, self._homes = intake, modals, callers, homes

    def open(self, asked: Command, by: Caller, trigger: str) -> Answer | None:
        """Opens the upgrade's form; where it can't, what the person is told instead."""
        if by.stranger:
            return guarded(lambda: self._intake.press(asked, by))
        own = self._intake.upgradable(by)
        if not own:
            return Answer(text=NOTHING_TO_CHOOSE, kind="told")
        form = UpgradeForm(own=own, versions=self._intake.packages(), asked=asked, origin=by.channel or "")
        return None if self._modals.open(trigger, form.view()) else Answer(text=NO_FORM, kind="told")

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
        if answer and not self._modals.open(body["trigger_id"], told(answer.text)):
            self._homes.noted(str(body["user"]["id"]), answer.text)

    def submit(self, ack: Ack, body: Payload, view: Payload) -> None:
        """The form, filled in; refused, it stays open and says why."""
        asked = filled(view["state"]["values"])
        origin, _, turn = view["private_metadata"].partition("|")
        by = replace(self._callers.pressed(body), key=f"slack:view:{view['id']}:{turn}", channel=origin or None)
        answer = guarded(lambda: self._intake.press(asked, by))
        if answer.kind == "recorded":
            ack(response_action="update", view=told(answer.text))
            return
        form = UpgradeForm(
            own=self._intake.upgradable(by), versions=self._intake.packages(), asked=asked, origin=origin,
            turn=int(turn) + 1, refusal=answer.text,
        )  # fmt: skip
        ack(response_action="update", view=form.view() if form.own else told(answer.text))


def filled(values: dict[str, Any]) -> Command:
    """The command that a filled form says."""

    def chosen(name: str) -> str | None:
        option = values[name][name].get("selected_option")
        return str(option["value"]) if option else None

    reason = short(clean(values["reason"]["reason"].get("value") or ""), 500)
    return Command(word="upgrade", environment=chosen("environment"), package=chosen("package"), reason=reason)
