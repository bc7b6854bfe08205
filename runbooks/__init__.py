"""The vendor's article as runbooks; importing this package registers all of them."""

from runbooks import backup, restart, upgrade, verify

__all__ = ["backup", "restart", "upgrade", "verify"]
