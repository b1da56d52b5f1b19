"""Errors that say in one line what is wrong and what to do."""


class ImpastoError(Exception):
    """Base of every error that impasto raises on purpose; its text is one line, meant for the person."""


class InputError(ImpastoError, ValueError):
    """Something the person gave cannot be used (a file, an option, a combination); the command line exits with 2."""


class RunError(ImpastoError, RuntimeError):
    """A run that had begun could not be finished; the command line exits with 1."""
