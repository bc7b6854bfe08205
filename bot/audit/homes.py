"""Who has opened the app's home lately, and what each was shown last; it is no event, for nothing depends on it."""

from dataclasses import dataclass
from datetime import datetime

from bot.audit.log import Audit


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A person's home; `account` is their Slack id, `shown` the hash of what Slack took last, `note` the answer to
    their last press, where it belongs there."""

    account: str
    opened: datetime
    shown: str | None
    note: str = ""


class Homes:
    """One row a person; `openings` counts how often somebody has opened theirs since the bot's start."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self.openings = 0

    def opened(self, account: str) -> None:
        """They look at it now; wakes who keeps it fresh."""
        self._set(account, note="")

    def noted(self, account: str, note: str) -> None:
        """They look at it now, and are told this until they open it again."""
        self._set(account, note=note)

    def _set(self, account: str, note: str) -> None:
        with self._audit.changed:
            row = {"account": account, "opened": self._audit.now().isoformat(), "note": note}
            self._audit.db.table("homes").upsert(row, pk="account")
            self.openings += 1
        self._audit.touch()

    def anybody(self, moment: datetime) -> bool:
        """Whether somebody opened theirs after the moment."""
        with self._audit.changed:
            return bool(
                list(self._audit.db.query("select 1 from homes where opened > ? limit 1", [moment.isoformat()]))
            )

    def since(self, moment: datetime) -> list[Opened]:
        """Those opened after the moment, in the order in which they should be served: who looks at an older view
        than what they opened it for, then who was served longest ago."""
        with self._audit.changed:
            rows = list(
                self._audit.db.query(
                    "select * from homes where opened > ?"
                    " order by shown_at is not null and shown_at > opened, coalesce(shown_at, ''), opened",
                    [moment.isoformat()],
                )
            )
        return [
            Opened(
                account=r["account"], opened=datetime.fromisoformat(r["opened"]), shown=r["shown"], note=r["note"] or ""
            )
            for r in rows
        ]

    def shown(self, account: str, digest: str) -> None:
        """Slack has taken that view."""
        with self._audit.changed:
            row = {"account": account, "shown": digest, "shown_at": self._audit.now().isoformat()}
            self._audit.db.table("homes").update(account, row)

    def forget(self, account: str) -> None:
        """Slack has no home for them."""
        with self._audit.changed:
            self._audit.db.table("homes").delete_where("account = ?", [account])
