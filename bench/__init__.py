"""The benchmark: what Kiln's artifacts do beside other engines, through the public API only."""
