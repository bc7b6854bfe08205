"""The walker: fold, next move, do it, append, until people are needed. One generic body for every runbook.

The body runs in the engine and only calls operations; each operation is one step of the workflow, so that a
recovered stretch goes on after
the last one that was finished. What an operation appends is judged anew inside the log's transaction.
"""

from collections import Counter
from collections.abc import Callable

from bot.runs import engine, patience
from bot.runs.delivering import Deliveries
from bot.runs.engine import Data
from bot.runs.installers import Installers
from bot.runs.operations import Operator
from bot.runs.settling import Settling

QUICK_WATCHES, QUICK, SLOW = 30, 2.0, 10.0
FULL_LOOKS = {"plan": 11}
"""A plan takes a minute at most."""
MOST_FULL_LOOKS = 26
"""The shells of a killed bot are gone two minutes later; until then people are not asked."""
MOST_STALLS = 24
"""So often in a row a delivery may bring nothing, some two minutes and more, before people are asked."""
LATE = {
    "sentence": "Twice the act came too late by the server's own clock.",
    "next_move": "Look whether its clock jumps, then retry.",
}


class Walker:
    """Carries out stretches; the only caller of the operations."""

    def __init__(self, operator: Operator, installers: Installers, deliveries: Deliveries, settling: Settling) -> None:
        self._operator = operator
        engine.OPERATIONS.body = self.stretch
        engine.OPERATIONS.table = {
            "next": operator.next, "plan": operator.plan, "start": operator.start, "look": operator.look,
            "begin": operator.begin, "do": operator.do, "install": installers.install, "watch": installers.watch,
            "wait": installers.wait, "end": operator.end, "ask": operator.ask, "settle": settling.settle,
            "release": settling.release,
            "finish": operator.finish,
            "stop": settling.stop,
            "deliver": deliveries.deliver,
        }  # fmt: skip

    def stretch(self, run: str, trigger: int) -> None:
        """The body of the workflow; deterministic, for all that it branches on are recorded answers."""
        settled, tries = 0, Counter[str]()
        try:
            while (move := engine.operate("next", {"run": run, "trigger": trigger}))["do"] != "rest":
                if move["do"] == "work":
                    self._work(move, tries)
                else:
                    operate = engine.act if move["do"] == "stop" else engine.operate
                    _when_free(operate, move["do"], move | {"count": settled})
                    settled += move["do"] == "settle"
        finally:
            self._operator.close(run)

    def _work(self, move: Data, tries: Counter[str]) -> None:
        """One attempt at a step; where its act could not begin yet it is done again, from the reading on."""
        seen = _when_free(engine.operate, "look", move)
        begun = engine.operate("begin", move | {"seen": seen})
        if not begun["on"]:
            return
        outcome = seen
        if begun["act"]:
            outcome = self._act(move, begun, seen)
        if outcome.get("left") or self._again(move, outcome, tries):
            return
        if outcome.get("late"):
            outcome = {"error": LATE}
        elif "busy" in outcome:
            outcome = {"error": outcome["busy"]}
        if outcome.get("pause"):
            self._wait(move, outcome["pause"])
        engine.operate("end", move | {"outcome": outcome, "acted": outcome.get("acted", begun["acted"])})
        tries.clear()

    def _again(self, move: Data, outcome: Data, tries: Counter[str]) -> bool:
        """Whether nothing was touched and there is to be another try: once where it came too late, some times, after
        longer and longer pauses, where Windows Installer was at work for somebody else."""
        if outcome.get("late"):
            tries["late"] += 1
            return tries["late"] == 1
        if "busy" not in outcome or (pause := patience.pause(tries["busy"])) is None:
            return False
        tries["busy"] += 1
        self._wait(move, pause)
        return True

    def _wait(self, move: Data, left: float) -> None:
        while left > 0:
            left = engine.operate("wait", move | {"left": left})["left"]

    def _act(self, move: Data, begun: Data, seen: Data) -> Data:
        if begun["delivers"]:
            return self._deliver(move)
        outcome = _when_free(engine.act, "install" if begun["installs"] else "do", move | seen)
        return self._watch(move, outcome) if "watch" in outcome else outcome

    def _deliver(self, move: Data) -> Data:
        outcome: Data = {"deliver": {}}
        stalled = 0
        while "deliver" in outcome:
            outcome = engine.act("deliver", move | outcome["deliver"])
            stalled = stalled + 1 if "stalled" in outcome else 0
            if stalled > MOST_STALLS:
                return {"error": outcome["stalled"]}
        return outcome

    def _watch(self, move: Data, outcome: Data) -> Data:
        count = 0
        while "watch" in outcome:
            seconds = QUICK if count < QUICK_WATCHES else SLOW
            outcome = engine.operate("watch", move | {"watched": outcome["watch"], "seconds": seconds})
            count += 1
        return outcome


def _when_free(operate: Callable[[str, Data], Data], name: str, given: Data) -> Data:
    """A server that has no shell to give is asked again for a while, each time by an operation of its own."""
    for _ in range(FULL_LOOKS.get(name, MOST_FULL_LOOKS)):
        outcome = operate(name, given | {"waits": True})
        if "full" not in outcome:
            return outcome
    return operate(name, given)
