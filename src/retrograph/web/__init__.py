"""The server: the API, the console, health and metrics. It holds no logic: every door calls the same verbs."""
