"""The vendor's article as runbooks; importing this package registers all of them."""

from runbooks import backup, restart, rollback, upgrade, verify

__all__ = ["backup", "restart", "rollback", "upgrade", "verify"]
