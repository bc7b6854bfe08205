"""One door each: who may import a foreign library, and which modules do no I/O at all, transitively within bot."""

import ast
from functools import cache
from pathlib import Path

import pytest

BOT = Path(__file__).parents[1] / "bot"
DOORS = {
    "winrm": ("bot.windows",), "dbos": ("bot.runs",), "slack_sdk": ("bot.slack",), "slack_bolt": ("bot.slack",),
    "sqlite_utils": ("bot.audit",), "apscheduler": ("bot.schedule",),
}  # fmt: skip
PURE = (
    "bot.commands", "bot.policy", "bot.events", "bot.view", "bot.plan", "bot.windows.states", "bot.windows.facts",
    "bot.slack.absence", "bot.slack.blocks", "bot.slack.gates", "bot.slack.manifest", "bot.slack.modals",
    "bot.slack.parts", "bot.slack.spoken", "bot.slack.wording", "bot.telling",
    "bot.texts", "bot.messages", "bot.errors", "bot.settings.references", "bot.settings.toml_lines", "bot.audit.chain",
    "bot.runs.judging", "bot.slack.greeting", "bot.slack.home", "bot.slack.environment", "bot.waiting",
)  # fmt: skip
IO = {
    "asyncio", "ctypes", "fcntl", "glob", "http", "httpx", "io", "logging", "multiprocessing", "os", "pathlib", "pty",
    "random", "requests", "secrets", "select", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "sys",
    "tempfile", "threading", "time", "tomllib", "urllib.request", "urllib3", "uuid", *DOORS,
}  # fmt: skip
BUILTINS = {"open", "input", "print", "exec", "eval", "__import__", "compile", "breakpoint"}
CLOCKS = {"now", "today", "utcnow"}


def name_of(path: Path) -> str:
    parts = path.relative_to(BOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(BOT.rglob("*.py"))}


def tree_of(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


@cache
def imports(name: str) -> frozenset[str]:
    """Every module that the module imports, wherever in it, for types alone aside; relative ones written out."""
    tree = tree_of(name)
    typed = {id(child) for node in ast.walk(tree) if is_for_types(node) for child in ast.walk(node)}
    package = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in typed:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def reached(name: str) -> dict[str, str]:
    """Modules of bot that the module pulls in, each with the one that pulls it, packages' own files included."""
    seen, todo = {name: name}, [name]
    while todo:
        current = todo.pop()
        for wanted in imports(current):
            parents = [".".join(wanted.split(".")[:i]) for i in range(1, wanted.count(".") + 2)]
            for module in (m for m in parents if m in MODULES and m not in seen):
                seen[module] = current
                todo.append(module)
    return seen


def is_one_of(module: str, names: set[str]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in names)


@pytest.mark.parametrize("library", DOORS)
def test_a_library_has_one_door(library: str) -> None:
    users = {name for name in MODULES if any(is_one_of(m, {library}) for m in imports(name))}
    users = {name for name in users if not name.startswith("bot.lab")}
    assert users, "a door that nobody uses"
    outside = [name for name in users if not is_one_of(name, set(DOORS[library]))]
    assert outside == []


def test_what_puts_everything_together_knows_no_library() -> None:
    assert [m for m in imports("bot.app") if is_one_of(m, set(DOORS))] == []


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_reaches_no_io(name: str) -> None:
    chain = reached(name)
    found = [f"{by} imports {m}" for by in chain for m in imports(by) if is_one_of(m, IO)]
    assert found == []


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_opens_nothing_and_asks_no_clock(name: str) -> None:
    calls = [node.func for node in ast.walk(tree_of(name)) if isinstance(node, ast.Call)]
    named = {func.id for func in calls if isinstance(func, ast.Name)}
    methods = {func.attr for func in calls if isinstance(func, ast.Attribute)}
    assert named & BUILTINS == set()
    assert methods & (CLOCKS | {"read_text", "write_text", "open", "getenv"}) == set()


def test_the_runbooks_see_the_plan_and_the_states_alone() -> None:
    for path in (BOT.parent / "runbooks").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        assert {m for m in modules if m and not m.startswith("runbooks")} <= {"bot.plan", "bot.windows.states"}
        assert plain == set()


def test_the_bot_knows_no_lab_but_for_the_demo() -> None:
    users = [n for n in MODULES if not n.startswith("bot.lab") and any(is_one_of(m, {"bot.lab"}) for m in imports(n))]
    assert users == ["bot.cli"]


def test_the_reader_of_imports_sees_relative_late_and_package_imports() -> None:
    assert "bot.lab.slack.model" in imports("bot.lab.slack.limits")
    assert "bot.lab.demo" in imports("bot.cli"), "imported inside a function"
    assert {"bot.audit.log", "bot.audit"} <= set(reached("bot.intake"))
