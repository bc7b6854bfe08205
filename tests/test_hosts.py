"""The channels of runs: with which login a host is reached, and which faults there are."""

from pathlib import Path

from bot import errors


def test_every_fault_of_the_tree_is_raised_somewhere() -> None:
    bot = Path(errors.__file__).parent
    code = "".join(path.read_text(encoding="utf-8") for path in bot.rglob("*.py") if path.name != "errors.py")
    faults = [name for name, value in vars(errors).items() if isinstance(value, type)]
    assert "HostAway" in faults
    assert [name for name in faults if f"{name}(" not in code and f"{name}," not in code] == []
