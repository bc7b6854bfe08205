"""How this Slack can be made to misbehave, each fault until it is used up or taken back. It does nothing itself."""

from collections import Counter
from dataclasses import dataclass, field

from .model import Json


@dataclass(kw_only=True)
class Faults:
    """What is wrong now; changed under the workspace's lock."""

    is_away: bool = False
    is_doubling: bool = False
    rate_limits: Counter[str] = field(default_factory=Counter)
    retry_after: dict[str, int] = field(default_factory=dict)
    answers: dict[str, Json] = field(default_factory=dict)
    lost_replies: Counter[str] = field(default_factory=Counter)
    delays: dict[str, float] = field(default_factory=dict)
    missing_blocks: frozenset[str] = frozenset()

    def take_rate_limit(self, method: str) -> int | None:
        """The Retry-After of this request, if it is one of those to be turned away."""
        if not self._take(self.rate_limits, method):
            return None
        return self.retry_after[method]

    def take_lost_reply(self, method: str) -> bool:
        """Whether this request is carried out but never answered."""
        return self._take(self.lost_replies, method)

    @staticmethod
    def _take(left: Counter[str], method: str) -> bool:
        if left[method] < 1:
            return False
        left[method] -= 1
        return True
