"""Who may enter, apart from HTTP: the allow-list, API tokens, sessions, and what may be used once."""
