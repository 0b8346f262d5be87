"""Which records ship with the package: what a tuning database has that makes networks faster."""
