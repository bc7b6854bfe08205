"""Who may, and may it be now: a request and the situation in, the events that it becomes or a refusal out. Pure.

It is judged inside the transaction that appends. It compares people, not accounts.
"""

from bot.policy.asking import APPROVED, NEEDS, READS, RUNBOOK, Around, ask
from bot.policy.deciding import decide
from bot.policy.freezing import BOUND, frozen_at_start
from bot.policy.inbox import answers
from bot.policy.locking import KEEPS, NO_REASON, keep
from bot.policy.places import STRANGER, barred, place
from bot.policy.roles import Access, Allowed, Denied, Verdict, access, admins_only, explained, whom

__all__ = [
    "APPROVED", "BOUND", "KEEPS", "NEEDS", "NO_REASON", "READS", "RUNBOOK", "STRANGER", "Access", "Allowed",
    "Around", "Denied", "Verdict", "access", "admins_only", "answers", "ask", "barred", "decide", "explained",
    "frozen_at_start", "keep", "place", "whom",
]  # fmt: skip
