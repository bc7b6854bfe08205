"""What the end of an installer means: the version and its processes decide, the exit code explains. Pure."""

from bot.plan import Plan, Step
from bot.runs import patience
from bot.texts import lasted
from bot.windows.facts import HostFacts, Mark
from bot.windows.states import Installed

CODES = {
    577: "its file is not the one that was approved; nothing was started",
    1602: "somebody cancelled it",
    1603: "a fatal error during the installation",
    1605: "the product is not installed",
    1612: "its source can't be read",
    1618: "another installation was running",
    1619: "the package could not be opened; may SYSTEM read its file?",
    1620: "the package is not valid",
    1622: "its log can't be written",
    1625: "a policy of the server forbids it",
    1633: "it is not for this kind of server",
    1638: "another version is installed already",
    1639: "its arguments are wrong",
}
RESTART_CODES = (3010, patience.RESTARTING)
READ = "Read the log's last lines. Retry starts it again."
RESTART = "Restart the server, then retry: the host is read again, and the installer starts only if it is still wanted."


def trouble(step: Step, before: HostFacts, now: HostFacts, mark: Mark | None) -> tuple[str, str]:
    """Why an installer's step has not passed, where its reading alone does not say it; empty where nothing is wrong."""
    if not isinstance(step.state, Installed):
        return "", ""
    if mark and (fault := _ended(step.state, mark, now)):
        return fault
    if mark and patience.restarts(mark, now):
        told = f"The installer said that it restarts {step.host}, but it has not for {lasted(patience.RESTARTS)}."
        return told, RESTART
    if set(now.renames) - set(before.renames):
        told = f"{step.host} must be restarted: files of the product are replaced only then, and later steps would be"
        return f"{told} judged on the old ones. Found now: {step.state.found(now)}.", RESTART
    return "", ""


def _ended(state: Installed, mark: Mark, now: HostFacts) -> tuple[str, str] | None:
    if mark.state == "given_up":
        return "The installer never began: its attempt was given up.", "Retry starts a new one."
    if mark.state == "ended":
        return f"The installer did not finish: its processes were ended by {mark.by}.", READ
    if mark.code is None:
        restarted = mark.started is not None and patience.is_later(now.booted, mark.started)
        cause = "the server was restarted meanwhile" if restarted else "its processes were ended"
        return f"The installer ended without leaving an exit code: {cause}.", READ
    if mark.code in state.package.success_codes:
        return None
    return f"The installer ended with code {mark.code}: {CODES.get(mark.code, 'see the vendor for its meaning')}.", READ


def notes(plan: Plan, step: Step, before: HostFacts, now: HostFacts, mark: Mark | None) -> list[str]:
    """What people should know of it beside the reading."""
    told = ["the server wants a restart"] if wants_restart(step, before, now, mark) else []
    if mark and mark.as_system and plan.run_as == "S4U":
        told.append("it ran as SYSTEM: the bot's account may not log on as a batch job")
    return [*told, *step.state.remarks(before, now)]


def wants_restart(step: Step, before: HostFacts, now: HostFacts, mark: Mark | None) -> bool:
    """The exit code says so, or Windows has a reason that it had not when the run began."""
    if not isinstance(step.state, Installed):
        return False
    if mark and mark.code in RESTART_CODES and not (mark.finished and patience.is_later(now.booted, mark.finished)):
        return True
    return bool(set(now.reboot_due) - set(before.reboot_due))


def is_again(mark: Mark | None, tries: int) -> bool:
    """Whether a rule makes the next attempt: another installation was running, and there was little waiting so far."""
    return mark is not None and mark.code == patience.ANOTHER_INSTALLATION and patience.pause(tries) is not None
