"""The fold: what a run looks like now, told by its events alone, and the one move that comes next. Pure."""

from bot.view.environment import EnvironmentView, Lock, OpenReview, fold_environment
from bot.view.folding import fold
from bot.view.model import Absence, Gate, Pause, Proposal, Reminder, Run, Said, StepView
from bot.view.moves import (
    Admit,
    AskPeople,
    EndInstallers,
    Finish,
    MakePlan,
    Move,
    Release,
    Rest,
    Settle,
    Start,
    Work,
    next_move,
)  # fmt: skip
from bot.view.versions import Seen, newest_versions

__all__ = [
    "Absence", "Admit", "AskPeople", "EndInstallers", "EnvironmentView", "Finish", "Gate", "Lock", "MakePlan", "Move",
    "OpenReview", "Pause", "Proposal", "Release", "Reminder", "Rest", "Run", "Said", "Seen", "Settle", "Start",
    "StepView", "Work", "fold", "fold_environment", "newest_versions", "next_move",
]  # fmt: skip
