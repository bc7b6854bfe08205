"""States of the installer's file: at hand where somebody staged it, or brought onto the host. Pure."""

from typing import Literal

from bot.events import Concern
from bot.windows.facts import HostFacts, PackageFile, Query, Signature
from bot.windows.states.base import Act, Package, Reachable, State


class PackageThere(State):
    """Shared by both: the file is the one that was approved, byte for byte, and signed by whom it should be."""

    package: Package

    def query(self) -> Query:
        return Query(package=self.package.path, signed=self.package.signer is not None)

    def wanted(self) -> str:
        signed = f", signed by {self.package.signer}" if self.package.signer else ""
        return f"{self.package.path}, SHA-256 {self.package.sha256[:12]}…{signed}"

    def found(self, facts: HostFacts) -> str:
        file = facts.package
        if file is None:
            return "no such file"
        return f"SHA-256 {file.sha256[:12]}…" + (f", {_signed(file.signature)}" if self.package.signer else "")

    def holds(self, facts: HostFacts) -> bool:
        return self.is_approved(facts) and self._is_signed(facts.package)

    def is_approved(self, facts: HostFacts) -> bool:
        """The same bytes; what their signature is worth on this host is another question."""
        return facts.package is not None and facts.package.sha256.lower() == self.package.sha256.lower()

    def _is_signed(self, file: PackageFile | None) -> bool:
        if self.package.signer is None:
            return True
        signature = file.signature if file else None
        return signature is not None and (signature.status, signature.signer) == ("Valid", self.package.signer)


def _signed(signature: Signature | None) -> str:
    """A signature that is not valid in words that say what to doubt: the file, its signer, or the host's roots."""
    if signature is None:
        return "its signature was not read"
    by = f" by {signature.signer}" if signature.signer else ""
    match signature.status:
        case "Valid":
            return f"signed{by}"
        case "NotSigned":
            return "not signed"
        case "HashMismatch":
            return f"changed after it was signed{by}"
        case status:
            return f"signed{by}, but not trusted here ({status}: {signature.told.rstrip('.')})"


class AtHand(PackageThere):
    """An administrator has put the installer there; the bot only looks.

    It runs where it lies, for it may need what lies beside it, as an .msi its cabinets. So who else may write there is
    asked about before the start.
    """

    kind: Literal["at_hand"] = "at_hand"

    def concerns(self, facts: HostFacts) -> tuple[Concern, ...]:
        if facts.package is None or not facts.package.writers:
            return ()
        folder = self.package.path.rpartition("\\")[0]
        sentence = f"{', '.join(facts.package.writers)} may write to {folder}: a library put beside "
        sentence += f"{self.package.file} would run with it, as an administrator."
        move = f"Let only administrators write to {folder} (see icacls), and look at what lies there."
        return (Concern(key=f"folder {', '.join(facts.package.writers)}", sentence=sentence, next_move=move),)


class Delivered(PackageThere, Reachable):
    """The installer was brought to a folder of its own on the host, sent by the bot or pulled by the host."""

    kind: Literal["delivered"] = "delivered"

    def effect(self, facts: HostFacts) -> str:
        package = self.package
        if self.is_approved(facts):
            return "do nothing: the file is the right one, its signature is what is wrong"
        if package.url:
            return f"fetch {package.file} from {package.url}"
        return f"upload {package.upload}, {(package.size or 0) / 1e6:.1f} MB"

    def act(self, facts: HostFacts) -> Act:
        return self.finishing()

    def finishing(self) -> Act:
        """Gives the file its name; what comes before it comes in pieces, for which the walker asks one by one."""
        return Act(verb="finish_file", args={"path": self.package.path, "sha256": self.package.sha256})

    def after(self, facts: HostFacts) -> HostFacts:
        package = self.package
        signature = Signature(status="Valid", signer=package.signer) if package.signer else None
        size = package.size or 0
        file = PackageFile(path=package.path, size=size, sha256=package.sha256, signature=signature)
        return facts.model_copy(update={"package": file})
