"""The grammar: any text is a command whose fields keep their form, or one short sentence that names the fault."""

import re
import unicodedata

import pytest
from cases import load
from hypothesis import example, given
from hypothesis import strategies as st

from bot.commands import (
    GROUPS,
    NAME,
    QUOTES,
    REASON_LIMIT,
    RUN,
    TABLE,
    TEXT_LIMIT,
    USAGES,
    Command,
    form,
    help_text,
    nearest,
    parse,
)
from bot.errors import BadInput
from bot.texts import clean, escape, unescape, untyped

HOSTILE = [
    "", " ", "\n", "because", " because ", "'", '"', "“", "”", "‘", "’", "„", "«", "`", ";", "&&", "$(reboot)",
    "`reboot`", "\u202e", "\u200f", "\u2066", "\ufeff", "🔥", "👩\u200d💻", "&lt;", "&gt;", "&amp;", "&amp;lt;",
    "<!here>", "<@U0BEN>", "<#C0OPS>", "@channel", "prod-dmz", "prod-dmz-17", "9.3", "3f9a1c", "-1", "--", "\x00",
    "\ud800", "٣", "prod-dmz-٣", "%s", "{0}", "\\", "'; drop table events; --", "| iex", "ﬀ", "İ", "at", "override",
    "a" * 70, "x-1" * 30,
]  # fmt: skip
words = st.sampled_from([*HOSTILE, *USAGES, *(word.upper() for word in USAGES)])
texts = st.one_of(
    st.text(max_size=10_000),
    st.lists(st.one_of(words, st.text(max_size=20)), max_size=12).map(" ".join),
    st.tuples(st.sampled_from(sorted(USAGES)), st.lists(words, max_size=6)).map(lambda t: " ".join([t[0], *t[1]])),
)
FIELDS = {
    "environment": NAME, "package": NAME, "run": RUN, "hash": re.compile("[0-9a-f]{6,64}"),
    "topic": re.compile("|".join(USAGES)),
}  # fmt: skip


def assert_well_formed(command: Command) -> None:
    assert command.word in USAGES
    for field, pattern in FIELDS.items():
        value = getattr(command, field)
        assert value is None or pattern.fullmatch(value), field
    assert len(command.reason) <= REASON_LIMIT
    assert command.reason == clean(command.reason)
    assert command.gate is None, "only a button names a gate"


def assert_short_sentence(fault: BadInput) -> None:
    told = untyped(str(fault))
    assert 0 < len(told) < 300
    assert not {unicodedata.category(c) for c in told} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    assert fault.sentence.endswith(".")
    assert fault.next_move, "a person is told what to do instead"


@given(texts)
@example("a" * 10_000)
@example("upgrade " * 1200)
@example("skip prod-dmz-1 because " + "'\"" * 240)
@example("“" * 4000)
def test_any_text_is_a_command_of_the_grammar_or_one_short_sentence(text: str) -> None:
    try:
        command = parse(text)
    except BadInput as fault:
        assert_short_sentence(fault)
    else:
        assert_well_formed(command)
        assert parse(escape(command.text)) == command, "as Slack sends what one types"
        if unescape(command.text) == command.text:
            assert parse(command.text) == command, "as a terminal sends it"


reasons = st.text(min_size=1, max_size=REASON_LIMIT).map(clean).filter(
    lambda reason: reason and not (reason[0] in QUOTES and reason[-1] in (QUOTES[reason[0]], reason[0]))
)  # fmt: skip


@given(reasons, st.sampled_from(["", *'"“‘«`']))
def test_a_reason_is_kept_word_for_word_in_any_quotes(reason: str, quote: str) -> None:
    quoted = f"{quote}{reason}{QUOTES[quote]}" if quote and not {quote, QUOTES[quote]} & set(reason) else reason
    assert parse(f"upgrade prod-dmz because {escape(quoted)}").reason == reason


@given(st.text(max_size=50), st.text(max_size=50))
def test_marks_that_turn_the_writing_and_control_characters_are_gone(before: str, after: str) -> None:
    reason = parse(f"abort prod-dmz-1 because x{escape(before)}\u202e\u2067\x07{escape(after)}x").reason
    assert reason == clean(f"x{before}{after}x") or reason == clean(f"x{before} {after}x")
    assert not {unicodedata.bidirectional(c) for c in reason} & {"RLO", "LRO", "RLE", "LRE", "RLI", "LRI", "PDI", "PDF"}


@pytest.mark.parametrize("case", load("commands.toml", "good"))
def test_what_people_type_is_understood(case: dict[str, str]) -> None:
    wanted = {key: value for key, value in case.items() if key != "text"}
    assert parse(case["text"]) == Command(**wanted)  # type: ignore[arg-type]


@pytest.mark.parametrize("case", load("commands.toml", "bad"))
def test_a_fault_is_named_with_the_next_move(case: dict[str, str]) -> None:
    with pytest.raises(BadInput) as caught:
        parse(case["text"])
    assert untyped(str(caught.value)) == case["told"]


def test_a_text_that_is_too_long_is_refused_by_its_length() -> None:
    assert parse("status" + " " * (TEXT_LIMIT - 6)).word == "status"
    with pytest.raises(BadInput, match="4001 characters"):
        parse("status" + " " * (TEXT_LIMIT - 5))
    with pytest.raises(BadInput, match="501 characters"):
        parse("abort prod-dmz-1 because " + "x" * 501)


FILLED = {
    "ENV": "prod-dmz", "[ENV]": "prod-dmz", "RUN": "prod-dmz-17", "[PACKAGE]": "9.3", "[HASH]": "3f9a1c",
    "because REASON": "because CR-1234", "[because REASON]": "because CR-1234", "[COMMAND]": "plan",
    "[take]": "take", "[override]": "override",
}  # fmt: skip


@pytest.mark.parametrize("usage", TABLE, ids=lambda usage: usage.word)
def test_each_usage_can_be_typed_in_full_and_without_what_is_optional(usage) -> None:  # type: ignore[no-untyped-def]
    full = " ".join([usage.word, *(FILLED[part] for part in usage.parts)])
    assert parse(full).text == full
    needed = [FILLED[part] for part in usage.parts if not part.startswith("[")]
    bare = " ".join([usage.word, *needed])
    assert parse(bare).text == bare
    if needed:
        with pytest.raises(BadInput, match=f"^{usage.word} needs "):
            parse(" ".join([usage.word, *needed[:-1]]))


@pytest.mark.parametrize("usage", TABLE, ids=lambda usage: usage.word)
def test_each_command_has_help_that_tells_line_summary_and_who(usage) -> None:  # type: ignore[no-untyped-def]
    told = help_text(usage.word)
    assert told.splitlines()[0] == f"`{usage.line}`"
    assert usage.summary in told
    assert f"Who: {usage.who}." in told
    assert f"`{usage.line}`" in help_text()


def test_help_names_only_commands_that_exist() -> None:
    named = re.findall(r"^`(\w+)", help_text(), re.MULTILINE)
    assert set(named) == set(USAGES)
    assert len(help_text()) < 3000, "one answer in Slack"


def test_the_nearest_word_is_offered_only_where_it_is_near() -> None:
    assert nearest("prod-dnz", ["prod-dmz", "test"]) == "Did you mean “prod-dmz”?"
    assert nearest("zzz", ["prod-dmz"], "There are: prod-dmz.") == "There are: prod-dmz."


def test_the_list_of_all_names_each_command_once_under_its_heading_in_lines_that_fit_a_phone() -> None:
    lines = help_text().splitlines()
    headings = [line.strip("*") for line in lines if line.startswith("*")]
    assert headings == list(GROUPS)
    named = [line.strip("`").split()[0] for line in lines[:-2] if line.startswith("`")]
    assert sorted(named) == sorted(USAGES)
    assert max(len(line) for line in lines) <= 75, "two lines of a phone"


@pytest.mark.parametrize("text", ["upgrade", " UPGRADE ", "upgrade because CR-1234", "upgrade because “CR-1234”"])
def test_upgrade_alone_is_a_form(text: str) -> None:
    asked = form(text)
    assert asked
    assert (asked.word, asked.environment, asked.reason) == ("upgrade", None, "CR-1234" if "CR" in text else "")


@pytest.mark.parametrize("text", ["", "upgrade prod-dmz", "upgrade override", "plan", "upgrade because " + "x" * 501])
def test_what_says_more_or_other_is_typed(text: str) -> None:
    assert form(text) is None


@given(texts)
def test_any_text_is_a_form_or_not(text: str) -> None:
    asked = form(text)
    assert asked is None or (asked.word == "upgrade" and len(asked.reason) <= REASON_LIMIT)
