"""Ansible beside the boxes: its own virtual environment, an inventory of their listeners, and what a playbook took."""

import json
import os
import subprocess
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from box import PASSWORD, USER, Server

HERE = Path(__file__).parent
PROGRAM = HERE.parents[2] / ".venv-ansible/bin/ansible-playbook"
WAY = {
    "ansible_connection": "winrm", "ansible_host": "127.0.0.1", "ansible_shell_type": "powershell",
    "ansible_user": USER, "ansible_password": PASSWORD,
    "ansible_winrm_scheme": "http", "ansible_winrm_transport": "basic",
}  # fmt: skip


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@dataclass(frozen=True, kw_only=True)
class Played:
    """What a playbook's own report tells, and how long a person waited for it."""

    seconds: float
    report: dict[str, Any]

    @property
    def tasks(self) -> list[dict[str, Any]]:
        return [task for play in self.report["plays"] for task in play["tasks"]]

    def task(self, name: str) -> float:
        (found,) = (task["task"]["duration"] for task in self.tasks if task["task"]["name"] == name)
        return (moment(found["end"]) - moment(found["start"])).total_seconds()

    @property
    def commands(self) -> float:
        """Seconds of the programs that win_command ran, by its own stop watch on the host."""
        done = [result for task in self.tasks for result in task["hosts"].values() if "delta" in result]
        return sum((moment(result["end"]) - moment(result["start"])).total_seconds() for result in done)


def play(folder: Path, name: str, pair: dict[str, Server], **values: Any) -> Played:
    """Plays one of the playbooks here against hosts by these names."""
    hosts = {host: WAY | {"ansible_port": server.url.split(":")[2].split("/")[0]} for host, server in pair.items()}
    inventory = folder / "inventory.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts}}))
    environment = os.environ | {
        "ANSIBLE_CONFIG": str(HERE / "ansible.cfg"), "ANSIBLE_HOME": str(folder / "ansible"), "LC_ALL": "C.UTF-8",
    }  # fmt: skip
    environment.pop("PYTHONPATH", None)
    words = [str(PROGRAM), "-i", str(inventory), "-e", json.dumps(values), str(HERE / name)]
    begun = time.perf_counter()
    done = subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
    seconds = time.perf_counter() - begun
    assert done.returncode == 0, f"{name} ended with {done.returncode}: {done.stdout[-3000:]}{done.stderr}"
    return Played(seconds=seconds, report=json.loads(done.stdout))
