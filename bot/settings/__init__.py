"""nps.toml, typed: read once at start, every fault reported at once with its line. It resolves secrets only when
asked for them."""

from bot.settings.file import Environment, Settings
from bot.settings.freezes import Freeze, Frozen, frozen
from bot.settings.hosts import HostSection
from bot.settings.loading import load
from bot.settings.packages import PackageSection
from bot.settings.secrets import SecretSource

__all__ = [
    "Environment", "Freeze", "Frozen", "HostSection", "PackageSection", "SecretSource", "Settings", "frozen", "load",
]  # fmt: skip
