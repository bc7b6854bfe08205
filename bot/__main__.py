"""`python -m bot` is `nps`."""

from bot.cli import main

main()
