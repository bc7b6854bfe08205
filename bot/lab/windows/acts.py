"""The verbs that change a pretend host at once: each looks whether it can, and leaves what its state says it leaves.

Pure: facts in, facts out; unchanged facts mean that there was nothing to do. Only the table maps verbs to states.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from bot.lab.windows.faults import Kind
from bot.lab.windows.nature import same
from bot.windows.facts import BackedUp, HostFacts, Process, Service
from bot.windows.states import Copied, DcomLocation, Disabled, NoProcess, Renamed, Restarted, Restored, Running, Stopped

Args = Mapping[str, Any]


class Refusal(Exception):
    """A verb that failed, as its reply tells it."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


def _in_folder(args: Args, facts: HostFacts) -> None:
    if not same(args["folder"], facts.folder):
        raise Refusal("absent", f"There is no folder {args['folder']}.")


def _service(args: Args, facts: HostFacts) -> Service:
    if facts.service is None or not same(args["service"], facts.service.name):
        raise Refusal("absent", f"There is no service {args['service']}.")
    return facts.service


def back_up(args: Args, facts: HostFacts) -> HostFacts:
    _in_folder(args, facts)
    state = Copied(
        files=tuple((name,) for name in args["files"]), to=args["to"], store=args["store"], stop=args["stop"],
        service=args["service"],
    )  # fmt: skip
    if state.holds(facts):
        return facts
    missing = state.missing(state.present(facts))
    if missing:
        raise Refusal("absent", f"There is no {missing[0]} in {facts.folder}.")
    return _with_sizes(state.after(facts))


def restore_files(args: Args, facts: HostFacts) -> HostFacts:
    _in_folder(args, facts)
    state = Restored(run="", folder=args["from"], saved=args["saved"])
    if facts.saved is None or not facts.saved.proven:
        raise Refusal("absent", f"There is no proven backup in {state.folder}.")
    if facts.saved.damaged:
        raise Refusal("failed", f"The backup in {state.folder} is damaged: {facts.saved.damaged[0]}.")
    if not facts.saved.differing:
        return facts
    if _service(args, facts).state != "Stopped":
        raise Refusal("in_use", f"Service '{args['service']}' is running: somebody has started it.")
    return state.after(facts)


def _with_sizes(facts: HostFacts) -> HostFacts:
    """The state knows no sizes and hashes before it is brought about; a host does."""
    if facts.backup is None:
        return facts
    sizes = {file.name: file.size for file in facts.files}
    files = tuple(
        BackedUp(name=file.name, size=sizes[file.name], sha256=hashlib.sha256(file.name.encode()).hexdigest())
        for file in facts.backup.files
    )
    backup = facts.backup.model_copy(update={"files": files, "made": facts.clock})
    return facts.model_copy(update={"backup": backup})


def start_left_stopped(args: Args, facts: HostFacts) -> HostFacts:
    """What a copy that was cut off has left stopped; nothing where there is no such service."""
    return Running().after(facts).model_copy(update={"left_stopped": None}) if facts.left_stopped else facts


def rename_file(args: Args, facts: HostFacts) -> HostFacts:
    _in_folder(args, facts)
    state = Renamed(old=args["old"], new=args["new"])
    if state.holds(facts):
        return facts
    if facts.image(state.old) is None:
        raise Refusal("absent", f"There is neither {state.old} nor {state.new} in {facts.folder}.")
    after, older = state.after(facts), facts.image(state.new)
    if older is None:
        return after
    stamp = facts.clock[:19].replace("-", "").replace(":", "") + "Z"
    aside = older.model_copy(update={"name": f"{older.name}.{stamp}", "path": f"{older.path}.{stamp}"})
    return after.model_copy(update={"images": (*after.images, aside)})


def disable_service(args: Args, facts: HostFacts) -> HostFacts:
    state = Disabled(service=_service(args, facts).name)
    return facts if state.holds(facts) else state.after(facts)


def start_service(args: Args, facts: HostFacts) -> HostFacts:
    service = _service(args, facts)
    state = Running(service=service.name)
    if state.holds(facts):
        return facts
    _startable(service, facts)
    return state.after(facts)


def _startable(service: Service, facts: HostFacts) -> None:
    if service.start_mode == "Disabled":
        raise Refusal("failed", f"The service {service.name} is disabled and can't be started.")
    if facts.image(service.image.rsplit("\\", 1)[-1]) is None:
        raise Refusal("absent", f"There is no {service.image}, which the service {service.name} runs.")


def stop_service(args: Args, facts: HostFacts) -> HostFacts:
    state = Stopped(service=_service(args, facts).name)
    return facts if state.holds(facts) else state.after(facts)


def restart_service(args: Args, facts: HostFacts) -> HostFacts:
    service = _service(args, facts)
    state = Restarted(service=service.name, moment=args["since"])
    if state.holds(facts):
        return facts
    _startable(service, facts)
    return state.after(facts)


def end_process(args: Args, facts: HostFacts) -> HostFacts:
    meant = [Process.model_validate(each) for each in args["processes"]]
    named = {(each.pid, each.started) for each in meant}
    mine = tuple(p for p in facts.processes if (p.pid, p.started) in named)
    if not mine:
        return facts
    left = NoProcess(name=mine[0].name).after(facts.model_copy(update={"processes": mine})).processes
    return facts.model_copy(update={"processes": (*left, *(p for p in facts.processes if p not in mine))})


def set_dcom_location(args: Args, facts: HostFacts) -> HostFacts:
    if facts.dcom is None or not same(args["app_id"], facts.dcom.app_id):
        raise Refusal("absent", f"There is no DCOM application {args['app_id']}.")
    there = facts.dcom.remote_server
    return DcomLocation(server=there if there and same(there, args["server"]) else args["server"]).after(facts)


ACTS: dict[str, Callable[[Args, HostFacts], HostFacts]] = {
    "back_up": back_up,
    "restore_files": restore_files,
    "rename_file": rename_file,
    "disable_service": disable_service,
    "start_left_stopped": start_left_stopped,
    "start_service": start_service,
    "stop_service": stop_service,
    "restart_service": restart_service,
    "end_process": end_process,
    "set_dcom_location": set_dcom_location,
}
