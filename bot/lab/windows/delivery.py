"""How an installer comes onto a pretend host: pieces that follow a request, or pieces that the host itself fetches.

It keeps what has come and knows no other fact of the host. What a host may fetch is told by whoever set it up.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from bot.lab.windows.acts import Args, Refusal
from bot.windows.facts import PackageFile, Signature

FETCHED = 4_194_304
"""Bytes of one fetched piece."""
SIGNER = "Netwrix Corporation"


class Packages:
    """The parts and files below the packages' folder, by path; what is whole is signed by the vendor."""

    def __init__(self, clock: Callable[[], str]) -> None:
        self._clock = clock
        self._parts: dict[str, bytes] = {}
        self._whole: dict[str, PackageFile] = {}
        self.served: dict[str, bytes] = {}
        self.verbs: Mapping[str, Callable[[Args], dict[str, Any]]] = {
            "package_part": self._told, "receive_file": self._receive, "fetch_piece": self._fetch,
            "finish_file": self._finish,
        }  # fmt: skip

    def file(self, path: str | None) -> PackageFile | None:
        """What was delivered to that path."""
        return self._whole.get((path or "").lower())

    def _told(self, args: Args) -> dict[str, Any]:
        whole = self.file(args["path"])
        there = whole is not None and whole.sha256 == args["sha256"]
        return {"there": there, "size": len(self._part(args)), "clock": self._clock()}

    def _part(self, args: Args) -> bytes:
        return self._parts.get(args["path"].lower(), b"")

    def _receive(self, args: Args) -> dict[str, Any]:
        fits = len(self._part(args)) == args["offset"]
        if fits:
            self._parts[args["path"].lower()] = self._part(args) + args["data"]
        return {"changed": fits, **self._told(args)}

    def _fetch(self, args: Args) -> dict[str, Any]:
        if args["url"] not in self.served:
            raise Refusal("failed", f"{args['url']} was answered with 404 Not Found.")
        whole, start = self.served[args["url"]], len(self._part(args))
        self._parts[args["path"].lower()] = whole[: start + FETCHED]
        done = start + FETCHED >= len(whole)
        return {"changed": True, "total": len(whole), "whole": done, **self._told(args)}

    def _finish(self, args: Args) -> dict[str, Any]:
        if self._told(args)["there"]:
            return {"changed": False}
        part = self._parts.pop(args["path"].lower(), None)
        if part is None:
            raise Refusal("absent", f"Nothing of {args['path']} has come yet.")
        sha256 = hashlib.sha256(part).hexdigest()
        if sha256 != args["sha256"]:
            raise Refusal("failed", f"What came is not the file that was approved: its SHA-256 is {sha256}.")
        signature = Signature(status="Valid", signer=SIGNER)
        self._whole[args["path"].lower()] = PackageFile(
            path=args["path"], size=len(part), sha256=sha256, signature=signature
        )
        return {"changed": True}
