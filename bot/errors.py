"""The one tree of errors. Each is a sentence for a person at night, with the next move.

NpsError
├── BadInput            what was typed or pressed can't be taken; nothing was recorded as a run
├── SettingsFault       nps.toml or the environment is wrong; the bot does not start
├── AuditFault          the audit log can't be read or written, or does not verify
├── EngineFault         the durable engine can't be reached or answered against the rules
└── HostError           a Windows server
    ├── HostAway        no connection, or it was lost and did not come back
    ├── LoginRefused    wrong password; never tried again by itself
    │   └── AccessDenied    no rights there, no password judged
    ├── CertificateWrong
    ├── AnswerGarbled   not WS-Management, not JSON, half an envelope
    ├── HostBusy        a mutex; waiting helps
    │   ├── QuotaUsedUp a quota of WinRM; two minutes help where abandoned shells use it up
    │   └── InstallerBusy   Windows Installer is at work for somebody else; waited out by rule
    ├── TooLate         the act's not-after time had passed; nothing was touched
    └── ActFailed       the script on the host said so
"""


class NpsError(Exception):
    """What happened and where, in one sentence; `next_move` says what a person does now."""

    retry = False

    def __init__(self, sentence: str, next_move: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.next_move = next_move

    def __str__(self) -> str:
        return f"{self.sentence} {self.next_move}".strip()


class BadInput(NpsError):
    """A request that names nothing known, or lacks a word."""


class SettingsFault(NpsError):
    """All faults of nps.toml at once, a line each."""


class AuditFault(NpsError):
    """The audit log is locked, damaged, or not one of ours."""


class EngineFault(NpsError):
    """DBOS refused or could not be reached."""


class HostError(NpsError):
    """Something about one host; `host` is its name in nps.toml."""

    def __init__(self, host: str, sentence: str, next_move: str = "") -> None:
        super().__init__(sentence, next_move)
        self.host = host


class HostAway(HostError):
    """No answer, or none any more."""

    retry = True


class LoginRefused(HostError):
    """The host refused the login; another try could lock the account."""


class AccessDenied(LoginRefused):
    """The login as such was taken, or no password was looked at: the same credential may be tried elsewhere."""


class CertificateWrong(HostError):
    """TLS could not prove that this is the host."""


class AnswerGarbled(HostError):
    """The answer is not what a WinRM listener says."""


class HostBusy(HostError):
    """A quota of the host is used up, or another act holds its mutex."""

    retry = True


class QuotaUsedUp(HostBusy):
    """WinRM gives no shell, because too many are open; a killed bot's are gone two minutes later."""


class InstallerBusy(HostBusy):
    """Windows Installer is at work for somebody else; nothing was begun."""


class TooLate(HostError):
    """The act was taken up after its not-after time; nothing was touched."""


class ActFailed(HostError):
    """A verb failed on the host, and the host said why."""
