"""Many hosts are asked at once, and a credential that may be wrong is tried on one of them."""

import threading

from bot.errors import AccessDenied, HostAway, HostError, LoginRefused
from bot.lab.windows import backend
from bot.runs.asking import Answer, Asking

FACTS = backend("BE01")


class Hosts:
    """What each host answers, and in which order they were asked."""

    def __init__(self, **answers: Answer) -> None:
        self.answers, self.asked = answers, list[str]()

    def ask(self, host: str, taken: threading.Event) -> Answer:
        self.asked.append(host)
        return self.answers[host]


def refused(host: str) -> LoginRefused:
    return LoginRefused(host, f"{host} refused the login.")


def test_a_credential_that_is_refused_is_tried_on_no_second_host() -> None:
    asking = Asking({"be01": "corp", "fe01": "corp", "fe02": "dmz"})
    hosts = Hosts(be01=refused("be01"), fe01=FACTS, fe02=FACTS)
    found = asking.all(["be01", "fe01", "fe02"], hosts.ask)
    assert sorted(hosts.asked) == ["be01", "fe02"]
    assert (found["be01"], found["fe02"]) == (hosts.answers["be01"], FACTS)
    assert type(found["fe01"]) is HostError
    assert "was not asked, for be01 refused the credential corp" in found["fe01"].sentence


def test_a_host_that_gives_no_rights_keeps_no_other_from_being_asked() -> None:
    asking = Asking(dict.fromkeys(("be01", "fe01"), "corp"))
    hosts = Hosts(be01=AccessDenied("be01", "no rights"), fe01=FACTS)
    assert asking.all(["be01", "fe01"], hosts.ask) == hosts.answers


def test_a_host_that_is_away_proves_no_credential() -> None:
    asking = Asking(dict.fromkeys(("be01", "fe01", "fe02"), "corp"))
    hosts = Hosts(be01=HostAway("be01", "away"), fe01=refused("fe01"), fe02=FACTS)
    asking.all(["be01", "fe01", "fe02"], hosts.ask)
    assert hosts.asked == ["be01", "fe01"]


def test_a_credential_that_let_the_bot_in_is_used_everywhere_at_once_until_it_is_refused() -> None:
    names = ["be01", "fe01", "fe02"]
    asking = Asking(dict.fromkeys(names, "corp"))
    hosts = Hosts(**dict.fromkeys(names, FACTS))
    assert list(asking.all(names, hosts.ask)) == names

    together = threading.Barrier(len(names), timeout=20)

    def ask(host: str, taken: threading.Event) -> Answer:
        together.wait()
        return FACTS if host != "fe02" else refused(host)

    assert type(asking.all(names, ask)["fe02"]) is LoginRefused
    hosts = Hosts(**dict.fromkeys(names, refused("x")))
    asking.all(names, hosts.ask)
    assert hosts.asked == ["be01"]


def test_a_host_that_nps_toml_no_longer_has_is_asked_for_its_fault() -> None:
    gone = HostError("fe09", "gone")
    assert Asking({}).all(["fe09"], Hosts(fe09=gone).ask) == {"fe09": gone}


def test_the_others_are_asked_as_soon_as_one_has_taken_the_login() -> None:
    asking, both = Asking({"be01": "corp", "fe01": "corp"}), threading.Barrier(2, timeout=20)

    def ask(host: str, taken: threading.Event) -> Answer:
        taken.set()
        both.wait()
        return FACTS

    assert asking.all(["be01", "fe01"], ask) == {"be01": FACTS, "fe01": FACTS}
