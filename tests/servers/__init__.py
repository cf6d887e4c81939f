"""Real servers for tests and benchmarks: one small file per server says how it is obtained and started."""
