"""States of the package: at hand, and installed. Pure."""

from typing import Literal

from bot.windows.facts import HostFacts, Image, Query
from bot.windows.states.base import EXECUTABLE, Act, Package, Reachable, State

INSTALLING = "an installer is running"


class AtHand(State):
    """The installer lies on the host and is the file that was approved, byte for byte."""

    kind: Literal["at_hand"] = "at_hand"
    package: Package

    def query(self) -> Query:
        return Query(package=self.package.path)

    def wanted(self) -> str:
        return f"{self.package.path}, SHA-256 {self.package.sha256[:12]}…"

    def found(self, facts: HostFacts) -> str:
        file = facts.package
        return f"SHA-256 {file.sha256[:12]}…" if file else "no such file"

    def holds(self, facts: HostFacts) -> bool:
        return facts.package is not None and facts.package.sha256.lower() == self.package.sha256.lower()


class Installed(Reachable):
    """The product has the package's file version and no installer of it runs any more."""

    kind: Literal["installed"] = "installed"
    package: Package

    def query(self) -> Query:
        return Query(package=self.package.path)

    def wanted(self) -> str:
        return f"version {self.package.version}"

    def found(self, facts: HostFacts) -> str:
        version = facts.version(EXECUTABLE)
        running = f"; {INSTALLING}" if facts.living_marks() else ""
        return (f"version {version}" if version else f"no {EXECUTABLE}") + running

    def holds(self, facts: HostFacts) -> bool:
        return facts.version(EXECUTABLE) == self.package.version and not facts.living_marks()

    def effect(self, facts: HostFacts) -> str:
        return f"run {self.package.file} {' '.join(self.package.arguments)}".rstrip()

    def act(self, facts: HostFacts) -> Act:
        package = self.package
        return Act(
            verb="start_installer",
            args={
                "path": package.path,
                "kind": package.kind,
                "arguments": list(package.arguments),
                "sha256": package.sha256,
                "folder": facts.folder,
            },
        )

    def after(self, facts: HostFacts) -> HostFacts:
        path = f"{facts.folder}\\{EXECUTABLE}"
        others = tuple(image for image in facts.images if image.name.lower() != EXECUTABLE.lower())
        image = Image(name=EXECUTABLE, path=path, version=self.package.version)
        return facts.model_copy(update={"images": (image, *others)})
