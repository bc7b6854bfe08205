"""Ana asks, Ben approves, the article is carried out, and everybody can see it."""

from stage import Story, block_name

from bot.commands import parse
from bot.lab.demo import CHANNEL

Finished = tuple[Story, str]


def test_an_upgrade_is_told_from_request_to_end(finished: Finished) -> None:
    story, run = finished

    assert story.ended(run).outcome == "done"
    assert story.lab.backend.facts.version("PRMService.exe") == "9.3.0.0"
    assert story.lab.frontend.facts.version("PRMService.exe") == "9.3.0.0"
    assert story.lab.frontend.facts.image("PRMService.exe") is None
    assert story.lab.backend.counts == {"back_up": 1, "start_installer": 1}
    assert story.lab.frontend.counts == {"start_installer": 1, "rename_file": 1}


def test_one_card_and_one_reply_a_step_and_the_end_in_the_channel(finished: Finished) -> None:
    story, run = finished

    names = [block_name(message) for message in story.thread(run)]
    asked = f"{run}:approval-1"
    assert names == [asked, *(f"{run}:step-{n}-1" for n in range(1, 14)), f"{run}:end"]
    in_channel = [block_name(message) for message in story.slack.messages(CHANNEL)]
    # approved before it was posted, it is told in the thread only
    assert [name for name in in_channel if name != asked] == [f"{run}:card", f"{run}:end"]


def test_each_step_shows_wanted_and_found_and_no_button_is_left(finished: Finished) -> None:
    story, run = finished

    rename = next(m for m in story.thread(run) if "II.4" in m.text)
    assert "wanted: PRMService.exe.old, no PRMService.exe" in rename.text
    assert "found: PRMService.exe.old" in rename.text
    assert "actions" not in str(story.card(run).blocks)


def test_the_answer_is_private_and_names_the_run(story: Story) -> None:
    answer = story.types("ana", "upgrade prod-dmz because CR-1234")

    assert "prod-dmz-1" in answer
    assert "is recorded" in answer


def test_the_requester_cannot_approve(story: Story) -> None:
    story.types("ana", "upgrade prod-dmz")
    card = story.card_with("prod-dmz-1", "nps:approve")

    # Ana is no approver of prod-dmz, Ben is: he asks here
    assert "Only approvers" in story.presses("ana", card, "nps:approve")
    assert "Refused" in story.kinds("prod-dmz-1")


def test_an_approver_cannot_approve_their_own_request(story: Story) -> None:
    story.types("ben", "upgrade prod-dmz")
    card = story.card_with("prod-dmz-1", "nps:approve")

    assert "somebody else" in story.presses("ben", card, "nps:approve")
    refused = story.events("prod-dmz-1")[-1]
    assert type(refused.event).__name__ == "Refused"
    assert refused.actor.person == "ben"
    assert refused.actor.rule == "own request"


def test_somebody_without_rights_is_refused_with_an_event(story: Story) -> None:
    assert "Only those in may_run" in story.types("eva", "upgrade prod-dmz")
    assert story.events()[-1].actor.account == "slack:U0EVA"


def test_the_same_request_again_is_refused_with_the_first_ones_link(story: Story) -> None:
    story.types("ana", "upgrade prod-dmz")
    story.card("prod-dmz-1")

    story.slack.wait_for(lambda: story.slack.calls("chat.update"), 60)
    answer = story.types("chris", "upgrade prod-dmz")
    assert "prod-dmz-1 already does that" in answer
    assert story.slack.page_url not in answer
    assert "archives" in answer


def test_a_reject_with_a_reason_ends_the_run(story: Story) -> None:
    story.types("ana", "upgrade prod-dmz")
    card = story.card_with("prod-dmz-1", "nps:reject")
    story.slack.press("ben", CHANNEL, card.ts, "nps:reject")
    story.slack.wait_for(lambda: story.slack.modal("ben"), 60)

    assert story.slack.submit("ben", {"reason": "not in office hours"}) == {}
    ended = story.ended("prod-dmz-1")
    assert ended.outcome == "rejected"
    assert "not in office hours" in ended.sentence
    assert story.lab.backend.counts == {}


def test_a_plan_changes_nothing_and_needs_nobody(story: Story) -> None:
    story.types("eva", "plan prod-dmz")

    assert story.ended("prod-dmz-1").outcome == "done"
    assert story.lab.backend.counts == {}
    assert "run prm_setup.exe /S" in str(story.card("prod-dmz-1").blocks)


def test_a_verify_tells_what_does_not_hold(story: Story) -> None:
    dcom = story.lab.frontend.facts.dcom
    assert dcom
    story.lab.frontend.change(dcom=dcom.model_copy(update={"remote_server": "other"}))
    story.types("eva", "verify prod-dmz")

    ended = story.ended("prod-dmz-1")
    assert ended.outcome == "failed"
    assert "II.6 DCOM points at the backend (fe01)" in ended.sentence
    assert "GateOpened" not in story.kinds("prod-dmz-1")


def test_a_backup_is_a_run_of_its_own(story: Story) -> None:
    story.types("ana", "backup prod-dmz")

    assert story.ended("prod-dmz-1").outcome == "done"
    assert story.lab.backend.counts == {"back_up": 1}


def test_the_head_in_the_thread_verifies_the_trail(finished: Finished) -> None:
    story, run = finished
    head = next(m.text for m in story.thread(run) if "audit head" in m.text).split("audit head ")[1].split()[0]

    verified = story.nps("audit", "verify", "--head", head)
    assert verified.returncode == 0, verified.stderr
    assert "none changed, missing or reordered" in verified.stdout


def test_the_audit_shows_who_did_what_on_whose_word(finished: Finished) -> None:
    story, run = finished

    shown = story.nps("audit", "show", run).stdout
    assert "ana (slack:U0ANA)" in shown
    assert "may_run: U0ANA" in shown
    assert "approvers: S0LEADS" in shown


def test_no_secret_is_anywhere(story: Story) -> None:
    story.types("ana", "upgrade prod-dmz because lab-password-of-svc-nps")
    story.presses("ben", story.card_with("prod-dmz-1", "nps:approve"), "nps:approve")
    story.ended("prod-dmz-1")
    assert story.stop() == 0
    assert not (story.lab.folder / "var/nps.sock").exists()

    kept = [path.read_bytes() for path in story.lab.folder.rglob("*") if path.is_file()]
    assert kept
    for secret in (b"lab-password-of-svc-nps", story.slack.bot_token.encode(), story.slack.app_token.encode()):
        assert not any(secret in data for data in kept)
    assert "lab-password" not in str([m.versions for m in story.slack.all_messages()])


def test_help_and_status_answer_at_once(story: Story) -> None:
    assert "upgrade ENV" in story.types("eva", "help")
    assert "nothing runs" in story.types("eva", "status")
    assert parse("help").word == "help"
