"""Hosts as the article finds them before an upgrade: a DMZ pair's backend and frontend, and a single server.

Names, folders and values are those of the product; addresses, GUIDs and hashes are made up.
"""

import hashlib

from bot.windows.facts import (
    Dcom,
    DcomClass,
    Drive,
    FileFact,
    HostFacts,
    Image,
    PackageFile,
    Process,
    Service,
    Signature,
)

FOLDER = "C:\\Program Files (x86)\\NetWrix Password Manager"
EXECUTABLE = "PRMService.exe"
OLD_VERSION = "9.2.0.0"
PACKAGE_PATH = "D:\\stage\\prm_setup.exe"
PACKAGE_SHA256 = hashlib.sha256(b"the lab's prm_setup.exe 9.3.0.0").hexdigest()
APP_ID = "{6E1D1C0A-52E6-4E0B-9D0B-0C5C2A3F7B11}"
CLASS_ID = "{0B8F4C39-7D7D-4D0A-8B52-5A6C1E9A4F02}"
_BOOTED = "2025-01-12T03:12:44.5000000Z"
_PID = 2412
_IMAGE = f"{FOLDER}\\{EXECUTABLE}"


def _host(
    name: str, service: Service, images: tuple[str, ...], dcom: Dcom, processes: tuple[Process, ...]
) -> HostFacts:
    sizes = {
        "alinfo.bin": 18_432,
        "secrets.bin": 1_204_224,
        "Predefined Questions.txt": 5_120,
        "prm_client.msi": 9_437_184,
    }
    files = [FileFact(name=file, path=f"{FOLDER}\\{file}", size=size) for file, size in sizes.items()]
    files.append(FileFact(name="Templates", path=f"{FOLDER}\\Templates", is_folder=True, size=73_216))
    return HostFacts(
        computer=name,
        clock=_BOOTED,
        booted=_BOOTED,
        powershell="5.1.20348.2849",
        language="en-US",
        admin=True,
        service=service,
        folder=FOLDER,
        images=tuple(Image(name=image, path=f"{FOLDER}\\{image}", version=OLD_VERSION) for image in images),
        processes=processes,
        dcom=dcom,
        files=tuple(files),
        package=PackageFile(
            path=PACKAGE_PATH,
            size=48_234_496,
            sha256=PACKAGE_SHA256,
            signature=Signature(status="Valid", signer="Netwrix Corporation"),
        ),
        drives=(Drive(name="C:", free=41_875_931_136),),
    )


def backend(name: str = "BE01") -> HostFacts:
    """The service runs, and DCOM runs the application on this computer."""
    service = Service(
        name="PRMService", caption="Netwrix Password Secure", start_mode="Auto", state="Running", pid=_PID,
        started=_BOOTED, image=_IMAGE,
    )  # fmt: skip
    process = Process(pid=_PID, name=EXECUTABLE, path=_IMAGE, started=_BOOTED)
    here = DcomClass(clsid=CLASS_ID, view="32", local_server=f'"{_IMAGE}"')
    dcom = Dcom(app_id=APP_ID, caption="Netwrix Password Secure", local_service="PRMService", classes=(here,))
    return _host(name, service, (EXECUTABLE,), dcom, (process,))


def frontend(name: str = "FE01", backend_name: str = "be01.corp.example") -> HostFacts:
    """As the last upgrade left it: service disabled, executable renamed, DCOM pointing at the backend."""
    service = Service(
        name="PRMService", caption="Netwrix Password Secure", start_mode="Disabled", state="Stopped", image=_IMAGE
    )
    away = DcomClass(clsid=CLASS_ID, view="32", local_server_off=f'"{_IMAGE}"')
    dcom = Dcom(
        app_id=APP_ID, caption="Netwrix Password Secure", remote_server=backend_name, local_service_off="PRMService",
        classes=(away,),
    )  # fmt: skip
    return _host(name, service, (f"{EXECUTABLE}.old",), dcom, ())


def single(name: str = "NPS01") -> HostFacts:
    """A server that is its own backend and has no frontend."""
    return backend(name)
