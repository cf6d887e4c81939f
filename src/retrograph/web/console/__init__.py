"""The console: server-rendered pages for the operator who is on call."""
