"""What becomes of Retrograph when everything is large: `make scale`, and what it printed is in docs/performance.md."""
