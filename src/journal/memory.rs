//! A journal in memory: the same compare-and-swap, nothing durable. For benches and tests.
