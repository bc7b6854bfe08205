"""Fixtures: Windows servers with the product on them, shared by the tests of a file."""

import os
import shutil
from collections.abc import Iterator

import pytest
from box import ARTICLE, COMPILER, OTHER, Boxes, Product, Programs, Site, boxes, build
from keeping import done

from bot.windows.host import Host
from bot.windows.states import Running


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    if shutil.which(COMPILER) is None:
        lack = f"{COMPILER} is not on the PATH (apt install gcc-mingw-w64-x86-64)"
        if "winbox" in os.environ.get("NPS_REQUIRE", "").split(","):
            pytest.fail(lack, pytrace=False)
        pytest.skip(lack)
    return build(tmp_path_factory.mktemp("product"))


@pytest.fixture(scope="session")
def made_boxes() -> Iterator[Boxes]:
    with boxes() as made:
        yield made


def _site(made: Boxes, programs: Programs, product: Product, backend: str | None) -> Site:
    box = made.new()
    server = box.serve("--faults")
    box.install(product, programs, backend)
    return Site(box=box, product=product, programs=programs, server=server, host=Host(server.login()))


@pytest.fixture(scope="module")
def backend(made_boxes: Boxes, programs: Programs) -> Site:
    """Named as in the article; its service runs."""
    return _site(made_boxes, programs, ARTICLE, None)


@pytest.fixture(scope="module")
def frontend(made_boxes: Boxes, programs: Programs) -> Site:
    """Named otherwise in everything that may differ; disabled, and DCOM points at be01."""
    return _site(made_boxes, programs, OTHER, "be01.corp.example")


@pytest.fixture
def site(backend: Site) -> Site:
    """Its service runs before each test."""
    done(backend.host, Running())
    return backend
