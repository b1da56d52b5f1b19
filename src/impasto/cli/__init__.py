"""The command line, one module per command; it translates and decides nothing.

Loading it loads neither torch nor numpy: the modules of the commands load them when they are run, not when they are
imported, because cyclopts imports all of them to list what there is.
"""

from impasto.cli.entry import main

__all__ = ["main"]
