"""Time limits for waiting in tests."""

PATIENCE = 100.0
"""Seconds within which even a busy machine has painted a few steps."""
