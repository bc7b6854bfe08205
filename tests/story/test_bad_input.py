"""Anything typed anywhere is answered with one short line; nothing runs, no host is touched, no trace is left."""

from collections.abc import Iterator

import pytest
from stage import Story

from bot.commands import REASON_LIMIT, TABLE, Usage, form
from bot.do import ask
from bot.lab.demo import CHANNEL, Lab

NASTY = {
    "unknown": "no-such-thing",
    "misspelt": "prod-dmx",
    "an unknown run": "prod-dmz-9999999",
    "10,000 characters": "x" * 10_000,
    "10,000 emoji": "🐙" * 10_000,
    "a quote": 'prod"dmz',
    "curly quotes": "“prod’dmz„",
    "a semicolon": ";reboot;",
    "a subshell": "$(reboot)",
    "backticks": "`reboot`x",
    "a pipe": "prod-dmz|reboot&",
    "a line break": "prod\ndmz",
    "a carriage return": "prod\rdmz",
    "right to left": "\u202eprod\u200f-\u2067dmx\u2069",
    "zero width": "prod\u200b\ufeff-dmz-0",
    "emoji": "🐙-👩🏽‍🚒",
    "control characters": "\x00prod\x1b[2J\x07dmx",
    "a path": "../../etc/passwd",
    "a mention": "<!channel>",
    "a link": "<https://evil.example|prod>",
    "percent": "%s%n{0}{run}",
    "no UTF-8": "prod\udcff",
    "SQL": "x'--",
}  # fmt: skip
SLOTS = {"ENV": "prod-dmz", "RUN": "prod-dmz-1", "PACKAGE": "9.3", "HASH": "abcdef", "COMMAND": "help"}
LINE = 300


def _typed(part: str) -> str:
    """What is typed for it; a word of the grammar stands for itself."""
    name = part.strip("[]")
    return SLOTS.get(name, name)


def texts(usage: Usage) -> Iterator[str]:
    """Each argument of the command bad in turn, the ones before it good; each missing; one too many."""
    slots = [part for part in usage.parts if "REASON" not in part]
    wants_reason = any("REASON" in part for part in usage.parts)
    because = " because CR-1" if wants_reason else ""
    for place, part in enumerate(slots):
        before = " ".join(_typed(name) for name in slots[:place])
        for nasty in NASTY.values():
            yield f"{usage.word} {before} {nasty}{because}"
        if not part.startswith("["):
            yield f"{usage.word} {before}{because}"
    full = " ".join(_typed(name) for name in slots)
    yield f"{usage.word} {full} one more{because}"
    if wants_reason:
        yield f"{usage.word} {full} because {'x' * (REASON_LIMIT + 1)}"
        yield f"{usage.word} {full} because {'🐙' * 10_000}"
    else:
        yield f"{usage.word} {full} because of nothing"
    if "because REASON" in usage.parts:
        yield f"{usage.word} {full}"
        yield f"{usage.word} {full} because \u202e"


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """One bot for all; Ana may run, so that only the input is at fault. Whatever was typed, it is well at the end."""
    with Lab(tmp_path_factory.mktemp("bad"), installer_seconds=0.2) as lab:
        story = Story(lab)
        story.start()
        yield story
        assert story.types("ana", "status") == "*prod-dmz*: nothing runs"
        story.end()
        story.assert_sound()
        kinds = [type(item.event).__name__ for item in story.events()]
        assert kinds == ["StoreCreated", "Configured"], "nothing was recorded as a run"
        assert story.slack.messages(CHANNEL) == []
        assert story.lab.backend.requests == story.lab.frontend.requests == {}, "no host was asked anything"
        assert "Traceback" not in story.bot_log
        assert "could not be recorded" not in story.bot_log


def assert_one_line(answer: str, text: str) -> None:
    assert answer.strip(), text[:80]
    assert "\n" not in answer, (text[:80], answer)
    assert len(answer) <= LINE, (text[:80], answer)
    assert answer.count(". ") <= 1, (text[:80], answer)
    assert all(c.isprintable() for c in answer), (text[:80], answer)
    for unwanted in ("Traceback", "Error", "failed with the error", "could not be recorded"):
        assert unwanted not in answer, (text[:80], answer)


@pytest.mark.parametrize("usage", TABLE, ids=lambda usage: usage.word)
def test_in_slack_it_is_one_line_and_nothing_runs(story: Story, usage: Usage) -> None:
    for text in texts(usage):
        if "\udcff" not in text:  # JSON from Slack has none
            answer = story.types("ana", text)
            if form(text):
                assert answer == "", "the form asks the rest"
                continue
            assert_one_line(answer, text)
            assert "<!channel>" not in answer, answer
            assert "<https:" not in answer, answer


@pytest.mark.parametrize("usage", TABLE, ids=lambda usage: usage.word)
def test_in_a_terminal_it_is_one_line_and_nothing_runs(story: Story, usage: Usage) -> None:
    for text in texts(usage):
        [line] = ask(story.lab.folder / "var", text, follow=True)
        assert line["answer"]["kind"] == "bad", (text[:80], line)
        assert_one_line(line["answer"]["text"], text)


@pytest.mark.parametrize("nasty", NASTY.values(), ids=NASTY.keys())
def test_a_command_that_does_not_exist_is_one_line(story: Story, nasty: str) -> None:
    [line] = ask(story.lab.folder / "var", nasty, follow=True)
    assert_one_line(line["answer"]["text"], nasty)


@pytest.mark.parametrize(
    ("typed", "nearest"),
    [
        ("upgrad prod-dmz", "upgrade"),
        ("upgrade prod-dmx", "prod-dmz"),
        ("upgrade prod-dmz 9.4", "9.3"),
        ("help upgade", "upgrade"),
        ("stauts", "status"),
    ],
)
def test_the_nearest_valid_word_is_named(story: Story, typed: str, nearest: str) -> None:
    assert f"“{nearest}”" in story.types("ana", typed)


def test_the_program_itself_takes_any_argument_and_ends_with_2(story: Story) -> None:
    for text in ("", "🐙" * 10_000, "-1", "upgrade\nprod-dmx\x1b[2J$(reboot)"):
        done = story.do(*(["--", text] if text.startswith("-") else [text]))
        assert done.returncode == (0 if not text.strip() else 2), (text[:40], done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        assert "\x1b" not in done.stdout
