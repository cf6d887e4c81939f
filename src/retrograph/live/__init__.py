"""The present: events as they come from Kafka, one consumer group a topic."""
