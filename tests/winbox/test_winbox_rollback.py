"""Saved files put back on a server that was not written here: from a proven backup only; what is unsaved is kept."""

import json
import shutil
from collections.abc import Iterator

import pytest
from box import Site
from installing import soon
from keeping import BACKUPS, copied, done, held

from bot.errors import ActFailed
from bot.windows.states import Proven, Restored, Running, Stopped

pytestmark = pytest.mark.winbox

FROM, OWN = f"{BACKUPS}\\back-1", f"{BACKUPS}\\back-2"
PUT_BACK = Restored(run="back-1", folder=FROM, saved=OWN)


@pytest.fixture
def written(site: Site) -> Iterator[Site]:
    """Saved by back-1, written since, one file lost, the service stopped, and the present files saved by back-2."""
    for folder in (FROM, OWN):
        shutil.rmtree(site.box.path(folder), ignore_errors=True)
    product = site.box.path(site.product.folder)
    before = {p: p.read_bytes() for p in product.rglob("*") if p.is_file() and p.suffix != ".exe"}
    done(site.host, copied("back-1"))
    (product / "secrets.bin").write_bytes(b"written since")
    (product / "Templates/de/welcome.html").unlink()
    (product / "Templates/new.html").write_bytes(b"new since")
    done(site.host, Stopped())
    done(site.host, copied("back-2"))
    yield site
    (product / "Templates/new.html").unlink()
    for path, content in before.items():
        path.write_bytes(content)


def test_the_saved_files_are_put_back_and_all_else_stays(written: Site) -> None:
    product = written.box.path(written.product.folder)
    facts = written.host.observe(PUT_BACK.query())
    assert facts.saved is not None
    assert set(facts.saved.differing) == {"secrets.bin", r"Templates\de\welcome.html"}
    assert facts.saved.damaged == ()
    assert Proven(run="back-1", folder=FROM, store="a1b2").concerns(facts) == ()
    changed, after = done(written.host, PUT_BACK)
    assert changed
    assert PUT_BACK.holds(after)
    assert (product / "secrets.bin").read_bytes() == bytes(range(256))
    assert (product / "Templates/de/welcome.html").read_text() == "<p>Willkommen</p>"
    assert (product / "Templates/new.html").read_bytes() == b"new since"
    assert not list(product.rglob("*.nps-*"))
    assert (written.box.path(OWN) / "secrets.bin").read_bytes() == b"written since"
    assert not done(written.host, PUT_BACK)[0]


def test_half_put_back_is_gone_on_with(written: Site) -> None:
    product = written.box.path(written.product.folder)
    (product / "secrets.bin").write_bytes(bytes(range(256)))
    changed, after = done(written.host, PUT_BACK)
    assert changed
    assert PUT_BACK.holds(after)


def test_what_was_written_after_the_saving_is_not_lost(written: Site) -> None:
    path = written.box.path(written.product.file("secrets.bin"))
    path.write_bytes(b"written after all")
    with pytest.raises(ActFailed, match=r"secrets\.bin is not the file that was saved in .*back-2: it was"):
        done(written.host, PUT_BACK)
    assert path.read_bytes() == b"written after all"


def test_nothing_is_put_back_under_a_running_service(written: Site) -> None:
    act = PUT_BACK.act(written.host.observe(PUT_BACK.query()))
    done(written.host, Running())
    with pytest.raises(ActFailed, match="somebody has started it"):
        written.host.act(act, soon())
    assert written.box.path(written.product.file("secrets.bin")).read_bytes() == b"written since"


def test_a_damaged_backup_is_seen_and_nothing_of_it_is_put_back(written: Site) -> None:
    (written.box.path(FROM) / "alinfo.bin").write_bytes(b"rotten")
    facts = written.host.observe(PUT_BACK.query())
    [concern] = Proven(run="back-1", folder=FROM, store="a1b2").concerns(facts)
    assert (concern.stops, "damaged: alinfo.bin" in concern.sentence) == (True, True)
    with pytest.raises(ActFailed, match=r"is damaged: alinfo\.bin\. Nothing was put back"):
        written.host.act(PUT_BACK.act(facts), soon())
    assert written.box.path(written.product.file("secrets.bin")).read_bytes() == b"written since"


def test_a_backup_that_is_not_there_is_seen_and_nothing_is_put_back(written: Site) -> None:
    (written.box.path(FROM) / "manifest.json").unlink()
    facts = written.host.observe(PUT_BACK.query())
    assert facts.saved is None
    assert Proven(run="back-1", folder=FROM).concerns(facts)[0].stops
    with pytest.raises(ActFailed, match="There is no proven backup"):
        written.host.act(PUT_BACK.act(facts), soon())


def test_a_manifest_that_leaves_its_folder_is_refused(written: Site) -> None:
    path = written.box.path(FROM) / "manifest.json"
    told = json.loads(path.read_text())
    told["files"][0]["name"] = r"..\..\..\windows\evil.dll"
    path.write_text(json.dumps(told))
    with pytest.raises(ActFailed, match="leaves"):
        written.host.observe(PUT_BACK.query())


def test_a_file_in_use_is_told_and_the_rest_is_gone_on_with_later(written: Site) -> None:
    act = PUT_BACK.act(written.host.observe(PUT_BACK.query()))
    with held(written, written.product.file("secrets.bin")), pytest.raises(ActFailed) as caught:
        written.host.act(act, soon())
    assert "Close what holds it open" in caught.value.next_move
    assert PUT_BACK.holds(done(written.host, PUT_BACK)[1])
