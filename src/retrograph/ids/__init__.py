"""User ids in bulk: parsed as they stream in, kept in little memory."""
