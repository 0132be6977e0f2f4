"""Embedded stand-ins of the clouds: ours, for practice and proof without an account."""
