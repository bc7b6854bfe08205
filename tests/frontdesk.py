"""An intake on a log of its own, with people who type and press, for the tests of what is judged and recorded."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cases import FOLDER
from worlds import FE, facts, plan, planned

from bot.audit import Audit, Draft
from bot.commands import Command
from bot.intake import Answer, Caller, Intake
from bot.settings import load

ANA = Caller(account="slack:U0ANA", shown="ana.a", key="slack:1", channel="C0OPS")
BEN = replace(ANA, account="slack:U0BEN", shown="ben.b", key="slack:2")
EVE = replace(ANA, account="slack:U0EVE", shown="eve", key="slack:3")
ANNA = Caller(account="os:ana", shown="ana", key="os:1")


class Desk:
    """Every act gets a key of its own unless told; `change` is made in the cases' nps.toml."""

    def __init__(self, folder: Path, change: tuple[str, str] = ("", "")) -> None:
        text = (FOLDER / "nps.toml").read_text(encoding="utf-8")
        assert change[0] in text
        (folder / "nps.toml").write_text(text.replace(*change, 1), encoding="utf-8")
        self.clock = datetime(2026, 1, 28, 12, tzinfo=UTC)  # a Wednesday, for weekends are frozen
        self.audit = Audit(folder / "var/audit.sqlite", now=lambda: self.clock)
        self.audit.set_groups({"S0OPS": ["U0BEN"], "S0LEADS": ["U0CHRIS"]})
        self.intake = Intake(load(folder / "nps.toml"), self.audit)
        self.count = 0

    def says(self, text: str, caller: Caller = ANA, key: str = "") -> Answer:
        self.count += 1
        return self.intake.text(text, replace(caller, key=key or f"slack:act-{self.count}"))

    def presses(self, command: Command, caller: Caller = ANA) -> Answer:
        self.count += 1
        return self.intake.press(command, replace(caller, key=f"slack:press-{self.count}"))

    def plans(self, run: str) -> str:
        """The plan that a stretch would have appended; its hash."""
        event = planned(plan("upgrade", FE, run=run), facts(FE))
        self.audit.append(f"{run}:plan:1", lambda _: [Draft(event=event, run=run)])
        return event.hash

    def kinds(self) -> list[str]:
        return [type(item.event).__name__ for item in self.audit.since(1)]

    def last(self) -> Any:
        return self.audit.since(self.audit.last_seq() - 1)[0]
