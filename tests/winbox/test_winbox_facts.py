"""What facts.ps1 reads on a Windows server that was not written here."""

import pytest
from box import ARTICLE, OTHER, Site

from bot.windows.facts import Query

pytestmark = pytest.mark.winbox


def test_facts_of_a_backend_are_found_without_being_told_any_name(backend: Site) -> None:
    facts = backend.host.observe(Query(files=("alinfo.bin", "Templates", "nothing.txt")))
    assert facts.service is not None
    assert facts.dcom is not None
    assert (facts.folder, facts.service.name, facts.service.state) == (ARTICLE.folder, "PRMService", "Running")
    assert (facts.service.start_mode, facts.service.image) == ("Auto", ARTICLE.file("PRMService.exe"))
    assert [process.pid for process in facts.processes] == [facts.service.pid]
    assert facts.version("PRMService.exe") == "9.2.0.0"
    assert (facts.dcom.app_id, facts.dcom.local_service, facts.dcom.remote_server) == (
        ARTICLE.app_id,
        "PRMService",
        None,
    )
    assert {(c.clsid, c.view, c.local_server_off) for c in facts.dcom.classes} == {
        (ARTICLE.clsid, "32", None),
        (ARTICLE.clsid, "64", None),
    }
    assert [(f.name, f.is_folder, f.size) for f in facts.files] == [("alinfo.bin", False, 7), ("Templates", True, 31)]
    assert facts.admin
    assert (facts.free("c:\\x") or 0) > 0


def test_facts_of_a_frontend_with_other_names_are_found_too(frontend: Site) -> None:
    facts = frontend.host.observe(Query())
    assert facts.service is not None
    assert facts.dcom is not None
    assert (facts.folder, facts.service.name, facts.service.state) == (OTHER.folder, "pwdsvc", "Stopped")
    assert (facts.service.start_mode, facts.service.pid, facts.processes) == ("Disabled", 0, ())
    assert (facts.dcom.caption, facts.dcom.local_service) == ("Kennwort-Verwaltung", None)
    assert (facts.dcom.local_service_off, facts.dcom.remote_server) == ("pwdsvc", "be01.corp.example")
    assert all(c.local_server is None and c.local_server_off for c in facts.dcom.classes)
    assert len(facts.dcom.classes) == 2


@pytest.mark.parametrize(
    "query", [Query(service="pwdsvc"), Query(application="Kennwort-Verwaltung"), Query(folder=OTHER.folder)]
)
def test_a_name_from_the_settings_leads_to_the_same_facts(frontend: Site, query: Query) -> None:
    found, told = frontend.host.observe(Query()), frontend.host.observe(query)
    assert (told.service, told.folder, told.dcom, told.images) == (
        found.service,
        found.folder,
        found.dcom,
        found.images,
    )


def test_a_name_that_fits_nothing_gives_no_service_instead_of_another(frontend: Site) -> None:
    facts = frontend.host.observe(Query(service="no-such-service"))
    assert (facts.service, facts.folder, facts.images) == (None, None, ())


def test_the_package_is_read_as_it_lies_there(backend: Site) -> None:
    package = backend.host.observe(Query(package=r"C:\prm_setup.exe")).package
    assert package is not None
    assert (package.sha256, package.size) == (backend.programs.sha256, backend.programs.setup.stat().st_size)
    assert backend.host.observe(Query(package=r"C:\absent.exe")).package is None


def test_reading_facts_twice_changes_nothing(backend: Site) -> None:
    query = Query(files=("secrets.bin",), package=r"C:\prm_setup.exe")
    moving = {"clock", "drives"}
    first, second = (backend.host.observe(query).model_dump(exclude=moving) for _ in range(2))
    assert first == second
