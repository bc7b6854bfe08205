"""What is asked in a window of its own, where typing is needed. Pure."""

from bot.slack.parts import Block
from bot.texts import short


def reason_modal(word: str, run: str, value: str) -> Block:
    """Asks for the reason that a word needs; its twin is the typed command."""
    label = {"reject": "Reject", "abort": "Abort", "skip": "Skip", "review": "Review"}[word]
    field: Block = {"type": "plain_text_input", "action_id": "reason", "max_length": 500, "multiline": False}
    return {
        "type": "modal",
        "callback_id": f"nps:{word}",
        "private_metadata": value,
        "title": {"type": "plain_text", "text": short(f"{label} {run}", 24)},
        "submit": {"type": "plain_text", "text": label},
        "close": {"type": "plain_text", "text": "Not now"},
        "blocks": [
            {
                "type": "input", "block_id": "reason", "element": field,
                "label": {"type": "plain_text", "text": "Reason, for the thread and the audit"},
            }
        ],
    }  # fmt: skip
