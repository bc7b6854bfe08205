"""The walker: fold, next move, do it, append, until people are needed. One generic body for every runbook.

The body runs in the engine and only calls operations; each operation is one step of the workflow, so that a
recovered stretch goes on after
the last one that was finished. What an operation appends is judged anew inside the log's transaction.
"""

from bot.runs import engine
from bot.runs.engine import Data
from bot.runs.operations import Operator

QUICK_WATCHES, QUICK, SLOW = 30, 2.0, 10.0
AWAY_WATCHES = 100
"""A server that restarts within some ten minutes is waited for."""


class Walker:
    """Carries out stretches; the only caller of the operator."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        engine.OPERATIONS.body = self.stretch
        engine.OPERATIONS.table = {
            "next": operator.next, "plan": operator.plan, "start": operator.start, "look": operator.look,
            "begin": operator.begin, "do": operator.do, "install": operator.install, "watch": operator.watch,
            "end": operator.end, "ask": operator.ask, "settle": operator.settle, "finish": operator.finish,
        }  # fmt: skip

    def stretch(self, run: str, trigger: int) -> None:
        """The body of the workflow; deterministic, for all that it branches on are recorded answers."""
        try:
            while (move := engine.operate("next", {"run": run, "trigger": trigger}))["do"] != "rest":
                if move["do"] == "work":
                    self._work(move)
                else:
                    engine.operate(move["do"], move)
        finally:
            self._operator.close(run)

    def _work(self, move: Data) -> None:
        seen = engine.operate("look", move)
        begun = engine.operate("begin", move | {"seen": seen})
        if not begun["on"]:
            return
        outcome = seen
        if begun["act"]:
            outcome = engine.act("install" if begun["installs"] else "do", move | seen)
            outcome = self._watch(move, outcome) if "watch" in outcome else outcome
        if not outcome.get("late"):
            engine.operate("end", move | {"outcome": outcome, "acted": begun["act"]})

    def _watch(self, move: Data, outcome: Data) -> Data:
        count = away = 0
        while "watch" in outcome:
            seconds = QUICK if count < QUICK_WATCHES else SLOW
            outcome = engine.operate("watch", move | outcome["watch"] | {"seconds": seconds})
            count, away = count + 1, away + 1 if "away" in outcome else 0
            if away > AWAY_WATCHES:
                return {"error": outcome["away"]}
        return outcome
