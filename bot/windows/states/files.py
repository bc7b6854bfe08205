"""States of files: the renamed executable, what is only told. Pure."""

from typing import Literal

from bot.events import Concern
from bot.windows.facts import FileFact, HostFacts, Image, Query
from bot.windows.states.base import Act, Reachable, State


class Renamed(Reachable):
    """A file of the product folder has its other name; a file that already has that name is moved aside, not lost."""

    kind: Literal["renamed"] = "renamed"
    old: str
    new: str

    def wanted(self) -> str:
        return f"{self.new}, no {self.old}"

    def found(self, facts: HostFacts) -> str:
        there = [name for name in (self.old, self.new) if facts.image(name)]
        back = f"; {self._back()}" if self._comes_back(facts) else ""
        return (" and ".join(there) or f"neither {self.old} nor {self.new}") + back

    def holds(self, facts: HostFacts) -> bool:
        is_renamed = facts.image(self.old) is None and facts.image(self.new) is not None
        return is_renamed and not self._comes_back(facts)

    def concerns(self, facts: HostFacts) -> tuple[Concern, ...]:
        if not self._comes_back(facts):
            return ()
        return (Concern(key="renames", sentence=f"{self._back()}.", next_move="Restart that server first."),)

    def _comes_back(self, facts: HostFacts) -> bool:
        path = f"{facts.folder}\\{self.old}".lower()
        return any(rename.target.lower() == path for rename in facts.renames)

    def _back(self) -> str:
        return f"a pending file rename brings {self.old} back at the next restart"

    def effect(self, facts: HostFacts) -> str:
        aside = f", the older {self.new} moved aside" if facts.image(self.new) else ""
        return f"rename {self.old} to {self.new}{aside}"

    def act(self, facts: HostFacts) -> Act:
        return Act(verb="rename_file", args={"folder": facts.folder, "old": self.old, "new": self.new})

    def after(self, facts: HostFacts) -> HostFacts:
        was = facts.image(self.old)
        kept = tuple(i for i in facts.images if i.name.lower() not in {self.old.lower(), self.new.lower()})
        image = Image(name=self.new, path=f"{facts.folder}\\{self.new}", version=was.version if was else None)
        return facts.model_copy(update={"images": (*kept, image) if was else facts.images})


class Told(State):
    """Nothing is wanted; a file is looked for so that people are told where it is."""

    kind: Literal["told"] = "told"
    file: str
    text: str

    def query(self) -> Query:
        return Query(files=(self.file,))

    def wanted(self) -> str:
        return self.text

    def found(self, facts: HostFacts) -> str:
        file: FileFact | None = next((f for f in facts.files if f.name.lower() == self.file.lower()), None)
        return file.path if file else f"no {self.file} in the product folder; ask the vendor's support for it"

    def holds(self, facts: HostFacts) -> bool:
        return True
