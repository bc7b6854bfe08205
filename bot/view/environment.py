"""The second fold: what an environment looks like now, told by the events that are about it and not about one run
alone. Pure; it asks no setting about the past."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from bot import events as e
from bot.events import Stored
from bot.view.model import Said

ABOUT = ("Locked", "Unlocked", "FreezeOverridden")
"""The events that name an environment; beside them it is told by these of the runs that overrode a freeze, and by the
last run that was admitted."""
REVIEWED = ("Started", "Ended", "Reviewed")


@dataclass(frozen=True, kw_only=True)
class Lock:
    """A person keeps runs out; `seq` is the place of its event and names it, `freed` says who ended it."""

    by: Said
    seq: int
    channel: str | None
    taken_from: str | None = None
    mention: str | None = None
    freed: Said | None = None
    freed_seq: int = 0
    lost: bool = False
    """Another person ended it."""
    taken: bool = False
    """By taking it over."""
    lost_mention: str | None = None


@dataclass(frozen=True, kw_only=True)
class OpenReview:
    """A run that was asked for in spite of a freeze: by whom, and why. It is reviewed once it has ended; one that ends
    without having started needs no review."""

    run: str
    by: Said
    freeze: str
    started: bool = False


@dataclass(frozen=True, kw_only=True)
class EnvironmentView:
    """An environment as it looks now; `ended_lock` is the last one that was ended."""

    name: str
    lock: Lock | None = None
    ended_lock: Lock | None = None
    reviews: tuple[OpenReview, ...] = ()
    admitted: str | None = None
    """The run that was the last to have it."""


def fold_environment(name: str, stored: Iterable[Stored]) -> EnvironmentView:
    """What these events tell, in the order of the log."""
    view = EnvironmentView(name=name)
    for item in stored:
        view = _apply(view, item)
    return view


def _apply(view: EnvironmentView, item: Stored) -> EnvironmentView:
    match item.event:
        case e.Locked() as event:
            said = Said(by=item.actor, at=item.at, text=event.reason)
            lock = Lock(
                by=said, seq=item.seq, taken_from=event.taken_from, mention=event.mention, channel=event.channel
            )
            return replace(_ended(view, item, event), lock=lock)
        case e.Unlocked() as event:
            return _ended(view, item, event)
        case e.FreezeOverridden() as event:
            said = Said(by=item.actor, at=item.at, text=event.reason)
            opened = OpenReview(run=item.run or "", by=said, freeze=event.freeze)
            return replace(view, reviews=(*view.reviews, opened))
        case e.Admitted():
            return replace(view, admitted=item.run)
        case e.Started():
            reviews = (replace(one, started=True) if one.run == item.run else one for one in view.reviews)
            return replace(view, reviews=tuple(reviews))
        case e.Reviewed():
            return replace(view, reviews=tuple(one for one in view.reviews if one.run != item.run))
        case e.Ended():
            return replace(view, reviews=tuple(one for one in view.reviews if one.started or one.run != item.run))
        case _:
            return view


def _ended(view: EnvironmentView, item: Stored, event: e.Locked | e.Unlocked) -> EnvironmentView:
    if view.lock is None:
        return view
    said = Said(by=item.actor, at=item.at, text=event.reason)
    lost, taken = event.taken_from is not None, isinstance(event, e.Locked)
    over = replace(view.lock, freed=said, freed_seq=item.seq, lost=lost, taken=taken, lost_mention=event.mention)
    return replace(view, lock=None, ended_lock=over)
