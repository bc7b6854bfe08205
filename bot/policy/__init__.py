"""Who may, and may it be now: a request and the situation in, the events that it becomes or a refusal out. Pure.

It is judged inside the transaction that appends. It compares people, not accounts.
"""

from bot.policy.asking import APPROVED, NEEDS, READS, RUNBOOK, ask
from bot.policy.deciding import decide
from bot.policy.locking import KEEPS, keep
from bot.policy.roles import Access, Allowed, Denied, Verdict, access, admins_only

__all__ = [
    "APPROVED", "KEEPS", "NEEDS", "READS", "RUNBOOK", "Access", "Allowed", "Denied", "Verdict", "access", "admins_only", "ask",
    "decide", "keep",
]  # fmt: skip
