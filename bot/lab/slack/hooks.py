"""response_url: what the bot may say through one, five times within half an hour."""

from dataclasses import dataclass, replace

from . import args as take
from .chat import LONGEST_POST, Chat
from .model import BOT_USER, Ephemeral, Json, Message, SlackError, Version
from .workspace import Hook, Workspace

MOST_USES = 5
LIFE = 1800.0


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """Carries out what is posted to response_urls, and the answers that come with an ack."""

    workspace: Workspace
    chat: Chat

    def answer(self, key: str, body: Json) -> Json:
        """Slack's answer to one POST."""
        with self.workspace.changed:
            try:
                hook = self._used(key)
                self.say(key, hook, body)
                answer: Json = {"ok": True}
            except SlackError as refused:
                answer = {"ok": False, "error": refused.code}
            self.workspace.record("response_url", body, answer)
            return answer

    def say(self, key: str, hook: Hook, body: Json) -> str:
        """Show what the bot answered where it belongs; returns the words."""
        if take.flag(body, "delete_original"):
            self.workspace.delete(hook.channel, hook.original or "")
            return ""
        said = self.chat.version(body, LONGEST_POST)
        if take.flag(body, "replace_original") and hook.original:
            self._replace(hook, said)
        elif body.get("response_type") == "in_channel":
            self._post(hook, said, body)
        else:
            self._whisper(key, hook, said, body)
        return said.plain if not said.text else said.text

    def _used(self, key: str) -> Hook:
        hook = self.workspace.hooks.get(key)
        if hook is None:
            raise SlackError("invalid_url")
        if hook.uses >= MOST_USES:
            raise SlackError("used_url")
        if self.workspace.clock() - hook.at > LIFE:
            raise SlackError("expired_url")
        self.workspace.hooks[key] = replace(hook, uses=hook.uses + 1)
        return self.workspace.hooks[key]

    def _replace(self, hook: Hook, said: Version) -> None:
        ts = hook.original or ""
        if ts in self.workspace.ephemerals:
            old = self.workspace.ephemerals[ts]
            self.workspace.whisper(replace(old, versions=(*old.versions, said)))
        else:
            message = self.workspace.message(hook.channel, ts)
            self.workspace.change(replace(message, versions=(*message.versions, said)))

    def _post(self, hook: Hook, said: Version, body: Json) -> None:
        thread_ts = take.text(body, "thread_ts") or None
        ts = self.workspace.new_ts()
        self.workspace.post(Message(channel=hook.channel, ts=ts, user=BOT_USER, versions=(said,), thread_ts=thread_ts))

    def _whisper(self, key: str, hook: Hook, said: Version, body: Json) -> None:
        ephemeral = self.workspace.whisper(
            Ephemeral(
                channel=hook.channel,
                ts=self.workspace.new_ts(),
                user=hook.person,
                author=BOT_USER,
                versions=(said,),
                thread_ts=take.text(body, "thread_ts") or None,
            )
        )
        if hook.original is None:
            self.workspace.hooks[key] = replace(self.workspace.hooks[key], original=ephemeral.ts)
