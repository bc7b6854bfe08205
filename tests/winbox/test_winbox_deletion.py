"""A service marked for deletion: the words of its refusal reach people, and nothing is repeated."""

import pytest
from box import Site, until
from installing import soon

from bot.errors import ActFailed
from bot.windows.states import Act

pytestmark = pytest.mark.winbox


def test_a_service_that_waits_for_its_deletion_is_refused_in_those_words(backend: Site) -> None:
    """Somebody has its console open, so that its deletion, by an installer say, is only a mark."""
    box = backend.box
    hold = (
        f"New-Service victim -BinaryPathName '{backend.product.file('PRMService.exe')}' | Out-Null; "
        "$open = (Get-Service victim).ServiceHandle; sc.exe delete victim; "
        "[IO.File]::WriteAllText('C:\\marked.txt', ''); "
        "while ([IO.File]::Exists('C:\\marked.txt')) { Start-Sleep -Milliseconds 50 }; $open.Dispose()"
    )
    (box.c / "hold.ps1").write_text(hold)
    box.start(r"powershell.exe -NoProfile -File C:\hold.ps1")
    marked = box.c / "marked.txt"
    until(marked.exists)
    try:
        with pytest.raises(ActFailed) as caught:
            backend.host.act(Act(verb="disable_service", args={"service": "victim"}), soon())
    finally:
        marked.unlink()
    assert "marked for delet" in caught.value.sentence
