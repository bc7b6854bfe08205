"""Readers of the log with cursors of their own; one that fails never fails a run, it catches up."""
