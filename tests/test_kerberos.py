"""Kerberos against a real KDC and a listener that holds the service's key."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from certs import Authority
from kdc import REALM, SERVICE, Kdc
from pydantic import SecretStr

from bot.errors import AccessDenied, HostAway, HostError, LoginRefused
from bot.lab.windows import PretendWindows, backend, frontend
from bot.lab.windows.tls import Tls
from bot.windows.channel import Login
from bot.windows.facts import Query
from bot.windows.host import Host

pytestmark = pytest.mark.kdc
PASSWORD = "ticket-please-9"


@pytest.fixture(scope="module")
def kdc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kdc]:
    with Kdc(tmp_path_factory.mktemp("kdc")) as kdc:
        kdc.add_user("svc-nps", PASSWORD)
        kdc.add_user("svc-dmz", f"{PASSWORD}-dmz")
        yield kdc


@pytest.fixture(autouse=True)
def found(kdc: Kdc, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in kdc.environment.items():
        monkeypatch.setenv(name, value)


def server(user: str = "svc-nps", tls: Tls | None = None) -> PretendWindows:
    facts = backend("BE01") if user == "svc-nps" else frontend("FE01", "be01")
    return PretendWindows(facts, password="of NTLM only", principal=f"{user}@{REALM}", tls=tls)


def login(server: PretendWindows, user: str = "svc-nps", password: str = PASSWORD, ca: Path | None = None) -> Login:
    return Login(
        host="be01", url=server.url, auth="kerberos", user=f"{user}@{REALM}", password=SecretStr(password),
        ca=str(ca) if ca else None,
    )  # fmt: skip


def computer(host: Host) -> str:
    return host.observe(Query()).computer


def refused(login: Login, kind: type[HostError] = LoginRefused) -> str:
    host = Host(login)
    with pytest.raises(kind) as caught:
        host.observe(Query())
    assert type(caught.value) is kind
    return caught.value.sentence


def test_over_plain_http_every_message_is_sealed() -> None:
    with server() as windows:
        host = Host(login(windows))
        assert [computer(host), computer(host)] == ["BE01", "BE01"]
        assert windows.logins == 1
        assert "Refused" not in windows.requests, "a message that was not sealed"
        host.close()


def test_a_lost_connection_costs_a_new_ticket_and_nothing_else() -> None:
    with server() as windows:
        host = Host(login(windows))
        assert computer(host) == "BE01"
        windows.faults.cut_reply("Receive")
        assert computer(host) == "BE01"
        assert windows.logins == 2
        host.close()


def test_over_tls_the_ticket_is_bound_to_the_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair, other = (authority.issue(name, into=tmp_path) for name in ("server", "other"))
    with server(tls=Tls(certificate=pair.certificate, key=pair.key)) as windows:
        host = Host(login(windows, ca=authority.pem))
        assert computer(host) == "BE01"
        host.close()
    # somebody between, with a certificate of the same authority: the server looks for its own binding
    with server(tls=Tls(certificate=other.certificate, key=other.key, behind=pair.certificate)) as windows:
        assert refused(login(windows, ca=authority.pem)) == "be01 refused the login."


def test_two_identities_live_in_one_process_at_once() -> None:
    with server() as one, server("svc-dmz") as other:
        hosts = [Host(login(one)), Host(login(other, "svc-dmz", f"{PASSWORD}-dmz"))]
        told: list[tuple[int, str]] = []

        def ask(at: int) -> None:
            told.extend((at, computer(hosts[at])) for _ in range(3))

        threads = [threading.Thread(target=ask, args=(at,)) for at in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(told) == [(0, "BE01")] * 3 + [(1, "FE01")] * 3
        for host in hosts:
            host.close()


def test_one_who_has_a_ticket_but_no_account_there_is_refused() -> None:
    with server("svc-dmz") as windows:
        assert refused(login(windows)) == "be01 refused the login."


def test_a_wrong_password_reaches_the_kdc_once_and_the_server_never(kdc: Kdc) -> None:
    kdc.add_user("svc-wrong", PASSWORD)
    principal = f"svc-wrong@{REALM}"
    with server("svc-wrong") as windows:
        host = Host(login(windows, "svc-wrong", "not-the-password"))
        for _ in range(3):
            with pytest.raises(LoginRefused) as caught:
                host.observe(Query())
            assert "Kerberos could not log in to be01: the password is wrong." in str(caught.value)
            assert "not tried again" in str(caught.value)
        assert windows.logins == windows.refused_logins == 0
    assert kdc.refusals(principal) == 1


def test_what_the_kdc_says_is_a_sentence(kdc: Kdc) -> None:
    kdc.add_user("svc-locked", PASSWORD)
    kdc.admin(f"modprinc -allow_tix svc-locked@{REALM}")
    kdc.add_user("svc-old", PASSWORD)
    kdc.admin(f'modprinc -pwexpire "yesterday" svc-old@{REALM}')
    with server() as windows:
        assert "the KDC knows no such user" in refused(login(windows, "svc-unknown"))
        assert "the account is disabled or locked" in refused(login(windows, "svc-locked"))
        assert "the password has expired" in refused(login(windows, "svc-old"))
        elsewhere = login(windows).model_copy(update={"url": windows.url.replace("localhost", "127.0.0.1")})
        assert "the KDC knows no service HTTP/ of that name" in refused(elsewhere, AccessDenied)


def test_a_kdc_that_does_not_answer_is_no_refused_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf = tmp_path / "krb5.conf"
    realms = f"[realms]\n{REALM} = {{\nkdc = 127.0.0.1:1\n}}\n"
    conf.write_text(f"[libdefaults]\ndefault_realm = {REALM}\ndns_lookup_kdc = false\n{realms}")
    monkeypatch.setenv("KRB5_CONFIG", str(conf))
    with server() as windows:
        assert "Kerberos could not log in to be01" in refused(login(windows), HostAway)


def test_a_server_that_holds_another_key_is_not_believed(
    kdc: Kdc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stolen = tmp_path / "other.keytab"
    kdc.admin(f"addprinc -randkey HTTP/other@{REALM}", f"ktadd -k {stolen} HTTP/other@{REALM}")
    monkeypatch.setenv("KRB5_KTNAME", str(stolen))
    assert SERVICE not in stolen.name
    with server() as windows:
        assert refused(login(windows)) == "be01 refused the login."
