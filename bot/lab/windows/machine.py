"""A pretend host's condition: facts, backups and installers behind one lock, and the verbs that read or change them.

It knows no WS-Management and no shell; what an act leaves comes from the states (acts.py), the rest from nature.py.
"""

import base64
import itertools
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.lab.windows.acts import ACTS, Args, Refusal
from bot.lab.windows.delivery import Packages
from bot.lab.windows.faults import Faults
from bot.lab.windows.installer import Installer, MarkId
from bot.lab.windows.nature import INSTALLS, after_installer, rebooted, same, seen, settled, told, with_mark
from bot.windows.facts import Backup, HostFacts, Mark, PackageFile, Query, Saved, Signature
from bot.windows.states import Installed, Package

_LOG_PIECE = 65536
RESTARTING, RESTART_AFTER = 1641, 0.5
Result = dict[str, Any]


class Machine:
    """One host; every method may be called from any thread."""

    def __init__(self, facts: HostFacts, faults: Faults, *, installer_seconds: float, installs: str) -> None:
        self._turn = threading.Condition(threading.RLock())
        self._facts = facts
        self._faults = faults
        self._backups: dict[str, Backup] = {}
        self._as_saved = ""
        self._installers: dict[str, Installer] = {}
        self._pids = itertools.count(4000, 4)
        self._is_closed = False
        self.clock_ahead = timedelta()
        self.installer_seconds = installer_seconds
        self.installs = installs
        self.counts: Counter[str] = Counter()
        self.launches: list[str] = []
        self.packages = Packages(lambda: told(self.clock()))
        self._verbs: dict[str, Callable[[Args], Result]] = {
            "facts": self._read,
            "prepare": lambda _: {"changed": False},
            "watch": self._watch,
            "start_installer": self._start_installer,
            "give_up": self._give_up,
            "end_installer": self._end_installer,
            **self.packages.verbs,
        }

    # What tests and the loop ask

    def clock(self) -> datetime:
        """The time as this host has it."""
        return datetime.now(UTC) + self.clock_ahead

    def now(self) -> HostFacts:
        """The whole condition at this moment; an installer whose time has come has ended."""
        with self._turn:
            for name, installer in list(self._installers.items()):
                mark = self._mark(name)
                if mark.alive and installer.left(time.monotonic()) <= 0:
                    self._finish(mark, installer)
            self._facts = self._facts.model_copy(update={"clock": told(self.clock())})
            return self._facts

    def change(self, **fields: Any) -> None:
        """Sets facts directly, as somebody at the host's own screen would."""
        with self._turn:
            self._facts = HostFacts.model_validate({**dict(self.now()), **fields})

    def reboot(self) -> None:
        with self._turn:
            for mark in self.now().living_marks():
                self._stop(mark.name)
            self._facts = rebooted(self._facts, next(self._pids))
            self._turn.notify_all()

    def close(self) -> None:
        """Wakes whoever waits for an installer."""
        with self._turn:
            self._is_closed = True
            self._turn.notify_all()

    def perform(self, verb: str, args: Args) -> Result:
        """One verb of the loop; a `Refusal` is its error."""
        if verb not in self._verbs and verb not in ACTS:
            raise Refusal("failed", f"There is no verb {verb}.")
        self._in_time(args)
        if failing := self._faults.failing(verb):
            raise Refusal(failing.kind, failing.message)
        result = self._verbs[verb](args) if verb in self._verbs else self._act(verb, args)
        with self._turn:
            self.counts[verb] += result.get("changed", False)
        return result

    # Verbs

    def _in_time(self, args: Args) -> None:
        limit = args.get("not_after")
        if limit and self.clock() > datetime.fromisoformat(limit):
            raise Refusal("too_late", f"It was to be done before {limit}; nothing was touched.")

    def _read(self, args: Args) -> Result:
        query = Query.model_validate(args)
        with self._turn:
            backup, saved = self._backups.get(_key(query.backup)), self._saved(query.saved)
            now = self.now()
            facts = seen(now.model_copy(update={"package": self._file(query.package)}), query)
            facts = facts.model_copy(update={"backup": backup, "saved": saved})
        return facts.model_dump(mode="json")

    def _file(self, path: str | None) -> PackageFile | None:
        """What was delivered to that path, else what somebody staged."""
        return self.packages.file(path) or self._facts.package

    def _act(self, verb: str, args: Args) -> Result:
        with self._turn:
            before = self.now()
            kept = {"backup": self._backups.get(_key(args.get("to"))), "saved": self._saved(args.get("from"))}
            before = before.model_copy(update=kept)
            after = ACTS[verb](args, before)
            self._keep(before, after)
            self._facts = settled(before, after, next(self._pids))
            return {"changed": after != before}

    def _saved(self, folder: str | None) -> Saved | None:
        """What lies in the folder; these hosts know no contents, so all files differ but those saved or put back
        last."""
        backup = self._backups.get(_key(folder))
        if backup is None:
            return None
        names = tuple(file.name for file in backup.files) if self._as_saved != _key(folder) else ()
        return Saved.model_validate({**dict(backup), "differing": names})

    def _keep(self, before: HostFacts, after: HostFacts) -> None:
        if after.backup and after.backup != before.backup:
            self._as_saved = _key(after.backup.folder)
            self._backups[self._as_saved] = after.backup
        if after.saved and after.saved != before.saved:
            self._as_saved = _key(after.saved.folder)

    def _start_installer(self, args: Args) -> Result:
        mine = MarkId.model_validate(args["mark"])
        with self._turn:
            facts = self.now()
            living = facts.living_marks()
            own = [mark for mark in facts.marks if mark.name == mine.name] + [*filter(mine.is_this_step, living)]
            if own:
                return {"changed": False, "mark": own[0].model_dump(mode="json")}
            if living:
                raise Refusal("busy", f"The installer {living[0].name} is still running.")
            if facts.msi_busy:
                raise Refusal("installing", "Windows Installer is at work for another installation.")
            begun = self._launch(mine, self._package(args), args["run_as"])
            return {"changed": True, "mark": begun.model_dump(mode="json")}

    def _package(self, args: Args) -> Package:
        path, there = str(args["path"]), self._file(args["path"])
        if there is None or not same(there.path, path):
            raise Refusal("absent", f"There is no {path}.")
        if not same(there.sha256, args["sha256"]):
            raise Refusal("failed", f"{path} has the SHA-256 {there.sha256}, not the one that was approved.")
        signed = there.signature or Signature(status="NotSigned")
        if args.get("signer") and (signed.status, signed.signer) != ("Valid", args["signer"]):
            raise Refusal("failed", f"{path} has no valid signature of {args['signer']}; nothing was run.")
        return Package(
            name="Netwrix Password Secure", file=path.rsplit("\\", 1)[-1], version=self.installs,
            sha256=there.sha256, arguments=tuple(args["arguments"]), path=path,
        )  # fmt: skip

    def _launch(self, mine: MarkId, package: Package, run_as: str) -> Mark:
        as_system = run_as == "SYSTEM" or self._faults.runs_as_system
        mark = mine.mark(state="started", alive=True, started=self._facts.clock, as_system=as_system)
        self._installers[mark.name] = Installer(
            package=package, began=time.monotonic(), seconds=self.installer_seconds,
            code=self._faults.next_exit_code(), is_endless=self._faults.is_endless,
        )  # fmt: skip
        self.launches.append(mark.name)
        self._leave(mark)
        return mark

    def _finish(self, mark: Mark, installer: Installer) -> None:
        clock = told(self.clock())
        if installer.code in INSTALLS:
            self._as_saved = ""
            before = self._facts.model_copy(update={"clock": clock})
            after = after_installer(
                Installed(package=installer.package).after(before), installer.code,
                enables_service=self._faults.enables_service, changes_dcom=self._faults.changes_dcom,
            )  # fmt: skip
            self._facts = settled(before, after, next(self._pids))
        self._leave(
            mark.model_copy(update={"state": "finished", "alive": False, "code": installer.code, "finished": clock})
        )
        if installer.code == RESTARTING and self._faults.restarts:
            threading.Timer(RESTART_AFTER, self._faults.restarts).start()

    def _watch(self, args: Args) -> Result:
        name, offset = MarkId.model_validate(args["mark"]).name, int(args["offset"])
        until = time.monotonic() + float(args["seconds"])
        with self._turn:
            while self._is_running(name) and not self._is_closed and (left := until - time.monotonic()) > 0:
                self._turn.wait(min(left, max(0.0, self._left(name))))
            installer, mark = self._installers.get(name), self._mark(name)
        log = installer.log(time.monotonic()) if installer else b""
        lines = installer.lines(time.monotonic()) if installer else [""]
        percent = re.search(r"(\d+) %$", lines[-1])
        piece = log[offset : offset + _LOG_PIECE]
        return {
            "mark": mark.model_dump(mode="json"),
            "log": base64.b64encode(piece).decode(),
            "offset": offset + len(piece),
            "line": lines[-1],
            "percent": int(percent[1]) if percent else None,
            "clock": told(self.clock()),
            "children": 1,
            "cpu": installer.cpu(time.monotonic()) if installer else 0.0,
        }

    def _is_running(self, name: str) -> bool:
        self.now()
        return self._mark(name).alive

    def _left(self, name: str) -> float:
        installer = self._installers.get(name)
        return installer.left(time.monotonic()) if installer else float("inf")

    def _give_up(self, args: Args) -> Result:
        mine = MarkId.model_validate(args["mark"])
        with self._turn:
            known = next((m for m in self.now().marks if m.name == mine.name), None)
            mark = known or mine.mark(state="given_up", finished=self._facts.clock)
            self._leave(mark)
            return {"changed": known is None, "mark": mark.model_dump(mode="json")}

    def _end_installer(self, args: Args) -> Result:
        name = MarkId.model_validate(args["mark"]).name
        with self._turn:
            was_alive = self._is_running(name)
            if was_alive:
                self._stop(name)
                ended = {"state": "ended", "by": str(args["by"]), "finished": self._facts.clock}
                self._leave(self._mark(name).model_copy(update=ended))
            return {"changed": was_alive, "mark": self._mark(name).model_dump(mode="json")}

    # Marks

    def _mark(self, name: str) -> Mark:
        mark = next((mark for mark in self._facts.marks if mark.name == name), None)
        if mark is None:
            raise Refusal("absent", f"There is no mark {name}.")
        return mark

    def _leave(self, mark: Mark) -> None:
        self._facts = self._facts.model_copy(update={"marks": with_mark(self._facts.marks, mark)})
        self._turn.notify_all()

    def _stop(self, name: str) -> None:
        """The wrapper dies with its installer, so the state file says `started` for ever."""
        self._leave(self._mark(name).model_copy(update={"alive": False}))
        if installer := self._installers.get(name):
            self._installers[name] = replace(installer, ended=time.monotonic())


def _key(folder: str | None) -> str:
    return (folder or "").rstrip("\\").lower()
