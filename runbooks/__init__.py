"""What the bot can do to an environment: one module per runbook, each read like the article it follows."""
