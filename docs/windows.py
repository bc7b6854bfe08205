"""Puts docs/windows.md together from the rows in docs/windows/; a test fails when it is stale. `make readme` calls it.

A file of rows is the body of a Markdown table, `| point | where and how | test | ground |`. A point begins with the
letter of its section of the collected facts about Windows (`B: ...`), and that puts it into its table. A test is
`tests/file.py::test_name`, a ground one of introduction.md's, the first real host with its command; several are parted
by semicolons. A `|` inside a cell is written `\\|`.
"""

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "windows"
PAGE = Path(__file__).parent / "windows.md"
SECTIONS = {
    "0": "The product, as the vendor's other articles tell it",
    "A": "WinRM: requests, time-outs, limits",
    "B": "Installers that outlive a connection",
    "C": "Getting the installer onto the host",
    "D": "WS-Man on the wire",
    "E": "Windows PowerShell 5.1",
    "F": "DCOM",
    "G": "Rights and identities",
    "H": "What only a real host can answer",
    "I": "What a session costs",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One point; `source` is its file's name, for a person who has to mend it."""

    source: str
    cells: tuple[str, ...]

    @property
    def section(self) -> str:
        return self.cells[0].partition(":")[0]


def rows() -> list[Row]:
    """All of them, file by file; other lines than rows are kept too, so that a test can refuse them."""
    files = [(path.name, path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.rows"))]
    return [Row(source=n, cells=cells_of(line)) for n, text in files for line in text.splitlines() if line.strip()]


def cells_of(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|")))


def written() -> str:
    """The page as the rows have it."""
    introduction = (FOLDER / "introduction.md").read_text(encoding="utf-8")
    return "\n".join([introduction, *(table(letter, title) for letter, title in SECTIONS.items())])


def table(letter: str, title: str) -> str:
    points = [row.cells for row in rows() if row.section == letter]
    head = [f"## {letter}. {title}", "", "| point | where and how | test | ground |", "|---|---|---|---|"]
    body = [f"| {point.partition(':')[2].strip()} | {' | '.join(rest)} |" for point, *rest in points]
    return "\n".join([*head, *body, ""])


if __name__ == "__main__":
    PAGE.write_text(written(), encoding="utf-8")
