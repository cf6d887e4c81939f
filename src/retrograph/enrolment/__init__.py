"""Opening the gate for a user, and seeing that nothing is missing between the history and the stream."""
