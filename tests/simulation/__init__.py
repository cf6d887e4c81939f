"""The law and the engine in a simulated world: one process, one seed, every step in a known order."""
