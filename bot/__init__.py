"""nps-bot: upgrades password servers on request from Slack, and keeps the record of it."""
