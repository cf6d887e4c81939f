"""The four services, a module each: from a request that was understood to the JSON that the contract says."""
