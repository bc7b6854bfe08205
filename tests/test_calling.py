"""What a person is told where their act could not be recorded: never silence, never a trace."""

import pytest

from bot.errors import AuditFault
from bot.intake import Answer
from bot.slack.calling import NOT_RECORDED, guarded


def failing(fault: Exception) -> Answer:
    raise fault


def test_a_fault_that_has_a_sentence_is_told_by_it(caplog: pytest.LogCaptureFixture) -> None:
    fault = AuditFault("This version of the bot can't read the events of <prod-1>.", "Start the other one.")
    told = guarded(lambda: failing(fault))
    assert (told.kind, told.text) == (
        "bad",
        "Nothing was done. This version of the bot can't read the events of &lt;prod-1&gt;. Start the other one.",
    )
    assert "could not be recorded" in caplog.text


def test_any_other_is_told_by_a_sentence_of_ours_and_kept_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    assert guarded(lambda: failing(ValueError("secret"))).text == NOT_RECORDED
    assert "Traceback" in caplog.text
