"""`/api/v1`: the verbs of the service as HTTP, with problem documents where they cannot be done."""
