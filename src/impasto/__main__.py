"""`python -m impasto`, and the installed command `impasto`."""

import os
import signal
import sys

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Before and after `main` there is nothing to save, and no traceback to show.
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from impasto.cli import main


def run() -> None:
    """Run the command line and end the process."""
    sys.exit(main())


if __name__ == "__main__":
    run()
