"""How fast messages leave for Slack: posts and edits each at their own pace, and after a Retry-After each method by
itself. It sends nothing."""

from dataclasses import dataclass

from bot.messages import Message

POST, EDIT, LINK = "chat.postMessage", "chat.update", "chat.getPermalink"
LONGEST_WAIT = 0.5


@dataclass
class Bucket:
    """At most `size` at once and `rate` a second in the long run."""

    size: float
    rate: float
    left: float = 0
    at: float = 0

    def pause(self, now: float) -> float:
        """Seconds until one may leave."""
        self.left = min(self.size, self.left + (now - self.at) * self.rate) if self.at else self.size
        self.at = now
        return 0 if self.left >= 1 else (1 - self.left) / self.rate

    def take(self, now: float) -> None:
        """One leaves; where none was left it is owed, and later ones wait for it."""
        self.pause(now)
        self.left -= 1


class Pace:
    """In any minute at most 40 edits: the 12 that may leave at once, and 28 more."""

    def __init__(self) -> None:
        self._buckets = {POST: Bucket(size=20, rate=1.0), EDIT: Bucket(size=12, rate=28 / 60)}
        self._not_before: dict[str, float] = {}

    def rest(self, method: str, until: float) -> None:
        """Slack asked to be left alone with it."""
        self._not_before[method] = until

    def resting(self, now: float) -> list[str]:
        """Methods that Slack wants no call of."""
        return [method for method, until in self._not_before.items() if until > now]

    def spent(self, now: float) -> list[str]:
        """Methods that wait by our own rule; what can't wait may pass it."""
        return [method for method, bucket in self._buckets.items() if bucket.pause(now)]

    def take(self, message: Message, now: float) -> None:
        self._buckets[EDIT if message.ts else POST].take(now)

    def pause(self, now: float) -> float:
        """How long to wait for news, where nothing may leave now."""
        waits = [bucket.pause(now) for bucket in self._buckets.values()]
        waits += [until - now for until in self._not_before.values()]
        return min([LONGEST_WAIT, *(wait for wait in waits if wait > 0)])
