"""A real KDC (MIT's) in a folder of its own, with users and the service's key; only this process's Kerberos sees it."""

import shutil
import socket
import subprocess
import time
from pathlib import Path

REALM = "LAB.EXAMPLE"
SERVICE = f"HTTP/localhost@{REALM}"
WITHIN = 20.0


class Kdc:
    """Started by `with`; `environment` is what Kerberos needs to find it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.keytab = folder / "service.keytab"
        (folder / "krb5.conf").write_text(
            f"[libdefaults]\ndefault_realm = {REALM}\ndns_lookup_kdc = false\ndns_lookup_realm = false\n"
            f"dns_canonicalize_hostname = false\nrdns = false\nudp_preference_limit = 1\n"
            f"[realms]\n{REALM} = {{\nkdc = 127.0.0.1:{self._port}\n}}\n[domain_realm]\nlocalhost = {REALM}\n"
        )
        (folder / "kdc.conf").write_text(
            f"[kdcdefaults]\nkdc_listen = 127.0.0.1:{self._port}\nkdc_tcp_listen = 127.0.0.1:{self._port}\n"
            f"[realms]\n{REALM} = {{\ndatabase_name = {folder}/principal\nkey_stash_file = {folder}/stash\n"
            f"acl_file = {folder}/acl\nmax_life = 1h\ndefault_principal_flags = +preauth\n}}\n"
            f"[logging]\nkdc = FILE:{folder}/kdc.log\n"
        )

    @property
    def environment(self) -> dict[str, str]:
        return {
            "KRB5_CONFIG": str(self._folder / "krb5.conf"), "KRB5_KDC_PROFILE": str(self._folder / "kdc.conf"),
            "KRB5_KTNAME": str(self.keytab), "KRB5CCNAME": f"FILE:{self._folder}/of-nobody",
            "KRB5RCACHETYPE": "none",
        }  # fmt: skip

    @property
    def log(self) -> str:
        return (self._folder / "kdc.log").read_text()

    def __enter__(self) -> "Kdc":
        self._run("kdb5_util", "create", "-r", REALM, "-s", "-P", "master-of-the-lab")
        self.admin(f"addprinc -randkey {SERVICE}", f"ktadd -k {self.keytab} {SERVICE}")
        self._process = subprocess.Popen([_path("krb5kdc"), "-n"], env=self.environment)
        until = time.monotonic() + WITHIN
        while not _answers(self._port):
            assert time.monotonic() < until, "the KDC does not answer"
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process
        self._process.terminate()
        self._process.wait(WITHIN)

    def add_user(self, name: str, password: str) -> str:
        """The principal."""
        self.admin(f"addprinc -pw {password} {name}@{REALM}")
        return f"{name}@{REALM}"

    def admin(self, *commands: str) -> None:
        for command in commands:
            self._run("kadmin.local", "-r", REALM, "-q", command)

    def refusals(self, principal: str) -> int:
        """How often a wrong password came for the user."""
        return sum("PREAUTH_FAILED" in line and principal in line for line in self.log.splitlines())

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run([_path(program), *arguments], env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def _path(program: str) -> str:
    found = shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin")
    assert found, f"there is no {program}"
    return found


def _answers(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
