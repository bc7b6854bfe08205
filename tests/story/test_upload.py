"""The bot brings the installer itself: sent once to each server, although it is killed in the middle."""

import hashlib
import os
from pathlib import Path

from stage import WITHIN, Story, kill_at

from bot.lab.demo import Lab
from bot.lab.windows import PACKAGE_PATH, PACKAGE_SHA256
from bot.runs.delivering import PIECE


def with_upload(lab: Lab, content: bytes) -> None:
    """As nps.toml would be with the installer beside it."""
    toml: Path = lab.folder / "nps.toml"
    text = toml.read_text(encoding="utf-8").replace(f"staged = '{PACKAGE_PATH}'", 'upload = "prm_setup.exe"')
    toml.write_text(text.replace(PACKAGE_SHA256, hashlib.sha256(content).hexdigest()), encoding="utf-8")
    (lab.folder / "prm_setup.exe").write_bytes(content)


def test_killed_in_the_middle_of_an_upload_the_bot_sends_the_rest(lab: Lab) -> None:
    with_upload(lab, os.urandom(2 * PIECE + 1))
    story = Story(lab)
    story.start()
    killed = kill_at(story, lab.backend, "receive_file", True)
    story.types("ana", "upgrade prod-dmz")
    card = story.card_with("prod-dmz-1", "nps:approve")
    assert "upload prm_setup.exe, 8.4 MB" in str(card.blocks)
    story.presses("ben", card, "nps:approve")
    assert story.bot
    story.bot.wait(WITHIN)
    assert killed()

    story.start()
    assert story.ended("prod-dmz-1").outcome == "done"
    brought = {"receive_file": 3, "finish_file": 1, "start_installer": 1}
    assert lab.backend.counts == {"back_up": 1} | brought
    assert lab.frontend.counts == {"rename_file": 1} | brought
    assert story.stop() == 0
    story.assert_sound()
