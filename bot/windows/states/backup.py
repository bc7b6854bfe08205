"""States of backups: the files copied and proven, a run's backup fit to be put back, and put back. Pure."""

from typing import Literal

from bot.events import Concern
from bot.windows.facts import BackedUp, Backup, HostFacts, Query, Saved
from bot.windows.states.base import EXECUTABLE, Act, Reachable, State


def _tops(names: tuple[str, ...]) -> tuple[str, ...]:
    """Files and folders as a person counts them: a folder's files are one."""
    return tuple(dict.fromkeys(name.split("\\")[0] for name in names))


class Copied(Reachable):
    """Files of the product folder copied to a folder of the run's own, each copy hashed, one restored and compared.

    A service that is to be stopped for it is started again whatever happens. Once proven, all but the `keep` newest
    backups of the environment are removed; 0 keeps all.
    """

    kind: Literal["copied"] = "copied"
    files: tuple[tuple[str, ...], ...]
    to: str
    store: str = ""
    service: str | None = None
    stop: bool = False
    keep: int = 0

    def query(self) -> Query:
        names = tuple(name for names in self.files for name in names)
        return Query(service=self.service, files=names, backup=self.to)

    def wanted(self) -> str:
        stopped = ", the service stopped for the copy" if self.stop else ""
        kept = f"; the {self.keep} newest backups are kept" if self.keep else ""
        return f"{', '.join(names[0] for names in self.files)} in {self.to}, proven{stopped}{kept}"

    def present(self, facts: HostFacts) -> tuple[str, ...]:
        """The spelling found of each wanted name, where there is one."""
        there = {file.name.lower(): file.name for file in facts.files}
        spelled = (next((there[n.lower()] for n in names if n.lower() in there), None) for names in self.files)
        return tuple(name for name in spelled if name)

    def missing(self, names: tuple[str, ...]) -> tuple[str, ...]:
        have = {name.lower() for name in names}
        return tuple(group[0] for group in self.files if not have & {name.lower() for name in group})

    def own(self, facts: HostFacts) -> Backup | None:
        """Not that of another store, which counted its runs to the same name."""
        return facts.backup if facts.backup and facts.backup.store == self.store else None

    def saved(self, facts: HostFacts) -> tuple[str, ...]:
        backup = self.own(facts)
        return _tops(tuple(file.name for file in backup.files)) if backup else ()

    def found(self, facts: HostFacts) -> str:
        missing = self.missing(self.present(facts))
        lacks = f"; not in the product folder: {', '.join(missing)}" if missing else ""
        backup = self.own(facts)
        if backup is None:
            return ("an older backup of that name" if facts.backup else "not backed up yet") + lacks
        told = f"{'proven' if backup.proven else 'not proven'}: {', '.join(self.saved(facts))}"
        told += ", the service stopped for the copy" if backup.stopped else ""
        told += f"; older ones removed: {', '.join(backup.removed)}" if backup.removed else ""
        told += f"; could not be removed: {', '.join(backup.left)}" if backup.left else ""
        return told + lacks

    def holds(self, facts: HostFacts) -> bool:
        backup = self.own(facts)
        return backup is not None and backup.proven and not self.missing(self.saved(facts))

    def effect(self, facts: HostFacts) -> str:
        stopped = "stop the service, " if self.stop else ""
        again = ", start the service again" if self.stop else ""
        return f"{stopped}copy {', '.join(self.present(facts)) or 'nothing'} to {self.to}{again} and prove the copy"

    def act(self, facts: HostFacts) -> Act:
        args = {
            "folder": facts.folder, "files": list(self.present(facts)), "to": self.to, "store": self.store,
            "service": facts.service.name if facts.service else self.service, "stop": self.stop, "keep": self.keep,
            "family": self.to.rsplit("\\", 1)[-1].rpartition("-")[0], "version": facts.version(EXECUTABLE),
            "spared": [],
        }  # fmt: skip
        return Act(verb="back_up", args=args)

    def sparing(self, facts: HostFacts, runs: tuple[str, ...]) -> Act:
        """The act that leaves the backups of these runs."""
        act = self.act(facts)
        return act.model_copy(update={"args": act.args | {"spared": list(runs)}})

    def after(self, facts: HostFacts) -> HostFacts:
        names = self.present(facts)
        backup = Backup(
            folder=self.to, source=facts.folder or "", store=self.store, version=facts.version(EXECUTABLE),
            stopped=self.stop, files=tuple(BackedUp(name=name, size=0, sha256="") for name in names),
            restored=names[0] if names else None, proven=True,
        )  # fmt: skip
        return facts.model_copy(update={"backup": backup})


class Proven(State):
    """A run's backup is there, whole and fit to be put back; told with both versions."""

    kind: Literal["proven"] = "proven"
    run: str
    folder: str
    store: str = ""

    def query(self) -> Query:
        return Query(saved=self.folder)

    def wanted(self) -> str:
        return f"the backup of {self.run} in {self.folder}, proven and undamaged"

    def found(self, facts: HostFacts) -> str:
        saved = facts.saved
        if saved is None or not saved.proven:
            return f"no proven backup in {self.folder}"
        if saved.store not in ("", self.store):
            return f"a backup of another installation in {self.folder}"
        if saved.damaged:
            return f"damaged: {', '.join(saved.damaged)}"
        when = f" {saved.made[:10]}" if saved.made else ""
        then, now = _versions(saved, facts)
        return f"saved{when} at {then}; now {now}"

    def holds(self, facts: HostFacts) -> bool:
        saved = facts.saved
        return saved is not None and saved.proven and not saved.damaged and saved.store in ("", self.store)

    def concerns(self, facts: HostFacts) -> tuple[Concern, ...]:
        if not self.holds(facts):
            move = "Nothing was touched. Ask for the rollback to another run; history lists them."
            sentence = f"the backup of {self.run} can't be put back: {self.found(facts)}."
            return (Concern(key="backup", sentence=sentence, next_move=move, stops=True),)
        assert facts.saved is not None
        then, now = _versions(facts.saved, facts)
        if then == now and facts.saved.version:
            return ()
        sentence = f"the files were saved at {then}, the binaries are {now} and stay."
        move = "The product may not read files of another version: ask the vendor, or install the other version first."
        return (Concern(key=now, sentence=sentence, next_move=move),)


def _versions(saved: Saved, facts: HostFacts) -> tuple[str, str]:
    """Then and now; backups of the first release did not keep it."""
    named = (f"version {version}" if version else "an unknown version" for version in
             (saved.version, facts.version(EXECUTABLE)))  # fmt: skip
    then, now = named
    return then, now


class Restored(Reachable):
    """The files of a run's proven backup are those of the product folder again, byte for byte.

    The service must be stopped, and be so still afterwards: what it has in memory could overwrite them. What would be
    overwritten must be saved in `saved`; all else there stays.
    """

    kind: Literal["restored"] = "restored"
    run: str
    folder: str
    saved: str
    service: str | None = None

    def query(self) -> Query:
        return Query(service=self.service, saved=self.folder)

    def wanted(self) -> str:
        return f"the files that {self.run} saved, byte for byte, the service stopped"

    def names(self, facts: HostFacts) -> tuple[str, ...]:
        return _tops(tuple(file.name for file in facts.saved.files)) if facts.saved else ()

    def found(self, facts: HostFacts) -> str:
        if facts.saved is None:
            return f"no backup in {self.folder}"
        if not self._is_saved(facts):
            return "other files than were saved"
        return "as saved" if self.holds(facts) else "as saved, but the service is not stopped"

    def holds(self, facts: HostFacts) -> bool:
        return self._is_saved(facts) and facts.service is not None and facts.service.state == "Stopped"

    def _is_saved(self, facts: HostFacts) -> bool:
        saved = facts.saved
        return saved is not None and saved.proven and not saved.damaged and not saved.differing

    def effect(self, facts: HostFacts) -> str:
        names = ", ".join(self.names(facts)) or "nothing"
        return f"put back {names} as {self.run} saved them; what was written since is lost"

    def act(self, facts: HostFacts) -> Act:
        service = facts.service.name if facts.service else self.service
        args = {"folder": facts.folder, "from": self.folder, "saved": self.saved, "service": service}
        return Act(verb="restore_files", args=args)

    def after(self, facts: HostFacts) -> HostFacts:
        return facts.model_copy(update={"saved": facts.saved and facts.saved.model_copy(update={"differing": ()})})
