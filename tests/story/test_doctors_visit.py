"""`nps doctor` beside a living bot: it reads, says so in its exit code, and the bot never notices."""

from stage import Story


def test_a_living_bot_is_looked_at_and_not_disturbed(story: Story) -> None:
    before = len(story.events())
    well = story.nps("doctor")
    assert (well.returncode, well.stderr) == (0, "")
    assert "A bot runs on it." in " ".join(well.stdout.split())
    assert max(len(line) for line in well.stdout.splitlines()) <= 80
    story.lab.frontend.change(admin=False)
    ill = story.nps("doctor")
    assert ill.returncode == 1
    assert "wrong  fe01: the bot's account is no administrator there." in ill.stdout
    assert len(story.events()) == before
    assert "verify" in story.types("ana", "help")
