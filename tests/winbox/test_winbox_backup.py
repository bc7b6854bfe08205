"""What stops the service on a server that was not written here: a backup and a restart; and which backups go."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from box import Site, until
from installing import soon
from keeping import BACKUPS, copied, done, held, manifest

from bot.errors import ActFailed
from bot.windows.facts import Query
from bot.windows.states import Act, Restarted, Running, Stopped

pytestmark = pytest.mark.winbox


def test_a_service_is_restarted_once_for_one_begin(site: Site) -> None:
    before = site.host.observe(Query())
    state = Restarted().since(before.clock)
    assert not state.holds(before)
    assert before.service is not None
    act = state.act(before)
    changed, after = site.host.act(act, soon(), then=state.query())
    assert changed
    assert after is not None
    assert after.service is not None
    assert state.holds(after), state.found(after)
    assert after.service.pid != before.service.pid
    changed, again = site.host.act(act, soon(), then=state.query())
    assert not changed
    assert again is not None
    assert again.service == after.service


def test_a_stopped_service_is_started_by_a_restart(site: Site) -> None:
    changed, after = done(site.host, Stopped())
    assert changed
    assert Stopped().holds(after)
    assert after.processes == ()
    assert not done(site.host, Stopped())[0]
    state = Restarted().since(after.clock)
    assert state.holds(done(site.host, state)[1])


def test_a_disabled_service_is_not_stopped_by_a_restart_that_could_not_start_it(site: Site) -> None:
    site.box.powershell("-Command", f"Set-Service {site.product.service} -StartupType Disabled")
    state = Restarted().since(site.host.observe(Query()).clock)
    with pytest.raises(ActFailed, match="is disabled, and would not start again"):
        done(site.host, state)
    after = site.host.observe(Query())
    site.box.powershell("-Command", f"Set-Service {site.product.service} -StartupType Automatic")
    assert after.service is not None
    assert after.service.state == "Running"


# --- backups --------------------------------------------------------------------------------------------------------


@contextmanager
def written_all_the_time(path: Path, enough: threading.Event) -> Iterator[None]:
    """A file too large to be read in an instant gets another content every few milliseconds, until it is enough."""

    def write() -> None:
        with path.open("r+b") as file:
            for i in range(10**9):
                if enough.wait(0.002):
                    return
                os.pwrite(file.fileno(), f"{i:09}".encode(), 0)

    kept, writer = path.read_bytes(), threading.Thread(target=write)
    path.write_bytes(bytes(20_000_000))
    writer.start()
    try:
        yield
    finally:
        enough.set()
        writer.join()
        path.write_bytes(kept)


def test_the_service_stands_still_for_the_copy_and_runs_again(site: Site) -> None:
    before = site.host.observe(Query())
    state = copied("prod-dmz-20", stop=True)
    changed, after = done(site.host, state)
    assert changed
    assert state.holds(after), state.found(after)
    assert before.service is not None
    assert after.service is not None
    assert after.service.state == "Running"
    assert after.service.pid != before.service.pid
    assert "the service stopped for the copy" in state.found(after)
    assert manifest(site, "prod-dmz-20")["version"] == "9.2.0.0"
    assert not done(site.host, state)[0]
    assert site.host.observe(Query()).service == after.service, "asked again, it is not stopped again"


def test_the_service_runs_again_when_the_copy_fails_and_that_is_told(site: Site) -> None:
    state = copied("prod-dmz-21", stop=True)
    with held(site, site.product.file("secrets.bin")), pytest.raises(ActFailed) as caught:
        done(site.host, state)
    assert "secrets.bin is held open by a program" in caught.value.sentence
    assert "The service runs again." in caught.value.sentence
    after = site.host.observe(state.query())
    assert Running().holds(after)
    assert after.backup is None
    assert after.left_stopped is None
    assert done(site.host, state)[0]


NOTE = r"C:\ProgramData\nps\service.stopped"


@pytest.fixture
def left_stopped(site: Site) -> Path:
    """As a copy leaves it that was cut off: the service is stopped, and there is the note of it."""
    done(site.host, Stopped())
    note = site.box.path(NOTE)
    told = {"service": "PRMService", "folder": rf"{BACKUPS}\prod-dmz-22", "since": "2026-01-01T00:00:00.0000000Z"}
    note.write_text(json.dumps(told))
    facts = site.host.observe(Query())
    assert facts.left_stopped is not None
    assert facts.left_stopped.model_dump() == told
    return note


def test_a_service_that_an_interrupted_copy_stopped_is_started_by_the_next_one(site: Site, left_stopped: Path) -> None:
    _, after = done(site.host, copied("prod-dmz-22", stop=True))
    assert Running().holds(after)
    assert after.left_stopped is None
    assert not left_stopped.exists()


def test_a_service_that_an_interrupted_copy_stopped_is_started_for_whoever_asks(site: Site, left_stopped: Path) -> None:
    assert site.host.start_left_stopped()
    assert Running().holds(site.host.observe(Running().query()))
    assert not left_stopped.exists()
    done(site.host, Stopped())
    assert not site.host.start_left_stopped(), "what was stopped on purpose stays so"
    assert site.host.observe(Query()).left_stopped is None


@pytest.mark.parametrize("order", ["start_service", "restart_service"])
def test_what_an_interrupted_copy_left_is_forgotten_with_the_next_order(
    site: Site, left_stopped: Path, order: str
) -> None:
    now = datetime.now(UTC).isoformat()
    site.host.act(Act(verb=order, args={"service": site.product.service, "since": now}), soon())
    assert not left_stopped.exists()
    done(site.host, Stopped())
    assert site.host.observe(Query()).left_stopped is None


def test_a_copy_that_takes_too_long_for_a_stopped_service_is_given_up_in_time(site: Site) -> None:
    state = copied("prod-dmz-29", stop=True)
    act = state.act(site.host.observe(state.query()))
    with pytest.raises(ActFailed) as caught:
        site.host.act(act.model_copy(update={"args": act.args | {"standstill": 0}}), soon())
    assert "The copy takes too long for a service that stands still" in caught.value.sentence
    assert "The service runs again." in caught.value.sentence
    after = site.host.observe(state.query())
    assert Running().holds(after)
    assert (after.backup, after.left_stopped) == (None, None)


def test_a_service_that_was_stopped_before_stays_so(site: Site) -> None:
    done(site.host, Stopped())
    _, after = done(site.host, copied("prod-dmz-23", stop=True))
    assert Stopped().holds(after)


def test_either_spelling_of_the_questions_is_saved_and_recorded(site: Site) -> None:
    there = site.box.path(site.product.file("Predefined Questions.txt"))
    other = there.rename(there.with_name("PredefinedQuestions.txt"))
    try:
        state = copied("prod-dmz-28")
        _, after = done(site.host, state)
    finally:
        other.rename(there)
    assert state.holds(after), "no file is missed"
    assert "secrets.bin, PredefinedQuestions.txt, Templates" in state.found(after)
    assert "PredefinedQuestions.txt" in [file["name"] for file in manifest(site, "prod-dmz-28")["files"]]


def test_a_torn_copy_is_made_again_and_one_that_stays_torn_proposes_to_stop_the_service(site: Site) -> None:
    path, enough = site.box.path(site.product.file("alinfo.bin")), threading.Event()
    state = copied("prod-dmz-24")
    with written_all_the_time(path, enough), pytest.raises(ActFailed) as caught:
        done(site.host, state)
    assert "alinfo.bin changed while it was copied, 3 times. Set stop_service = true" in caught.value.sentence
    assert site.host.observe(state.query()).backup is None

    copy, enough = site.box.path(f"{BACKUPS}\\prod-dmz-25") / "alinfo.bin", threading.Event()
    with written_all_the_time(path, enough):
        stopper = threading.Thread(target=lambda: (until(copy.exists), enough.wait(0.3), enough.set()))
        stopper.start()
        changed, _ = done(site.host, copied("prod-dmz-25"))
        stopper.join()
        assert changed
        assert copy.read_bytes() == path.read_bytes()


def test_a_backup_without_room_copies_nothing(site: Site) -> None:
    huge = site.box.path(site.product.file("secrets.bin"))
    kept = huge.read_bytes()
    os.truncate(huge, 8 * 10**12)
    try:
        with pytest.raises(ActFailed, match=r"There is no room for the copies: .* MB are needed on C:"):
            done(site.host, copied("prod-dmz-26"))
    finally:
        huge.write_bytes(kept)
    assert not site.box.path(f"{BACKUPS}\\prod-dmz-26").exists()


def test_the_folder_of_another_store_is_moved_aside_and_kept(site: Site) -> None:
    done(site.host, copied("prod-dmz-27"))
    other = copied("prod-dmz-27").model_copy(update={"store": "ffff"})
    assert not other.holds(site.host.observe(other.query()))
    changed, after = done(site.host, other)
    assert changed
    assert other.holds(after)
    assert (site.box.path(f"{BACKUPS}\\prod-dmz-27.a1b2") / "secrets.bin").exists()


def test_a_folder_that_a_user_has_made_is_refused(site: Site) -> None:
    folder = site.box.path(f"{BACKUPS}\\theirs-1")
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    os.chown(folder, 1, 1)
    with pytest.raises(ActFailed, match=r"theirs-1 belongs to S-1-\S+, not to an administrator"):
        done(site.host, copied("theirs-1"))
    assert list(folder.iterdir()) == []


def test_older_backups_go_once_there_is_a_new_one(site: Site) -> None:
    made, root = [], site.box.path(BACKUPS)
    for i in range(1, 5):
        done(site.host, copied(f"ret-{i}"))
        made.append(f"ret-{i}")
    for name in ("ret-dmz-1", "other", "ret-9"):  # another environment's, somebody's, one without a manifest
        (root / name).mkdir()
        (root / name / "secrets.bin").write_bytes(b"x")
    for name, told in (("ret-6", {"store": "ffff"}), ("ret-7", {})):  # another store's, and one that a user owns
        (root / name).mkdir()
        (root / name / "manifest.json").write_text(
            json.dumps(manifest(site, "ret-1") | {"folder": rf"{BACKUPS}\{name}"} | told)
        )
    os.chown(root / "ret-7", 1, 1)
    strange = manifest(site, "ret-1") | {"folder": r"C:\elsewhere"}
    (root / "ret-8").mkdir()
    (root / "ret-8/manifest.json").write_text(json.dumps(strange))

    state = copied("ret-5", keep=2)
    facts = site.host.observe(state.query())
    _, after = site.host.act(state.sparing(facts, ("ret-1",)), soon(), then=state.query())
    assert after is not None
    assert state.found(after).endswith("older ones removed: ret-3, ret-2")
    left = ["ret-1", "ret-4", "ret-5", "ret-6", "ret-7", "ret-8", "ret-9", "ret-dmz-1"]
    assert sorted(p.name for p in root.glob("ret-*")) == left
    assert (root / "other/secrets.bin").exists()


def test_what_only_points_elsewhere_is_never_entered(site: Site) -> None:
    root, elsewhere = site.box.path(BACKUPS), site.box.path(r"C:\elsewhere")
    done(site.host, copied("point-1"))
    (elsewhere / "deep").mkdir(parents=True)
    (elsewhere / "deep/kept.txt").write_text("kept")
    for folder in (root / "point-1", root / "point-1/Templates"):
        (folder / "link").symlink_to(os.path.relpath(elsewhere, folder))
    _, after = done(site.host, copied("point-2", keep=1))
    assert after.backup is not None
    # Wine does not remove what points to a folder that is not empty, as Windows does.
    assert "point-1" in str((after.backup.removed, after.backup.left))
    assert (elsewhere / "deep/kept.txt").read_text() == "kept"


def test_copies_that_were_never_finished_go_after_90_days(site: Site) -> None:
    root = site.box.path(BACKUPS)
    for number, days, store in ((1, 91, "a1b2"), (2, 89, "a1b2"), (3, 91, "ffff"), (4, 91, "a1b2")):
        folder = root / f"half-{number}"
        folder.mkdir()
        (folder / "secrets.bin").write_bytes(b"x")
        begun = folder / "unfinished.json"
        begun.write_text(json.dumps({"folder": rf"{BACKUPS}\half-{number}", "store": store}))
        then = datetime.now(UTC).timestamp() - days * 86400
        os.utime(begun, (then, then))
    with held(site, site.product.file("secrets.bin")), pytest.raises(ActFailed):
        done(site.host, copied("half-5"))
    assert (root / "half-5/unfinished.json").exists()
    state = copied("half-6", keep=3)
    act = state.sparing(site.host.observe(state.query()), ("half-4",))
    _, after = site.host.act(act, soon(), then=state.query())
    assert after is not None
    assert after.backup is not None
    assert after.backup.removed == ("half-1 (never finished)",)
    assert sorted(p.name for p in root.glob("half-*")) == [f"half-{n}" for n in range(2, 7)]
    assert not (root / "half-6/unfinished.json").exists()


def test_a_backup_is_there_before_any_older_one_goes(site: Site) -> None:
    """Whatever goes wrong with those."""
    state = copied("order-1", keep=2)
    act = state.act(site.host.observe(state.query()))
    with pytest.raises(ActFailed):
        site.host.act(act.model_copy(update={"args": act.args | {"keep": "no number"}}), soon())
    changed, after = done(site.host, state)
    assert not changed
    assert state.holds(after), state.found(after)
