"""Torture: one load of the sample, disturbed in every way that a machine, a server or an operator can disturb it.

Each disturbance must end in the same way: the job has succeeded, every user is counted once, and the graph has the
digest of a load that nothing disturbed. `make torture` runs all of them over the whole sample and writes what it saw
into `docs/reliability.md`; the tests here run each of them once, over a part of it.
"""
