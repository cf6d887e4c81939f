"""The statements behind the job store, by what they are for. Each function works inside a transaction of its caller."""
