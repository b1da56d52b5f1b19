"""How long a test waits for something that will surely happen."""

PATIENCE = 100.0
"""Seconds within which even a busy machine has painted a few steps."""
