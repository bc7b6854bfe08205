"""The Web API methods that show modals and homes: views.*; and what an answer to a submission does to a modal."""

from dataclasses import dataclass
from typing import Any

from . import args as take
from .chat import refuse_faulty, with_ids
from .limits import block_faults, view_faults
from .model import APP, BOT, TEAM, Json, SlackError, View
from .workspace import Workspace

MOST_BLOCKS = 100
COPIED = ("type", "title", "submit", "close", "private_metadata", "callback_id", "external_id", "notify_on_close")


@dataclass(frozen=True, kw_only=True)
class Views:
    """Opens, changes and publishes for the bot."""

    workspace: Workspace

    def open(self, args: Json) -> Json:
        """views.open."""
        wanted = self._wanted(args, "modal")
        person = self.workspace.use_trigger(take.needed(args, "trigger_id", "invalid_trigger_id"))
        return {"view": self.show_modal(person, wanted)}

    def update(self, args: Json) -> Json:
        """views.update, by view_id or external_id."""
        old = self.workspace.view(take.text(args, "view_id") or take.needed(args, "external_id", "not_found"))
        self._refuse_stale(args, old)
        view = self.made(old.person, self._wanted(args, old.body["type"]), old)
        self.workspace.replace_view(view)
        return {"view": view.body}

    def publish(self, args: Json) -> Json:
        """views.publish: the whole home of one person, each time."""
        person = take.needed(args, "user_id", "invalid_user_id")
        if person not in self.workspace.people:
            raise SlackError("invalid_user_id")
        old = self.workspace.homes.get(person)
        if old is not None:
            self._refuse_stale(args, old)
        view = self.made(person, self._wanted(args, "home"), old)
        with self.workspace.changed:
            self.workspace.homes[person] = view
            self.workspace.touch()
        return {"view": view.body}

    def show_modal(self, person: str, wanted: Json) -> Json:
        """Lay a new modal on top of what the person has open."""
        view = self.made(person, wanted, None)
        self.workspace.open_modal(view)
        return view.body

    def made(self, person: str, wanted: Json, old: View | None) -> View:
        """The view as Slack keeps it; an id lasts, a hash is new each time."""
        refuse_faulty(view_faults(wanted), "invalid_arguments")
        refuse_faulty(block_faults(wanted["blocks"], at_most=MOST_BLOCKS), "invalid_arguments")
        view_id = old.id if old else self.workspace.new_id("V")
        defaults = {"private_metadata": "", "callback_id": "", "external_id": "", "notify_on_close": False}
        body = {
            "id": view_id,
            "team_id": TEAM,
            "app_id": APP,
            "app_installed_team_id": TEAM,
            "bot_id": BOT,
            **defaults,
            **{key: wanted[key] for key in COPIED if key in wanted},
            "blocks": list(with_ids(wanted["blocks"], self.workspace)),
            "state": {"values": {}},
            "hash": f"{int(self.workspace.clock())}.{self.workspace.new_id('h')}",
            "clear_on_close": False,
            "root_view_id": old.body["root_view_id"] if old else view_id,
            "previous_view_id": None,
        }
        return View(person=person, body=body)

    def _wanted(self, args: Json, kind: str) -> Json:
        wanted: Any = take.structure(args, "view", "invalid_arguments")
        if not isinstance(wanted, dict) or wanted.get("type") != kind:
            refuse_faulty([f"[ERROR] must be a {kind} [json-pointer:/view]"], "invalid_arguments")
        return dict(wanted)

    @staticmethod
    def _refuse_stale(args: Json, old: View) -> None:
        known = take.text(args, "hash")
        if known and known != old.body["hash"]:
            raise SlackError("hash_conflict")
