"""One run of a pretend installer: when it began, how far it is, what its log says by now.

It belongs to the host and knows no shell and no connection; wall-clock time alone moves it.
"""

from dataclasses import dataclass

from bot.windows.facts import Fact, Mark
from bot.windows.states import Package

# percent, what the installer is at; two lines of one kind are a bar that moves
_LINES = (
    (0, "Checking prerequisites"),
    (10, "Stopping services"),
    (20, "Copying files"),
    (40, "Copying files"),
    (60, "Copying files"),
    (80, "Registering components"),
    (95, "Starting services"),
)
_STUCK = 0.6


class MarkId(Fact):
    """Whose attempt an installer is; the name is that of its state file and task."""

    store: str
    run: str
    step: int
    attempt: int

    @property
    def name(self) -> str:
        return f"nps-{self.store}-{self.run}-{self.step}-{self.attempt}"

    def mark(self, **rest: object) -> Mark:
        return Mark.model_validate({"name": self.name, **self.model_dump(), **rest})

    def is_this_step(self, mark: Mark) -> bool:
        return (mark.store, mark.run, mark.step) == (self.store, self.run, self.step)


@dataclass(frozen=True, kw_only=True)
class Installer:
    """Times are of the monotonic clock; `ended` is set when somebody ended it before its time."""

    package: Package
    began: float
    seconds: float
    code: int
    is_endless: bool = False
    ended: float | None = None

    def left(self, now: float) -> float:
        """Seconds until it ends by itself."""
        return float("inf") if self.is_endless else self.began + self.seconds - now

    def share(self, now: float) -> float:
        """How far it is, from 0 to 1."""
        passed = (now if self.ended is None else self.ended) - self.began
        share = 1.0 if passed >= self.seconds else passed / self.seconds
        return min(share, _STUCK) if self.is_endless else share

    def cpu(self, now: float) -> float:
        """Seconds used so far; one that stands still uses none."""
        return self.share(now) * self.seconds

    def lines(self, now: float) -> list[str]:
        share = self.share(now)
        lines = [f"Setup of {self.package.name} {self.package.version}"]
        lines += [f"{what} ... {percent} %" for percent, what in _LINES if percent <= share * 100]
        return [*lines, f"Setup ended with exit code {self.code} ... 100 %"] if share == 1.0 else lines

    def log(self, now: float) -> bytes:
        """The whole log by now; msiexec writes UTF-16 with a mark at its beginning, an .exe 8-bit text."""
        text = "".join(f"{line}\r\n" for line in self.lines(now))
        return f"\ufeff{text}".encode("utf-16-le") if self.package.kind == "msi" else text.encode()
