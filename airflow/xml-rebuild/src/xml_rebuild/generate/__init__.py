"""XML documents of any size for tests and benchmarks: two made from a seed, one from NLM's real records."""
