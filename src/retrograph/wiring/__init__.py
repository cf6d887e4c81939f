"""The only place that names backends: from settings to the objects that do the work, opened and closed in order.

Each module imports no more than its own part needs, because every command waits for its imports.
"""
