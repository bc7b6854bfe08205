"""Who is in the lab unless a test says otherwise: four people, two channels, two user groups."""

from .model import BOT_NAME, BOT_USER, Channel, Group, Person

ANA = Person(id="U0ANA", name="ana", real_name="Ana Costa")
BEN = Person(
    id="U0BEN", name="ben", real_name="Ben Okafor", tz="Europe/London", tz_label="Greenwich Mean Time", tz_offset=0
)
EVA = Person(id="U0EVA", name="eva", real_name="Eva Lindqvist", tz="Europe/Stockholm")
CHRIS = Person(
    id="U0CHRIS",
    name="chris",
    real_name="Chris Moreno",
    tz="America/New_York",
    tz_label="Eastern Time",
    tz_offset=-18000,
)
THE_BOT = Person(id=BOT_USER, name=BOT_NAME, real_name=BOT_NAME, tz="Etc/UTC", tz_label="UTC", tz_offset=0, is_bot=True)

PEOPLE = (ANA, BEN, EVA, CHRIS)
EVERYBODY = tuple(person.id for person in PEOPLE)
CHANNELS = (
    Channel(id="C0OPS", name="ops", members=EVERYBODY, topic="Changes to servers, and who made them"),
    Channel(id="C0ALL", name="general", members=EVERYBODY, topic="For everybody"),
)
GROUPS = (
    Group(id="S0OPS", handle="ops", name="Operations", members=(ANA.id, BEN.id, CHRIS.id)),
    Group(id="S0LEADS", handle="leads", name="Operations leads", members=(BEN.id, CHRIS.id)),
)
