"""Live consumers, workers on a queue and enrolments, in the simulated world: a present that goes on beside the past."""
