"""Errors whose text says in one line what is wrong and what to do."""

import errno
import re
from collections.abc import Iterable
from difflib import get_close_matches

from pydantic import ValidationError

_OUT_OF_MEMORY = re.compile(
    r"DefaultCPUAllocator|bad_alloc|could not (create|execute) a|(out of|not enough|insufficient) memory|"
    r"cannot allocate|unable to (mmap|allocate)|failed to map|can't start new thread",
    re.IGNORECASE,
)
"""What allocators and oneDNN say; they raise RuntimeError, OSError or ImportError."""
_LEAST_LIKENESS = 0.7  # a slip of the fingers is above it, two short words that share half their letters are below
_DISK_ERRORS = {getattr(errno, name, None) for name in ("ENOSPC", "EDQUOT", "EFBIG", "EIO")}


class ImpastoError(Exception):
    """Base of every error that impasto raises on purpose; its text is one line for the user.

    Example:
        >>> issubclass(InputError, ImpastoError) and issubclass(RunError, ImpastoError)
        True
    """


class InputError(ImpastoError, ValueError):
    """A file, an option or a combination of them cannot be used; the command line exits with 2.

    Example:
        >>> try:
        ...     raise InputError("cannot read photo.jpg: No such file or directory")
        ... except ValueError as error:
        ...     print(error)
        cannot read photo.jpg: No such file or directory
    """


class RunError(ImpastoError, RuntimeError):
    """A run that had begun could not be finished; the command line exits with 1.

    Example:
        >>> str(RunError("the loss has no finite value"))
        'the loss has no finite value'
    """


def check_type(value: object, types: type | tuple[type, ...], name: str, expected: str) -> None:
    """Raise InputError unless a value has one of the types; the message names the argument and what is accepted.

    True and False are no numbers.

    Example:
        >>> check_type([1], str, "the photo", "a path")
        Traceback (most recent call last):
        impasto.errors.InputError: the photo must be a path, not a list
    """
    if not isinstance(value, types) or isinstance(value, bool):
        kind = type(value).__name__
        given = "None" if value is None else f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"
        raise InputError(f"{name} must be {expected}, not {given}")


def similar(name: str, known: Iterable[str]) -> str:
    """Return the known name that is probably meant, whatever its capitals and dashes; empty if none is like it.

    >>> similar("Stained Glas", ["night", "stained-glass"]), similar("xyz", ["night"])
    ('stained-glass', '')
    """
    by_form = {_form(item): item for item in known}
    return next((by_form[form] for form in get_close_matches(_form(name), by_form, n=1, cutoff=_LEAST_LIKENESS)), "")


def _form(name: str) -> str:
    return re.sub(r"[\s-]", "_", name.strip().lower())


def did_you_mean(meant: str, otherwise: str = "") -> str:
    """Return the question whether a name is meant, or another text if there is none."""
    return f"did you mean {meant}?" if meant else otherwise


class DiskError(InputError, RunError):
    """A disk is full or broken: the same call may succeed later; the command line exits with 1."""


def is_disk_error(error: BaseException) -> bool:
    """Return True if something could not be written because a disk is full or broken."""
    return isinstance(error, DiskError) or (isinstance(error, OSError) and error.errno in _DISK_ERRORS)


def is_out_of_memory(error: BaseException) -> bool:
    """Return True if Python, NumPy, torch or libvips got no memory, or the system no thread.

    Example:
        >>> is_out_of_memory(RuntimeError("could not create a primitive")), is_out_of_memory(RuntimeError("a bug"))
        (True, False)
    """
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    cause = error.__cause__ or error.__context__
    return bool(_OUT_OF_MEMORY.search(str(error))) or (cause is not None and is_out_of_memory(cause))


def file_error(message: str, error: BaseException) -> InputError:
    """Return the error of a file that cannot be used, for what the system reported."""
    return (DiskError if is_disk_error(error) else InputError)(message)


def reason_of(error: Exception) -> str:
    """Return why something failed, in a few words on one line: no error number, no path, no class name."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return ": ".join([*filter(None, [".".join(map(str, first["loc"]))]), first["msg"]])
    if isinstance(error, KeyError):
        return f"no {error}"
    text: str = getattr(error, "strerror", None) or str(error)  # those of FFmpeg have it, too
    return " ".join(text.split())
