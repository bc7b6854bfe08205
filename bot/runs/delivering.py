"""An installer's way to a host: sent by the bot, or pulled by the host, in pieces that a cut does not lose.

One operation is one piece, so that an abort and a shutdown are looked at between. Where to go on is asked of the host,
and what came is believed by its SHA-256 alone. Plain dicts in and out.
"""

from pathlib import Path

from bot.errors import HostError, NpsError
from bot.runs.desk import Desk, deadline
from bot.runs.engine import Data, plain
from bot.runs.planner import checked
from bot.windows.facts import Part
from bot.windows.host import Host, Place
from bot.windows.states import Delivered, Package

PIECE = 4 * 2**20
FETCH_SECONDS = 8.0
PAUSE = 5.0


class Deliveries(Desk):
    """The operation of a step that brings a package onto a host."""

    def deliver(self, given: Data) -> Data:
        """One piece, or the end; `deliver` in the answer says that there is more, `stalled` that nothing came."""
        run = self._run(given["run"])
        plan, step = self._step(run, given)
        state = step.act_state(given["repairing"])
        assert isinstance(state, Delivered)
        if run.abort is not None:
            return {"left": True}

        def piece() -> Data:
            host = self._hosts.get(run.id, self._ref(plan, step.host))
            part = self._come_so_far(host, state.package, given)
            if not _is_whole(part, state.package):
                return self._one_more(host, state.package, given, part)
            _, facts = host.act(state.finishing(), deadline(part.clock), then=plan.query(step))
            return {"facts": plain((facts or host.observe(plan.query(step))).model_dump(mode="json"))}

        try:
            return self._tried(given, piece, patient=True)
        except HostError as fault:
            return self._stalled(given, fault.sentence, fault.next_move)

    def _come_so_far(self, host: Host, package: Package, given: Data) -> Part:
        """As the last operation left it; asked of the host at the beginning and after a cut."""
        if "part" in given:
            return Part.model_validate(given["part"])
        if package.upload:
            checked(self._settings.path(Path(package.upload)), package.sha256)
        return host.part(_place(package))

    def _one_more(self, host: Host, package: Package, given: Data, part: Part) -> Data:
        not_after = deadline(part.clock)
        if package.url:
            now = host.fetch(_place(package), package.url, FETCH_SECONDS, not_after)
        else:
            data = self._read(package, part.size)
            now = host.receive(_place(package), part.size, data, not_after)
        most = max(part.size, given.get("most", 0))
        # A server that knows no ranges begins anew each time: only what goes further than ever before is progress.
        if now.size <= most and not now.whole:
            told = f"No more of {package.file} came to {host.name}{f': {now.told}' if now.told else '.'}"
            return self._stalled(
                given | {"most": most}, told, "Look whether the host reaches where it fetches from, then retry."
            )
        self._tell_progress(given, now, package)
        return {"deliver": {"part": now.model_dump(mode="json"), "most": max(most, now.size)}}

    def _read(self, package: Package, offset: int) -> bytes:
        file = self._settings.path(Path(package.upload or ""))
        try:
            with file.open("rb") as stream:
                stream.seek(offset)
                return stream.read(PIECE)
        except OSError as fault:
            told = f"The installer {file} can't be read on the bot's machine: {fault.strerror}."
            raise NpsError(told, "Put it there again, then retry.") from fault

    def _tell_progress(self, given: Data, part: Part, package: Package) -> None:
        total = package.size or part.total
        line = f"{part.size / 1e6:.1f} {f'of {total / 1e6:.1f} ' if total else ''}MB of {package.file} are there"
        percent = min(100, part.size * 100 // total) if total else None
        self._audit.set_progress(given["run"], given["step"], given["attempt"], line, percent)

    def _stalled(self, given: Data, sentence: str, next_move: str) -> Data:
        """A cut, or a server that restarts: the next piece asks where to go on; the walker counts how often."""
        line = f"{sentence} The bot keeps trying."
        self._audit.set_progress(given["run"], given["step"], given["attempt"], line, None)
        self._pause.wait(PAUSE)
        return {"deliver": {"most": given.get("most", 0)}, "stalled": {"sentence": sentence, "next_move": next_move}}


def _place(package: Package) -> Place:
    return Place(path=package.path, sha256=package.sha256)


def _is_whole(part: Part, package: Package) -> bool:
    return part.there or part.whole or (package.size is not None and part.size >= package.size)
