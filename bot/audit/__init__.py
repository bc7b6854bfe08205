"""The append-only log and the tables beside it; the only place that opens the SQLite file, and the only owner of
sqlite-utils."""

from bot.audit.chain import Break, verify
from bot.audit.homes import Homes, Opened
from bot.audit.log import Audit, Draft, World
from bot.audit.outbox import Outbox
from bot.audit.reading import Reader

__all__ = ["Audit", "Break", "Draft", "Homes", "Opened", "Outbox", "Reader", "World", "verify"]
