"""The tables, in the order in which they came to be; a migration that has landed is never edited."""

from sqlite_utils import Migrations
from sqlite_utils.db import Database

migrations = Migrations("nps")

GUARDS = """
create trigger events_no_update before update on events begin select raise(abort, 'the audit log is append-only'); end;
create trigger events_no_delete before delete on events begin select raise(abort, 'the audit log is append-only'); end;
create trigger events_no_replace before insert on events
  when exists (select 1 from events where seq = new.seq or key = new.key)
  begin select raise(abort, 'the audit log is append-only'); end;
"""


@migrations()
def m001_events(db: Database) -> None:
    """Keys are unique: that is the only exactly-once mechanism. The triggers stop accidents, the chain tells of
    intent."""
    db.execute(
        "create table events (seq integer primary key, run text, key text unique, at text not null,"
        " actor text not null, kind text not null, data text not null, previous text not null, hash text not null)"
    )
    db.execute("create index events_run on events (run, seq)")
    for statement in GUARDS.strip().split("end;"):
        if statement.strip():
            db.execute(f"{statement} end")


@migrations()
def m002_followers(db: Database) -> None:
    """Where each follower stands, what Slack shows, how far installers are, who is in which user group."""
    db.execute("create table cursors (follower text primary key, seq integer not null)")
    db.execute(
        "create table progress (run text, step integer, attempt integer, line text, percent integer, at text,"
        " primary key (run, step))"
    )
    db.execute("create table groups (id text primary key, members text not null, at text not null)")
    db.execute(
        "create table messages (run text, name text, thread text, channel text not null, rank integer not null,"
        " wanted text not null, wanted_hash text not null, version integer not null, sent_hash text, ts text,"
        " link text, state text not null, at text not null, broadcast integer not null, primary key (run, name))"
    )


@migrations()
def m_homes(db: Database) -> None:
    """Who opened the app's home when, and what each was shown last."""
    db.execute("create table homes (account text primary key, opened text not null, shown text, shown_at text)")


@migrations()
def m_channels(db: Database) -> None:
    """Which channels are shared with another organisation, as Slack told last."""
    db.execute("create table channels (id text primary key, shared integer not null, at text not null)")


@migrations()
def m_kinds(db: Database) -> None:
    """Whoever asks for the events of a kind need not read every plan."""
    db.execute("create index events_kind on events (kind, seq)")


@migrations()
def m_home_notes(db: Database) -> None:
    """The answer to a press in the home, where nothing else could show it."""
    db.execute("alter table homes add column note text")
