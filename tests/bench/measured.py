"""What a bench reads off the boxes once something has run on them."""

import json
from datetime import datetime

from box import Box


def installers_own(pair: list[Box]) -> float:
    """Seconds from an installer's start to its end, as the hosts' marks tell them; both hosts together."""
    total = 0.0
    for box in pair:
        for path in (box.c / "ProgramData/nps/marks").glob("*.end"):
            began = path.with_suffix(".children").read_text().split()[1]
            ended = json.loads(path.read_text())["finished"]
            total += (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()
    return total
