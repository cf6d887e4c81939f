"""Which users a feature is on for: flags, their segments, and the file that both are read from."""
