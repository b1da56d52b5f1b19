"""Errors whose text says in one line what is wrong and what to do."""


class ImpastoError(Exception):
    """Base of every error that impasto raises on purpose; its text is one line for the user."""


class InputError(ImpastoError, ValueError):
    """A file, an option or a combination of them cannot be used; the command line exits with 2."""


class RunError(ImpastoError, RuntimeError):
    """A run that had begun could not be finished; the command line exits with 1."""


def reason_of(error: Exception) -> str:
    """Return why something failed, in a few words on one line, without the number and path that an OSError adds."""
    text: str = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())
