"""Where in a TOML text a key stands, so that a fault can name its line; tomllib does not tell."""

import re
from collections import Counter

HEADER = re.compile(r"^\s*\[(?P<list>\[)?\s*(?P<path>[^\]]+?)\s*\]\]?\s*(#.*)?$")
KEY = re.compile(r"^\s*(?P<path>(?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"|'[^']*'))*)\s*=")
PART = re.compile(r"[\w-]+|\"[^\"]*\"|'[^']*'")


def _parts(path: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in PART.findall(path))


def line_of(text: str, where: tuple[str, ...]) -> int:
    """The line, from 1, of the longest part of `where` that the text names; 1 where it names none of it."""
    table: tuple[str, ...] = ()
    lists = Counter[tuple[str, ...]]()
    best, line = 0, 1
    for number, row in enumerate(text.splitlines(), 1):
        if header := HEADER.match(row):
            path = table = _parts(header["path"])
            if header["list"]:  # a table of a list is found by its place in it
                lists[path] += 1
                path = table = (*path, str(lists[path] - 1))
        elif key := KEY.match(row):
            path = table + _parts(key["path"])
        else:
            continue
        if len(path) > best and where[: len(path)] == path:
            best, line = len(path), number
    return line
