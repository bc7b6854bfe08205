"""A recording made just now of a listener that was not written here comes to the same when it is replayed."""

from pathlib import Path

import pytest
from box import Boxes
from recorded import FACTS, record, stage
from replaying import replaying

from bot.errors import AccessDenied, HostError
from bot.windows.channel import Channel
from bot.windows.recording import load

pytestmark = pytest.mark.winbox


@pytest.mark.parametrize(("name", "wanted"), [("shell_gone", [None, None]), ("no_rights", [AccessDenied])])
def test_what_is_recorded_now_comes_to_the_same_again(
    made_boxes: Boxes, tmp_path: Path, name: str, wanted: list[type[HostError] | None]
) -> None:
    path = tmp_path / "now.jsonl"
    with stage(made_boxes.new()) as server:
        record(server, name, path)
    with replaying(load(path)) as replay:
        channel = Channel(replay.login)
        for kind in wanted:
            if kind:
                with pytest.raises(kind):
                    channel.ask(FACTS, 60)
            else:
                assert set(channel.ask(FACTS, 60)[0]["computer"]) == {"x"}
        channel.close()
