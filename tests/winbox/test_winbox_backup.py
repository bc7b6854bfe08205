"""What stops the service on a server that was not written here: a backup, a rollback, a restart."""

from datetime import UTC, datetime, timedelta

import pytest
from box import Site

from bot.errors import ActFailed
from bot.windows.facts import HostFacts, Query
from bot.windows.host import Host
from bot.windows.states import Reachable, Restarted, Running, Stopped

pytestmark = pytest.mark.winbox


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=5)


def done(host: Host, state: Reachable) -> tuple[bool, HostFacts]:
    """Whether the act changed anything, and the facts after it."""
    changed, after = host.act(state.act(host.observe(state.query())), soon(), then=state.query())
    assert after is not None
    return changed, after


@pytest.fixture
def site(backend: Site) -> Site:
    """Its service runs before each test."""
    done(backend.host, Running())
    return backend


def test_a_service_is_restarted_once_for_one_begin(site: Site) -> None:
    before = site.host.observe(Query())
    state = Restarted().since(before.clock)
    assert not state.holds(before)
    assert before.service is not None
    act = state.act(before)
    changed, after = site.host.act(act, soon(), then=state.query())
    assert changed
    assert after is not None
    assert after.service is not None
    assert state.holds(after), state.found(after)
    assert after.service.pid != before.service.pid
    changed, again = site.host.act(act, soon(), then=state.query())
    assert not changed
    assert again is not None
    assert again.service == after.service


def test_a_stopped_service_is_started_by_a_restart(site: Site) -> None:
    changed, after = done(site.host, Stopped())
    assert changed
    assert Stopped().holds(after)
    assert after.processes == ()
    assert not done(site.host, Stopped())[0]
    state = Restarted().since(after.clock)
    assert state.holds(done(site.host, state)[1])


def test_a_disabled_service_is_not_stopped_by_a_restart_that_could_not_start_it(site: Site) -> None:
    site.box.powershell("-Command", f"Set-Service {site.product.service} -StartupType Disabled")
    state = Restarted().since(site.host.observe(Query()).clock)
    with pytest.raises(ActFailed, match="is disabled, and would not start again"):
        done(site.host, state)
    after = site.host.observe(Query())
    site.box.powershell("-Command", f"Set-Service {site.product.service} -StartupType Automatic")
    assert after.service is not None
    assert after.service.state == "Running"
