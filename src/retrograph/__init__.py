"""Retrograph brings the past into a live graph: the same graph, whatever the order, the replays, the crashes."""

__version__ = "0.1.0"
