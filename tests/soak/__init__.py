"""Soak: every part of an installation over real servers, for a while, with faults of all kinds in between.

Users are loaded through the queue by workers, their events come from Kafka, some are enrolled; meanwhile processes are
killed, servers stopped, frozen, flushed and cut off. Afterwards the graph must be that of all facts joined at once, and
every count exact. `make soak` injects each fault alone and then all of them at random, and writes what it saw into
`docs/reliability.md`; a test does the latter for a while.
"""
