"""WS-Management envelopes as a Windows host reads and writes them: parsed requests in, bodies and faults out as text.

Pure: it knows no shell, no socket and no host.
"""

import base64
import re
import uuid
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from xml.sax.saxutils import escape

SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
NS = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "x": "http://schemas.xmlsoap.org/ws/2004/09/transfer",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "rsp": SHELL,
    "f": "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault",
}
_DECLARED = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NS.items())
_WMI_ERROR = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/MSFT_WmiError"
LONGEST_WAIT = 60.0
LARGEST_ENVELOPE = 512_000


class NotSoap(Exception):
    """The body is no envelope; Windows refuses it with HTTP 400."""


class TooOld(Exception):
    """The shell has reached the age at which Windows ends it; what asks for it then gets HTTP 400."""


@dataclass(kw_only=True, eq=False)
class Fault(Exception):
    """A refusal with Windows' code; a quota's code travels in an element of its own."""

    code: int
    subcode: str
    reason: str
    party: str = "Sender"
    is_quota: bool = False

    def detail(self) -> str:
        if self.is_quota:
            return f'<p:MSFT_WmiError xmlns:p="{_WMI_ERROR}"><p:error_Code>{self.code}</p:error_Code></p:MSFT_WmiError>'
        return f'<f:WSManFault Code="{self.code}"><f:Message>{escape(self.reason)}</f:Message></f:WSManFault>'

    def body(self) -> str:
        return (
            f"<s:Fault><s:Code><s:Value>s:{self.party}</s:Value><s:Subcode><s:Value>{self.subcode}</s:Value></s:Subcode>"
            f'</s:Code><s:Reason><s:Text xml:lang="en-US">{escape(self.reason)}</s:Text></s:Reason>'
            f"<s:Detail>{self.detail()}</s:Detail></s:Fault>"
        )


def nothing_yet() -> Fault:
    """What Receive answers when the command stayed silent for the whole OperationTimeout; the client asks again."""
    return Fault(
        code=2150858793, subcode="w:TimedOut", party="Receiver", reason="No output came within the OperationTimeout."
    )


def unknown_shell(shell_id: str | None) -> Fault:
    return Fault(code=2150858843, subcode="w:InvalidSelectors", reason=f"There is no shell or command {shell_id} here.")


def bad_parameter(what: str) -> Fault:
    return Fault(code=87, subcode="w:InvalidParameter", reason=f"The parameter is incorrect: {what}.")


def too_many_shells(limit: int) -> Fault:
    reason = f"This user has {limit} shells open, the most that MaxShellsPerUser allows."
    return Fault(code=2150859173, subcode="w:QuotaLimit", reason=reason, is_quota=True)


@dataclass(frozen=True, kw_only=True)
class Request:
    """One envelope of a client; `seconds` is how long it may be held, `room` the bytes that its answer may have."""

    action: str
    action_uri: str
    message_id: str
    shell_id: str | None
    seconds: float
    room: int
    body: ET.Element

    def find(self, name: str) -> ET.Element:
        """The first element of that name in the body; a request without it deserves a fault."""
        element = self.body.find(f".//{{{SHELL}}}{name}")
        if element is None:
            raise bad_parameter(f"{name} is missing")
        return element

    def text(self, name: str) -> str | None:
        element = self.body.find(f".//{{{SHELL}}}{name}")
        return element.text if element is not None else None

    def command_line(self) -> str:
        return " ".join(part for part in (self.text("Command"), self.text("Arguments")) if part)

    def command_id(self, name: str) -> str:
        """The command that a Send's Stream, a Receive's DesiredStream or a Signal is about."""
        return self.find(name).get("CommandId", "")

    def stdin(self) -> tuple[bytes, bool]:
        """What the client typed, and whether it closed the stream."""
        stream = self.find("Stream")
        return base64.b64decode(stream.text or ""), stream.get("End") == "true"


def duration(text: str | None, default: float) -> float:
    """Seconds of an xs:duration such as PT1M30S."""
    found = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?", text or "")
    if not found:
        return default
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def parse(data: bytes) -> Request:
    try:
        root = ET.fromstring(data)
    except ET.ParseError as error:
        raise NotSoap(str(error)) from error
    header, body = root.find("s:Header", NS), root.find("s:Body", NS)
    if header is None or body is None:
        raise NotSoap("no header or no body")
    uri = header.findtext("a:Action", "", NS)
    return Request(
        action=uri.rsplit("/", 1)[-1],
        action_uri=uri,
        message_id=header.findtext("a:MessageID", "", NS),
        shell_id=header.findtext("w:SelectorSet/w:Selector[@Name='ShellId']", None, NS),
        seconds=min(duration(header.findtext("w:OperationTimeout", None, NS), LONGEST_WAIT), LONGEST_WAIT),
        room=min(int(header.findtext("w:MaxEnvelopeSize", "0", NS) or 0) or LARGEST_ENVELOPE, LARGEST_ENVELOPE),
        body=body,
    )


def envelope(request: Request, body: str, *, is_fault: bool = False) -> bytes:
    """The answer to a request; it names the request's id, which pywinrm compares for Signal and Delete."""
    action = f"{NS['w']}/fault" if is_fault else f"{request.action_uri}Response"
    return (
        f'<s:Envelope xml:lang="en-US" {_DECLARED}><s:Header><a:Action>{escape(action)}</a:Action>'
        f"<a:MessageID>uuid:{str(uuid.uuid4()).upper()}</a:MessageID><a:To>{NS['a']}/role/anonymous</a:To>"
        f"<a:RelatesTo>{escape(request.message_id)}</a:RelatesTo></s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def created(shell_id: str, owner: str, idle: float) -> str:
    return (
        f"<x:ResourceCreated><a:Address>http://127.0.0.1/wsman</a:Address><a:ReferenceParameters>"
        f'<w:ResourceURI>{SHELL}/cmd</w:ResourceURI><w:SelectorSet><w:Selector Name="ShellId">{shell_id}</w:Selector>'
        f"</w:SelectorSet></a:ReferenceParameters></x:ResourceCreated><rsp:Shell><rsp:ShellId>{shell_id}</rsp:ShellId>"
        f"<rsp:Owner>{escape(owner)}</rsp:Owner><rsp:ClientIP>127.0.0.1</rsp:ClientIP>"
        f"<rsp:IdleTimeOut>PT{idle:.3f}S</rsp:IdleTimeOut></rsp:Shell>"
    )


def command_started(command_id: str) -> str:
    return f"<rsp:CommandResponse><rsp:CommandId>{command_id}</rsp:CommandId></rsp:CommandResponse>"


def received(command_id: str, streams: dict[str, bytes], code: int | None) -> str:
    """Output so far; `code` None says that the command runs on."""
    texts = [
        f'<rsp:Stream Name="{name}" CommandId="{command_id}">{base64.b64encode(data).decode()}</rsp:Stream>'
        for name, data in streams.items()
        if data
    ]
    if code is not None:
        texts += [f'<rsp:Stream Name="{name}" CommandId="{command_id}" End="true"/>' for name in streams]
    state = "Running" if code is None else "Done"
    ended = "" if code is None else f"<rsp:ExitCode>{code}</rsp:ExitCode>"
    return (
        f'<rsp:ReceiveResponse>{"".join(texts)}<rsp:CommandState CommandId="{command_id}" '
        f'State="{SHELL}/CommandState/{state}">{ended}</rsp:CommandState></rsp:ReceiveResponse>'
    )
