"""Wire events as facts: receipts, factoids and identity events, whether they come from Kafka or from files."""
