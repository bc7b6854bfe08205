"""Writes the README's table of commands from the one table; a test fails when it is stale. `make readme` calls it."""

from pathlib import Path

from bot.commands import TABLE

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- commands -->\n", "<!-- /commands -->"


def written(text: str) -> str:
    """The README with its table as the code has it."""
    rows = [f"| `{u.line}` | {u.summary} | {u.who} |" for u in TABLE]
    table = "\n".join(["| command | what it does | who |", "|---|---|---|", *rows])
    head, rest = text.split(BEGIN)
    return f"{head}{BEGIN}{table}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
