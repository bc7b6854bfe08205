"""The lab: a pretend Slack and pretend Windows servers, for the demo and the tests; no part of an installation."""
