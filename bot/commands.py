"""The grammar, help and usage of every command: one table, the same in Slack and in a terminal. Pure."""

import difflib
import re
from dataclasses import dataclass
from typing import Literal

from bot.errors import BadInput
from bot.texts import clean, short, typed, unescape

Part = Literal[
    "ENV", "[ENV]", "RUN", "[PACKAGE]", "[HASH]", "[take]", "[override]", "because REASON",
    "[because REASON]", "[COMMAND]",
]  # fmt: skip
FLAGS = ("[take]", "[override]")
"""Words of their own: the last one before the reason."""
REASON_LIMIT, TEXT_LIMIT = 500, 4000
LOOK, CHANGE, DECIDE = GROUPS = "Look", "Change an environment", "Decide about a run"
NAME = re.compile(r"[A-Za-z0-9_.-]{1,60}")
RUN = re.compile(r"[A-Za-z0-9_-]+-[0-9]{1,9}")
QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "„": "“", "«": "»", "`": "`"}


@dataclass(frozen=True, kw_only=True)
class Usage:
    """A row of the table; `who` is told in help, policy decides."""

    word: str
    parts: tuple[Part, ...]
    summary: str
    who: str
    detail: str = ""

    @property
    def line(self) -> str:
        return " ".join((self.word, *self.parts))

    @property
    def brief(self) -> str:
        """What the list of all says: the summary without its asides."""
        return self.summary.partition(";")[0]

    @property
    def group(self) -> str:
        """Under which heading of the list it stands."""
        if self.who == "anyone":
            return LOOK
        return DECIDE if self.parts[0] == "RUN" else CHANGE


TABLE: tuple[Usage, ...] = (
    Usage(
        word="plan", parts=("ENV", "[PACKAGE]"), who="anyone",
        summary="show what an upgrade would do; changes nothing",
        detail="Every step is foretold from what the servers say now. It needs no approval and no lock.",
    ),
    Usage(
        word="upgrade", parts=("ENV", "[PACKAGE]", "[override]", "[because REASON]"),
        who="may_run, approved by others; override: admins",
        summary="upgrade the servers of an environment",
        detail="The bot plans first, and starts once the plan is approved. override asks in spite of a freeze, for a "
        "reason that the channel reads at once and another approver reviews. "
        "In Slack, upgrade alone opens a form.",
    ),
    Usage(
        word="verify", parts=("ENV",), who="anyone",
        summary="check versions, services, renamed file, process and DCOM; changes nothing",
    ),
    Usage(
        word="backup", parts=("ENV",), who="may_run",
        summary="save the files that the article keeps for emergencies",
    ),
    Usage(
        word="rollback", parts=("ENV", "RUN", "[because REASON]"), who="may_run, approved by others",
        summary="binaries stay, later changes are lost: put back the files that RUN saved",
        detail="It stops the service, saves the present files too, puts the saved ones back from RUN's proven backup "
        "and starts the service. Where RUN saved them at another version, it asks once more.",
    ),
    Usage(
        word="restart", parts=("ENV", "[override]", "[because REASON]"), who="may_run; override: admins",
        summary="restart the service on the backend, once",
        detail="It stops for a moment; whoever uses the product then notices. It needs no approval.",
    ),
    Usage(
        word="status", parts=("[ENV]",), who="anyone",
        summary="what runs, and what waits for whom",
    ),
    Usage(
        word="history", parts=("[ENV]",), who="anyone",
        summary="the latest runs and how they ended",
    ),
    Usage(
        word="show", parts=("RUN",), who="anyone",
        summary="a run's plan, steps and decisions",
    ),
    Usage(
        word="approve", parts=("RUN", "[HASH]"), who="approvers, never one's own",
        summary="approve a run's plan, or a proposed repair or skip",
        detail="HASH is the 6 characters on the card: they name the very plan that you read.",
    ),
    Usage(
        word="reject", parts=("RUN", "because REASON"), who="approvers, may_run",
        summary="end a run before it starts, or turn a proposal down",
    ),
    Usage(
        word="abort", parts=("RUN", "because REASON"), who="may_run",
        summary="begin no further step; while an installer runs, it asks what to do with that",
    ),
    Usage(
        word="wait", parts=("RUN",), who="may_run",
        summary="let the installer of an aborted run finish",
        detail="That is also what happens if nobody answers.",
    ),
    Usage(
        word="end", parts=("RUN", "because REASON"), who="may_run",
        summary="end the installer of an aborted run, with all its processes",
        detail="It is ended at once, wherever it is: files may be left half-written. The server's own record says who "
        "ended it. Then think of a rollback.",
    ),
    Usage(
        word="pause", parts=("RUN",), who="may_run",
        summary="let the step that runs end, and begin no other until resume",
    ),
    Usage(
        word="resume", parts=("RUN",), who="may_run",
        summary="go on with a paused run",
    ),
    Usage(
        word="retry", parts=("RUN",), who="may_run",
        summary="try the failed step again",
    ),
    Usage(
        word="repair", parts=("RUN",), who="may_run, approved by others",
        summary="bring about what the failed check wants",
    ),
    Usage(
        word="skip", parts=("RUN", "because REASON"), who="may_run, approved by others",
        summary="go on without the failed step, or begin in spite of the warnings",
    ),
    Usage(
        word="lock", parts=("ENV", "[take]", "because REASON"), who="may_run; take: admins",
        summary="keep runs out of an environment until it is unlocked",
        detail="What is going on goes on; whatever else is asked for waits. take ends another's lock; they are told.",
    ),
    Usage(
        word="unlock", parts=("ENV", "[because REASON]"), who="who locked it; of another's lock: admins",
        summary="let runs into an environment again",
        detail="An admin also ends by it a run that holds the environment because its servers can't be asked; while "
        "somebody has locked it too, the run's name stands for ENV.",
    ),
    Usage(
        word="review", parts=("RUN", "because REASON"), who="approvers, never one's own",
        summary="close the review of a run that overrode a freeze",
        detail="Until then no upgrade of its environment is taken. The reason is what you found.",
    ),
    Usage(
        word="help", parts=("[COMMAND]",), who="anyone",
        summary="this list, or one command in full",
    ),
)  # fmt: skip
USAGES = {usage.word: usage for usage in TABLE}


@dataclass(frozen=True, kw_only=True)
class Command:
    """What somebody asks for. `gate` is set by a button and names the question that it answered."""

    word: str
    environment: str | None = None
    package: str | None = None
    run: str | None = None
    hash: str | None = None
    reason: str = ""
    topic: str | None = None
    flag: str | None = None
    gate: str | None = None

    @property
    def text(self) -> str:
        """The command as one would type it."""
        pressed = self.hash if self.word == "approve" else None
        words = [self.word, self.environment, self.package, self.run, pressed, self.topic, self.flag]
        return " ".join(w for w in words if w) + (f" because {self.reason}" if self.reason else "")


def parse(text: str) -> Command:
    """The command that a text asks for; raises BadInput with one sentence and the line to type."""
    if len(text) > TEXT_LIMIT:
        raise BadInput(f"That is {len(text)} characters; a command has at most {TEXT_LIMIT}.", "Shorten it.")
    words, reason = _split(clean(unescape(text)))
    if not words:
        return Command(word="help")
    usage = _usage(words[0])
    takes = {"because REASON", "[because REASON]"} & set(usage.parts)
    if reason is not None and not takes:
        raise BadInput(f"{usage.word} takes no reason.", _type(usage))
    if not reason and (reason is not None or "because REASON" in takes):
        raise BadInput(f"{usage.word} needs a reason{' after because' if reason == '' else ''}.", _type(usage))
    if reason and len(reason) > REASON_LIMIT:
        raise BadInput(f"The reason has {len(reason)} characters; at most {REASON_LIMIT} are kept.", "Shorten it.")
    return _filled(usage, words[1:], reason or "")


def form(text: str) -> Command | None:
    """The upgrade that a text asks for without saying of what: in Slack a form asks the rest."""
    words, reason = _split(clean(unescape(text[: TEXT_LIMIT + 1])))
    is_bare = [word.lower() for word in words] == ["upgrade"] and len(reason or "") <= REASON_LIMIT
    return Command(word="upgrade", reason=reason or "") if is_bare else None


def _split(text: str) -> tuple[list[str], str | None]:
    """The words, and the reason: from the first ` because ` to the end, quotes around it taken off; None without."""
    head, found, reason = f"{text} ".partition(" because ")
    return [_unquoted(word) for word in head.split()], _unquoted(reason.strip()) if found else None


def _unquoted(text: str) -> str:
    """Quotes around the whole come off; those that end before its end, or begin after its start, are its own."""
    if len(text) < 2 or text[0] not in QUOTES or text[-1] not in (QUOTES[text[0]], text[0]):
        return text
    inner = text[1:-1].strip()
    return text if {text[0], text[-1]} & set(inner) else _unquoted(inner)


def _usage(word: str) -> Usage:
    found = USAGES.get(word.lower())
    if found is None:
        raise BadInput(f"There is no command “{short(word)}”.", nearest(word.lower(), USAGES, "help lists them all."))
    return found


def nearest(word: str, known: object, otherwise: str = "") -> str:
    """The next move for a misspelt word: the nearest known one, or what else to do."""
    names = list(known)  # type: ignore[call-overload]
    close = difflib.get_close_matches(short(word), names, n=1, cutoff=0.5)
    return f"Did you mean “{close[0]}”?" if close else otherwise


def _type(usage: Usage) -> str:
    return f"Type: {typed(usage.line)}"


def _filled(usage: Usage, words: list[str], reason: str) -> Command:
    slots = [part for part in usage.parts if "REASON" not in part and part not in FLAGS]
    needed = [part for part in slots if not part.startswith("[")]
    words, flag = _flagged(usage, words, len(needed))
    if len(words) < len(needed):
        missing = {"ENV": "an environment", "RUN": "a run"}[needed[len(words)]]
        raise BadInput(f"{usage.word} needs {missing}.", _type(usage))
    if len(words) > len(slots):
        raise BadInput(f"{usage.word} does not know what “{short(words[len(slots)])}” means here.", _type(usage))
    values = {
        part.strip("[]"): _checked(usage, part.strip("[]"), word) for part, word in zip(slots, words, strict=False)
    }
    return Command(
        word=usage.word, environment=values.get("ENV"), package=values.get("PACKAGE"), run=values.get("RUN"),
        hash=values.get("HASH"), topic=values.get("COMMAND"), flag=flag, reason=reason,
    )  # fmt: skip


def _flagged(usage: Usage, words: list[str], needed: int) -> tuple[list[str], str | None]:
    """The other words, and the flag where there is one."""
    flag = next((part.strip("[]") for part in usage.parts if part in FLAGS), None)
    if flag is None or len(words) <= needed or words[-1].lower() != flag:
        return words, None
    return words[:-1], flag


def _checked(usage: Usage, part: str, word: str) -> str:
    if part == "COMMAND":
        return _usage(word).word
    if part == "HASH":
        if not re.fullmatch(r"[0-9a-fA-F]{6,64}", word):
            raise BadInput(f"“{short(word)}” is no hash.", "It is the 6 characters on the card, such as 3f9a1c.")
        return word.lower()
    if part == "RUN" and not RUN.fullmatch(word):
        raise BadInput(
            f"“{short(word)}” is no run.", "A run is named like prod-dmz-17; status lists those that are open."
        )
    if not NAME.fullmatch(word):
        kind = {"ENV": "environment", "PACKAGE": "package", "RUN": "run"}[part]
        article = "an" if kind == "environment" else "a"
        raise BadInput(f"“{short(word)}” can't be the name of {article} {kind}.", _type(usage))
    return word


def help_text(topic: str | None = None) -> str:
    """Help that fits a phone; one command in full where a topic is given."""
    if topic is None:
        told = ["Type `/nps` and one of these.", *(line for group in GROUPS for line in _group(group))]
        return "\n".join(
            [
                *told,
                "",
                f"{typed('help COMMAND')} tells more of one.",
                "The app's Home in Slack shows what waits for you.",
            ]
        )
    usage = USAGES[topic]
    return "\n".join(
        line for line in (f"`{usage.line}`", f"{usage.summary}.", usage.detail, f"Who: {usage.who}.") if line
    )


def _group(title: str) -> list[str]:
    rows = [usage for usage in TABLE if usage.group == title]
    return ["", f"*{title}*", *(line for usage in rows for line in (f"`{usage.line}`", f"  {usage.brief}"))]
