"""The upstream services on a desk: history from Parquet files over HTTP, with faults on demand.

It stands alone and shares no code with the clients that read from it, so that a mistake on one side cannot cancel
itself out on the other.
"""

from retrograph.sandbox.faults import SERVICES, Faults, InvalidFaults, Latency, read_plan
from retrograph.sandbox.options import SAMPLE, SandboxError, SandboxOptions
from retrograph.sandbox.server import Sandbox, running, serve, user_ids

__all__ = [
    "SAMPLE",
    "SERVICES",
    "Faults",
    "InvalidFaults",
    "Latency",
    "Sandbox",
    "SandboxError",
    "SandboxOptions",
    "read_plan",
    "running",
    "serve",
    "user_ids",
]
