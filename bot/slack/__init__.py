"""Slack: what a run looks like there, how people's acts come in, how posts leave. The only owner of slack_sdk and
slack_bolt."""
