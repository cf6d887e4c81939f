"""The only place that names backends: from settings to the objects that do the work, opened and closed in order."""

from retrograph.wiring.graphs import build_graph, graph_url, open_graph
from retrograph.wiring.service import open_service

__all__ = ["build_graph", "graph_url", "open_graph", "open_service"]
