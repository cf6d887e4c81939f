"""Who may enter the server: one check in front of every route, and the ways to get past it."""
