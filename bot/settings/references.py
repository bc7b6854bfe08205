"""What no single table of nps.toml can see: names that point at nothing, and things named twice. Looked for in the
file as it stands, so that a fault of another kind hides none of them. Pure."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from bot.commands import NAME as TYPEABLE

ENVIRONMENT = re.compile(r"(?!.*-\d+$)[A-Za-z0-9_-]{1,40}(?<!-)")
PRINCIPAL = re.compile(r"[^@\\\s]+@[^@\\\s]+")
SLACK_ID = re.compile(r"[UWS][A-Z0-9]{2,}")
ROLES = ("may_run", "approvers", "admins")
Fault = tuple[tuple[str, ...], str]
Table = dict[str, Any]


def faults(data: Table) -> Iterator[Fault]:
    """Each fault with the path of its key; what has the wrong type is left to the models."""
    for name in _tables(data, "packages"):
        if not TYPEABLE.fullmatch(name):
            yield ("packages", name), "the name should be letters, digits, ., - and _, so that it can be typed"
    yield from _credential_faults(data)
    yield from _host_faults(data)
    owners: dict[str, str] = {}
    for name, environment in _tables(data, "environments").items():
        yield from _environment_faults(name, environment, data)
        yield from _owned_twice(name, environment, _tables(data, "hosts"), owners)
    yield from _role_faults(("slack", "admins"), _table(data.get("slack")).get("admins"), data)
    yield from _person_faults(data)
    yield from _freeze_faults(data)


def _table(value: Any) -> Table:
    return value if isinstance(value, dict) else {}


def _tables(data: Table, name: str) -> dict[str, Table]:
    return {key: value for key, value in _table(data.get(name)).items() if isinstance(value, dict)}


def _strings(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [item for item in values if isinstance(item, str)]


def _freeze_faults(data: Table) -> Iterator[Fault]:
    freezes = data.get("freezes")
    for number, freeze in enumerate(freezes if isinstance(freezes, list) else []):
        for name in _strings(_table(freeze).get("environments")):
            if name not in _tables(data, "environments"):
                yield ("freezes", str(number), "environments"), f"there is no [environments.{name}]"


PAIRS = (("user", "password"), ("certificate", "key"))


def _credential_faults(data: Table) -> Iterator[Fault]:
    """A credential is a user with a password or a certificate with a key; half of one, or both, is none."""
    for name, credential in _tables(data, "credentials").items():
        if any(key in credential for key in PAIRS[0]) and any(key in credential for key in PAIRS[1]):
            yield ("credentials", name), "is a user with a password, or a certificate with a key, never both"
            continue
        pair = PAIRS["certificate" in credential or "key" in credential]
        for key in pair:
            if key not in credential:
                yield ("credentials", name, key), "is missing"


def _login_fault(auth: Any, credential: Table) -> str:
    """Whether the host's way to log in fits what the credential is."""
    if not isinstance(auth, str) or not credential:
        return ""
    if (auth == "certificate") != ("certificate" in credential):
        return (
            f"{auth} needs a credential with {'certificate and key' if auth == 'certificate' else 'user and password'}"
        )
    user = credential.get("user")
    if auth == "kerberos" and isinstance(user, str) and not PRINCIPAL.fullmatch(user):
        return "kerberos needs the user as a principal, such as svc-nps@CORP.EXAMPLE"
    return ""


def _host_faults(data: Table) -> Iterator[Fault]:
    seen: dict[tuple[str, int | None], str] = {}
    for name, host in _tables(data, "hosts").items():
        for credential in _strings(host.get("credential")):
            if credential not in _tables(data, "credentials"):
                yield ("hosts", name, "credential"), f"there is no [credentials.{credential}]"
            if told := _login_fault(host.get("auth"), _tables(data, "credentials").get(credential, {})):
                yield ("hosts", name, "credential"), told
        if any(".." in ca.split("/") for ca in _strings(host.get("ca"))):
            yield ("hosts", name, "ca"), "should not leave the folder of nps.toml"
        address = _address(host.get("url"))
        if address and seen.setdefault(address, name) != name:
            yield ("hosts", name, "url"), f"is the server of [hosts.{seen[address]}] already"


def _address(url: Any) -> tuple[str, int | None] | None:
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        return (parts.hostname, parts.port) if parts and parts.hostname else None
    except ValueError:
        return None


def _environment_faults(name: str, environment: Table, data: Table) -> Iterator[Fault]:
    at = ("environments", name)
    if not ENVIRONMENT.fullmatch(name):
        yield at, "the name should be letters, digits, - and _, and not end in - and digits"
    for package in _strings(environment.get("package")):
        if package not in _tables(data, "packages"):
            yield (*at, "package"), f'there is no [packages."{package}"]'
    for role in ROLES:
        yield from _role_faults((*at, role), environment.get(role), data)
    approvals = environment.get("approvals", 1)
    if type(approvals) is int and approvals > 0 and not _approvers(environment, data):
        yield (
            (*at, "approvers"),
            "nobody may approve its upgrades; name somebody there, in may_run or in admins, or set approvals = 0",
        )


def _approvers(environment: Table, data: Table) -> Any:
    """Whom the policy falls back to where a role is left out."""
    admins = environment.get("admins", _table(data.get("slack")).get("admins"))
    return environment.get("approvers", environment.get("may_run") or admins)


def _owned_twice(
    name: str, environment: Table, hosts: dict[str, Table], owners: dict[str, str]
) -> Iterator[Fault]:  # fmt: skip
    """A host belongs to one environment, and has one part in it."""
    for key in ("backend", "frontends"):
        for label in _strings(environment.get(key)):
            if label not in hosts:
                yield ("environments", name, key), f"there is no [hosts.{label}]"
            elif label in owners:
                yield ("environments", name, key), f"{label} already belongs to {owners[label]}"
            owners.setdefault(label, name)


def _role_faults(at: tuple[str, ...], entries: Any, data: Table) -> Iterator[Fault]:
    for entry in _strings(entries):
        if entry not in _tables(data, "people") and not SLACK_ID.fullmatch(entry):
            yield at, f"{entry!r} is no Slack user (U…, W…), no user group (S…) and no one of [people]"


def _person_faults(data: Table) -> Iterator[Fault]:
    people = _tables(data, "people")
    for name in people:
        if SLACK_ID.fullmatch(name):
            yield ("people", name), "the name should be a person's, not a Slack id"
    for key in ("slack", "os"):
        seen: dict[str, str] = {}
        for name, person in people.items():
            account = person.get(key)
            if isinstance(account, str) and seen.setdefault(account, name) != name:
                yield ("people", name, key), f"{account} is already {seen[account]}"
