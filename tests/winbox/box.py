"""Windows servers in a box for tests: made, given a product, served over WinRM, and gone afterwards.

Owns their processes and folders. What the product is and does is in `product/`.
"""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from pydantic import SecretStr

from bot.windows.channel import Auth, Login
from bot.windows.host import Host

KIT = Path(__file__).parents[3] / "shared/winbox"
SOURCES = Path(__file__).parent / "product"
COMPILER = "x86_64-w64-mingw32-gcc"
USER, PASSWORD = "Administrator", "winbox"


@dataclass(frozen=True, kw_only=True)
class Product:
    """What an installation is called; the defaults are the article's words."""

    folder: str = r"C:\Program Files (x86)\NetWrix Password Manager"
    service: str = "PRMService"
    caption: str = "Netwrix Password Secure"
    application: str = "Netwrix Password Secure"
    app_id: str = "{8C2B7A31-5D0E-4F1B-9A63-2E7C1D40B5F1}"
    clsid: str = "{3F5E9D02-71A4-4C8E-B1D7-60A9E2C4F8B3}"
    key: str = r"SOFTWARE\Netwrix\Password Manager"
    questions: str = "Predefined Questions.txt"

    def file(self, name: str) -> str:
        return f"{self.folder}\\{name}"

    @property
    def arguments(self) -> tuple[str, ...]:
        """What its silent installer is given."""
        return ("/S", f"/KEY={self.key}")


ARTICLE = Product()
OTHER = Product(
    folder=r"C:\Apps\Kennwörter & Co",
    service="pwdsvc",
    caption="Netwrix Password Manager",
    application="Kennwort-Verwaltung",
    app_id="{D41F0B6E-2C93-4A57-8E10-7B5A9C3D2F64}",
    clsid="{A7E0C5D8-93B2-4F46-A1CE-5D8B2F7E6093}",
    key=r"SOFTWARE\Netwrix\PM",
    questions="PredefinedQuestions.txt",
)


@dataclass(frozen=True, kw_only=True)
class Programs:
    """The compiled product: its service in an old version, and an installer that carries the new one."""

    service: Path
    setup: Path
    old: str = "9.2.0.0"
    new: str = "9.3.0.0"

    @property
    def sha256(self) -> str:
        return sha256(self.setup.read_bytes()).hexdigest()


def build(folder: Path) -> Programs:
    """Compiles them, in about two seconds."""
    old = compiled(folder, "service.c", "old.exe", Programs.old)
    new = compiled(folder, "service.c", "new.exe", Programs.new)
    return Programs(service=old, setup=compiled(folder, "setup.c", "prm_setup.exe", Programs.new, carries=new))


def compiled(folder: Path, source: str, name: str, version: str, carries: Path | None = None) -> Path:
    resource = folder / f"{name}.res.o"
    words = [f"-DVERSION_DOTS={version}", f"-DVERSION_COMMAS={version.replace('.', ',')}"]
    words += [f'-DPAYLOAD=\\"{carries}\\"'] if carries else []
    run("x86_64-w64-mingw32-windres", *words, str(SOURCES / "version.rc"), "-O", "coff", str(resource))
    warnings = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-Wno-missing-field-initializers"]
    options = ["-Os", "-s", "-municode", *warnings, str(SOURCES / source), str(resource)]
    run(COMPILER, *options, "-o", str(folder / name), "-ladvapi32")
    return folder / name


def run(*words: str) -> str:
    # Into a file, because a process that is left running would keep a pipe open.
    with tempfile.TemporaryFile() as out:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=100)
        out.seek(0)
        said = out.read().decode(errors="replace")
    assert done.returncode == 0, f"{' '.join(words)} ended with {done.returncode}: {said}"
    return said


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Waits for what another process does; fails when it has not done it in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not so after {seconds} s"
        time.sleep(0.05)


@dataclass(kw_only=True)
class Server:
    """A box's WinRM listener, as a client sees it."""

    box: "Box"
    url: str
    process: subprocess.Popen[str]
    ca: str | None = None

    def login(self, auth: Auth = "basic", **changes: Any) -> Login:
        known = {"host": self.box.name, "url": self.url, "auth": auth, "user": USER, "password": SecretStr(PASSWORD)}
        return Login(**known | {"ca": self.ca} | changes)

    def faults(self, *rules: dict[str, Any]) -> None:
        """From now on these and no others hold."""
        self._control("DELETE", "/faults")
        if rules:
            self._control("POST", "/faults", json.dumps(rules).encode())

    def trace(self) -> list[dict[str, Any]]:
        return json.loads(self._control("GET", "/trace"))

    def forget(self) -> None:
        self._control("DELETE", "/trace")

    def _control(self, method: str, path: str, body: bytes | None = None) -> bytes:
        plain = "http://" + self.url.split("://")[1].removesuffix("/wsman")
        with urllib.request.urlopen(urllib.request.Request(plain + path, body, method=method), timeout=10) as answer:
            return answer.read()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=60)


@dataclass(kw_only=True)
class Box:
    """One Windows server; `c` is its drive C:, seen from here."""

    name: str
    servers: list[Server] = field(default_factory=list)

    @classmethod
    def new(cls, name: str) -> Self:
        run(str(KIT / "winbox"), "new", name, "--fresh")
        return cls(name=name)

    @property
    def c(self) -> Path:
        return Path(run(str(KIT / "winbox"), "c", self.name).strip())

    def path(self, windows: str) -> Path:
        """Where a path of drive C: is here; as it is spelled, for Linux tells A from a."""
        return self.c / windows.removeprefix("C:\\").replace("\\", "/")

    def up(self) -> None:
        run(str(KIT / "winbox"), "up", self.name)

    def reboot(self) -> None:
        self.down()
        self.up()

    def down(self) -> None:
        run(str(KIT / "winbox"), "down", self.name)

    def powershell(self, *words: str) -> str:
        return run(str(KIT / "winbox"), "ps", self.name, "-NoProfile", "-NonInteractive", *words)

    def install(self, product: Product, programs: Programs, backend: str | None = None) -> None:
        """Puts the old version there; with `backend` the frontend of a DMZ pair, as the article leaves it."""
        fixture = self.c / "fixture"
        fixture.mkdir(exist_ok=True)
        shutil.copy(programs.service, fixture / "PRMService.exe")
        shutil.copy(programs.setup, self.c / "prm_setup.exe")
        for script in SOURCES.glob("*.ps1"):
            shutil.copy(script, fixture)
        (fixture / "register.json").write_text(json.dumps(asdict(product) | {"backend": backend}))
        self.powershell("-File", r"C:\fixture\register.ps1")

    def reset_dcom(self) -> None:
        """AppID and CLSIDs as `install` made them."""
        self.powershell("-File", r"C:\fixture\dcom.ps1")

    def start(self, command: str) -> None:
        """A process on it that outlives the call."""
        line = command.replace("'", "''")
        create = (
            f"Invoke-CimMethod -ClassName Win32_Process -MethodName Create -Arguments @{{ CommandLine = '{line}' }}"
        )
        self.powershell("-Command", f"if (({create}).ReturnValue) {{ exit 1 }}")

    def launches(self) -> int:
        """How often installers have really run here."""
        counter = self.c / "launches.txt"
        return len(counter.read_text().splitlines()) if counter.exists() else 0

    def serve(self, *options: str) -> Server:
        words = [
            sys.executable,
            str(KIT / "winrm_server.py"),
            "--winbox",
            str(KIT / "winbox"),
            self.name,
            "--port",
            "0",
        ]
        process = subprocess.Popen([*words, *options], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        said = ""
        for said in process.stdout:
            if said.startswith("listening "):
                server = Server(box=self, url=said.split()[1], process=process)
                self.servers.append(server)
                return server
        raise AssertionError(f"{self.name} is not served: {said} (exit code {process.wait()})")

    def remove(self) -> None:
        for server in self.servers:
            if server.process.poll() is None:
                server.stop()
        run(str(KIT / "winbox"), "rm", self.name)


@dataclass(frozen=True, kw_only=True)
class Site:
    """A served Windows server with the product, and an open connection to it."""

    box: Box
    product: Product
    programs: Programs
    server: Server
    host: Host


class Boxes:
    """Makes boxes and removes what it made; no two of a process, and no two test runs, have the same name."""

    _numbers = itertools.count()

    def __init__(self) -> None:
        self._made: list[Box] = []

    def new(self) -> Box:
        box = Box.new(f"nps-{os.getpid()}-{next(self._numbers)}")
        self._made.append(box)
        return box

    def remove(self) -> None:
        for box in self._made:
            box.remove()


@contextmanager
def boxes() -> Iterator[Boxes]:
    made = Boxes()
    try:
        yield made
    finally:
        made.remove()
