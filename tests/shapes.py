"""Answers as Windows gives them, written from what is known of real ones (facts, section D); none was recorded here."""

import base64
import json
from typing import Any
from xml.sax.saxutils import escape

from bot.windows.recording import MESSAGE, Exchange

WINDOWS_SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
SHELL, COMMAND = "5E6C1C3F-0A51-4C02-8E2B-6C0F7D1A9B10", "7D0B2A4E-93F1-4B6D-A2C8-1F5E3C7A8D21"
_NAMES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "x": "http://schemas.xmlsoap.org/ws/2004/09/transfer",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "rsp": WINDOWS_SHELL,
    "p": "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd",
}


def said(action: str, body: str = "", status: int = 200) -> Exchange:
    names = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in _NAMES.items())
    header = f"<s:Header><a:RelatesTo>uuid:{MESSAGE}</a:RelatesTo></s:Header>"
    envelope = f'<s:Envelope xml:lang="en-US" {names}>{header}<s:Body>{body}</s:Body></s:Envelope>'
    return Exchange(action=action, request="", status=status, response=envelope)


def bare(action: str, status: int) -> Exchange:
    """A status and no body; 0 is a connection that is lost instead."""
    return Exchange(action=action, request="", status=status, response="")


def created() -> Exchange:
    selector = f'<w:SelectorSet><w:Selector Name="ShellId">{SHELL}</w:Selector></w:SelectorSet>'
    uri = f"<w:ResourceURI>{WINDOWS_SHELL}/cmd</w:ResourceURI>"
    address = f"<a:Address>http://be01:5985/wsman</a:Address><a:ReferenceParameters>{uri}{selector}"
    shell = (
        f"<rsp:Shell><rsp:ShellId>{SHELL}</rsp:ShellId><rsp:Owner>CORP\\svc-nps</rsp:Owner><rsp:ClientIP>10.0.0.9"
        "</rsp:ClientIP><rsp:IdleTimeOut>PT7200.000S</rsp:IdleTimeOut><rsp:InputStreams>stdin</rsp:InputStreams>"
        "<rsp:OutputStreams>stdout stderr</rsp:OutputStreams></rsp:Shell>"
    )
    return said("Create", f"<x:ResourceCreated>{address}</a:ReferenceParameters></x:ResourceCreated>{shell}")


def started() -> Exchange:
    return said("Command", f"<rsp:CommandResponse><rsp:CommandId>{COMMAND}</rsp:CommandId></rsp:CommandResponse>")


def sent() -> Exchange:
    return said("Send", "<rsp:SendResponse/>")


def deleted() -> Exchange:
    return said("Delete")


def received(out: bytes = b"", err: bytes = b"", code: int | None = None) -> Exchange:
    """Running, or with an exit code Done, both streams ended."""
    texts = "".join(
        f'<rsp:Stream Name="{name}" CommandId="{COMMAND}">{base64.b64encode(data).decode()}</rsp:Stream>'
        for name, data in (("stdout", out), ("stderr", err))
        if data
    )
    if code is not None:
        texts += "".join(
            f'<rsp:Stream Name="{name}" CommandId="{COMMAND}" End="true"/>' for name in ("stdout", "stderr")
        )
    state = f"{WINDOWS_SHELL}/CommandState/{'Running' if code is None else 'Done'}"
    ended = "" if code is None else f"<rsp:ExitCode>{code}</rsp:ExitCode>"
    texts += f'<rsp:CommandState CommandId="{COMMAND}" State="{state}">{ended}</rsp:CommandState>'
    return said("Receive", f"<rsp:ReceiveResponse>{texts}</rsp:ReceiveResponse>")


def fault(action: str, code: int, subcode: str, party: str = "Sender", reason: str = "The reason.") -> Exchange:
    """Every fault is HTTP 500."""
    place = 'xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"'
    detail = (
        f'<f:WSManFault {place} Code="{code}" Machine="be01"><f:Message>{escape(reason)}</f:Message></f:WSManFault>'
    )
    return _fault(action, subcode, party, reason, detail)


def quota_fault(action: str, code: int) -> Exchange:
    """A quota's code stands in an element of its own, and there is no WSManFault."""
    place = 'xmlns:q="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/MSFT_WmiError"'
    detail = f"<q:MSFT_WmiError {place}><q:error_Code>{code}</q:error_Code></q:MSFT_WmiError>"
    return _fault(action, "w:QuotaLimit", "Sender", "The maximum number of shells has been exceeded.", detail)


def _fault(action: str, subcode: str, party: str, reason: str, detail: str) -> Exchange:
    codes = f"<s:Code><s:Value>s:{party}</s:Value><s:Subcode><s:Value>{subcode}</s:Value></s:Subcode></s:Code>"
    text = f'<s:Reason><s:Text xml:lang="en-US">{escape(reason)}</s:Text></s:Reason>'
    return said(action, f"<s:Fault>{codes}{text}<s:Detail>{detail}</s:Detail></s:Fault>", 500)


def line(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\r\n"


GREETING = line({"id": 0, "ok": True, "result": [{"protocol": 1}]})


def answer(number: int = 1) -> bytes:
    return line({"id": number, "ok": True, "result": [{"computer": "BE01"}]})


def opening() -> list[Exchange]:
    """From nothing to the point where the first request has been sent."""
    return [created(), started(), sent(), received(GREETING), sent()]
