"""What Slack should show and what it shows: one row a message, its newest content only. Followers write wishes,
delivery reads them."""

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

from bot.audit.chain import canonical
from bot.audit.log import Audit
from bot.messages import AT_ONCE, UNHURRIED, Held, Message, buttons
from bot.texts import short

SELECT = "select m.*, t.ts as thread_ts from messages m left join messages t on t.run = m.run and t.name = m.thread"
METHOD = """case when m.ts is not null then 'chat.update' when m.state != 'sending' then 'chat.postMessage'
 when m.thread is null then 'conversations.history' else 'conversations.replies' end"""
"""What Slack is asked first for a message; one that may have been posted is looked for."""
SETTLED = timedelta(seconds=0.5)
DUE = f"""
{SELECT} where m.state != 'dropped' and (m.sent_hash is null or m.sent_hash != m.wanted_hash)
 and (m.thread is null or t.ts is not null)
 and not exists (select 1 from messages o where m.ts is null and o.ts is null and o.run = m.run
   and o.thread = m.thread and o.rowid < m.rowid and o.state != 'dropped'
   and o.run || ' ' || o.name not in (select value from json_each(:messages)))
 and (m.ts is not null or m.rank < :unhurried or m.at < :settled)
 and m.channel not in (select value from json_each(:channels))
 and m.run || ' ' || m.name not in (select value from json_each(:messages))
 and {METHOD} not in (select value from json_each(:methods))
 and (m.rank = :at_once or {METHOD} not in (select value from json_each(:spent)))
 order by m.rank != :at_once, m.ts is not null, m.rank, m.rowid limit 1"""
TEXT_LIMIT = 3900
"""What an edit may hold; a post may hold more."""


def _hash(body: dict[str, Any]) -> str:
    return hashlib.sha256(canonical(body).encode()).hexdigest()


class Outbox:
    """Rows survive crashes: `sending` after a start means that nobody knows whether Slack took it."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def wish(self, messages: list[Message]) -> None:
        """Sets what should be shown; an unchanged wish changes nothing, a changed one raises the version."""
        with self._audit.transaction():
            for message in messages:
                self._wish(message)

    def _wish(self, message: Message) -> None:
        db, wanted = self._audit.db, _hash(message.body)
        row = next(db.query("select * from messages where run = ? and name = ?", [message.run, message.name]), None)
        body = json.dumps(self._audit.masked(message.body), ensure_ascii=False)
        if row is None:
            db.table("messages").insert(
                {
                    "run": message.run, "name": message.name, "thread": message.thread, "channel": message.channel,
                    "rank": message.rank, "wanted": body, "wanted_hash": wanted, "version": 1, "sent_hash": None,
                    "ts": None, "link": None, "state": "new", "at": self._audit.now().isoformat(),
                    "broadcast": message.broadcast,
                }
            )  # fmt: skip
        elif row["wanted_hash"] != wanted or (row["ts"] is None and row["broadcast"] != message.broadcast):
            db.execute(
                "update messages set wanted = ?, wanted_hash = ?, version = version + 1, rank = ?,"
                " broadcast = case when ts is null then ? else broadcast end where run = ? and name = ?",
                [body, wanted, _rank(message, row), message.broadcast, message.run, message.name],
            )

    def due(self, held: Held) -> Message | None:
        """The message that leaves next: what takes buttons away, then posts, each by rank and age; a reply waits for
        its thread's first message. Later replies pass a held one."""
        given = {
            "channels": json.dumps(held.channels), "messages": json.dumps(held.messages),
            "methods": json.dumps(held.methods), "spent": json.dumps(held.spent),
            "at_once": AT_ONCE, "unhurried": UNHURRIED, "settled": (self._audit.now() - SETTLED).isoformat(),
        }  # fmt: skip
        row = next(self._audit_query(DUE, given), None)
        return _message(row) if row else None

    def _audit_query(self, sql: str, values: list[Any] | dict[str, Any]) -> Any:
        with self._audit.changed:
            return iter(list(self._audit.db.query(sql, values)))

    def sending(self, message: Message) -> None:
        """Said before the post leaves, so that a crash is seen."""
        self._set(message, state="sending")

    def sent(self, message: Message, ts: str) -> None:
        """What Slack now shows; a newer wish that came meanwhile stays due."""
        self._set(message, state="sent", ts=ts, sent_hash=message.wanted_hash)

    def refused(self, message: Message) -> None:
        """Slack answered and did not take it: there is nothing to look for before the next try."""
        self._set(message, state="new")

    def found(self, message: Message, ts: str) -> None:
        """An earlier try had reached Slack; what it shows may be an older wish, so an edit follows."""
        self._set(message, state="sent", ts=ts)

    def linked(self, message: Message, link: str) -> None:
        """Where the message is, for people to follow."""
        self._set(message, link=link)

    def plain(self, message: Message) -> None:
        """The text alone, where Slack will not show the blocks; a newer wish keeps its own."""
        text = json.dumps({"text": short(message.body["text"], TEXT_LIMIT), "blocks": []}, ensure_ascii=False)
        with self._audit.transaction():
            self._audit.db.execute(
                "update messages set wanted = ? where run = ? and name = ? and wanted_hash = ?",
                [text, message.run, message.name, message.wanted_hash],
            )

    def dropped(self, message: Message) -> None:
        """Slack will never take this message; it is not tried again."""
        self._set(message, state="dropped")

    def _set(self, message: Message, **change: Any) -> None:
        with self._audit.transaction():
            names = ", ".join(f"{name} = ?" for name in change)
            self._audit.db.execute(
                f"update messages set {names} where run = ? and name = ?", [*change.values(), message.run, message.name]
            )

    def of_run(self, run: str) -> dict[str, Message]:
        """Every message of a run by its name."""
        rows = self._audit_query(
            f"{SELECT} where m.run = ?",
            [run],
        )
        return {row["name"]: _message(row) for row in rows}

    def link(self, run: str) -> str | None:
        """Where the run's card is, once Slack has told."""
        row = next(self._audit_query("select link from messages where run = ? and name = 'card'", [run]), None)
        return row["link"] if row else None


def _rank(message: Message, row: dict[str, Any]) -> int:
    """A button that is valid no more is taken away at once; a newer wish for a message that still shows it hurries
    too."""
    if row["state"] == "new":
        return message.rank
    still_shown = row["rank"] == AT_ONCE and row["sent_hash"] != row["wanted_hash"]
    gone = buttons(json.loads(row["wanted"])) - buttons(message.body)
    return AT_ONCE if gone or still_shown else message.rank


def _message(row: dict[str, Any]) -> Message:
    return Message(
        run=row["run"], name=row["name"], channel=row["channel"], body=json.loads(row["wanted"]), rank=row["rank"],
        thread=row["thread"], broadcast=bool(row["broadcast"]), ts=row["ts"], thread_ts=row["thread_ts"],
        link=row["link"], state=row["state"], version=row["version"], wanted_hash=row["wanted_hash"],
        at=datetime.fromisoformat(row["at"]),
    )  # fmt: skip
