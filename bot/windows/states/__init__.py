"""What a step wants of a host: a closed set of frozen states, to and from JSON.

Pure: facts in, judgments and acts out. Four readers share each state: the walker, the foretelling, the lab's pretend
server, and the second reading after an act.
"""

from typing import Annotated

from pydantic import Field

from bot.events import Concern
from bot.windows.states.backup import Copied, Proven, Restored
from bot.windows.states.base import EXECUTABLE, Act, Package, Reachable, State
from bot.windows.states.dcom import DcomLocation
from bot.windows.states.files import Renamed, Told
from bot.windows.states.install import INSTALLING, Installed, parts
from bot.windows.states.package import AtHand, Delivered
from bot.windows.states.restart import Restarted, Stopped
from bot.windows.states.service import Disabled, NoProcess, Running

AnyReachable = Annotated[
    Disabled | Running | Copied | Delivered | Installed | Renamed | NoProcess | DcomLocation | Stopped | Restarted
    | Restored,
    Field(discriminator="kind"),
]  # fmt: skip
AnyState = Annotated[AnyReachable | AtHand | Proven | Told, Field(discriminator="kind")]

__all__ = [
    "EXECUTABLE", "INSTALLING", "Act", "AnyReachable", "AnyState", "AtHand", "Concern", "Copied", "DcomLocation",
    "Delivered", "Disabled", "Installed", "NoProcess", "Package", "Proven", "Reachable", "Renamed", "Restarted",
    "Restored", "Running", "State", "Stopped", "Told", "parts",
]  # fmt: skip
