"""What Slack tells by itself: a person opened the app's home, the app was added to a channel."""

from slack_bolt import App

from bot.audit import Homes, Outbox
from bot.settings import Settings
from bot.slack.calling import Payload
from bot.slack.greeting import greeting


class Entrance:
    """Notes who came; followers and delivery do the rest."""

    def __init__(self, settings: Settings, homes: Homes, outbox: Outbox) -> None:
        self._settings, self._homes, self._outbox = settings, homes, outbox

    def add_to(self, bolt: App) -> None:
        bolt.event("app_home_opened")(self.home_opened)
        bolt.event("member_joined_channel")(self.joined)

    def home_opened(self, event: Payload) -> None:
        if event.get("tab") == "home":
            self._homes.opened(str(event["user"]))

    def joined(self, body: Payload, event: Payload) -> None:
        """Greets where it was the app itself that joined; the outbox knows one greeting a channel."""
        me = {auth.get("user_id") for auth in body.get("authorizations") or () if auth.get("is_bot")}
        if event.get("user") not in me:
            return
        channel = str(event["channel"])
        told = [name for name in self._settings.environments if self._settings.channel(name) == channel]
        self._outbox.wish([greeting(channel, told)])
