"""Pretend Windows servers: WS-Management on loopback, answered from facts and states."""

from bot.lab.windows.presets import OLD_VERSION, PACKAGE_PATH, PACKAGE_SHA256, backend, frontend, single
from bot.lab.windows.server import NEW_VERSION, USER, PretendWindows

__all__ = [
    "NEW_VERSION", "OLD_VERSION", "PACKAGE_PATH", "PACKAGE_SHA256", "USER", "PretendWindows", "backend", "frontend",
    "single",
]  # fmt: skip
