"""The vendor's article as runbooks; importing this package registers all of them."""

from runbooks import backup, upgrade, verify

__all__ = ["backup", "upgrade", "verify"]
