"""Everything that knows Windows: what is read from a host, what is wanted of it, and the channel that carries both."""
