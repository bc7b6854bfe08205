"""A keyring for a bot in a process of its own: it has what the file named by NPS_TEST_RING says."""

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend


class Ring(KeyringBackend):
    priority = 1

    def get_password(self, service: str, username: str) -> str | None:
        found = json.loads(Path(os.environ["NPS_TEST_RING"]).read_text(encoding="utf-8")).get(f"{service}/{username}")
        return None if found is None else str(found)

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError
