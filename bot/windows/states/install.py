"""The state of a package that is installed. Pure."""

from typing import Literal

from bot.events import Concern
from bot.windows.facts import HostFacts, Image, Query
from bot.windows.states.base import EXECUTABLE, Act, Package, Reachable

INSTALLING = "an installer is running"


def parts(version: str) -> tuple[int, ...]:
    """A file version to compare by."""
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


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

    def concerns(self, facts: HostFacts) -> tuple[Concern, ...]:
        """A package that is no newer than what is there may be a mistake."""
        there, new = facts.version(EXECUTABLE), self.package.version
        if there is None:
            told = f"no {EXECUTABLE} was found there, so its version is not known."
            return (Concern(key="version", sentence=told, next_move="Is folder or service in nps.toml right?"),)
        if there == new:
            told = f"version {there} is there already: its installer is not run."
            return (Concern(key=f"version {there}", sentence=told, next_move="Is another package meant?"),)
        if parts(new) < parts(there):
            told = f"version {there} is there, newer than the package's {new}."
            return (Concern(key=f"version {there}", sentence=told, next_move="Is another package meant?"),)
        return ()

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
                "signer": package.signer,
                "folder": facts.folder,
            },
        )

    def after(self, facts: HostFacts) -> HostFacts:
        path = f"{facts.folder}\\{EXECUTABLE}"
        others = tuple(image for image in facts.images if image.name.lower() != EXECUTABLE.lower())
        image = Image(name=EXECUTABLE, path=path, version=self.package.version)
        return facts.model_copy(update={"images": (image, *others)})
