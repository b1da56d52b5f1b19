"""The command line: one module for each command or group of small commands.

Importing it loads neither torch nor numpy: the commands import what they need when they are called.
"""

from impasto.cli.app import main

__all__ = ["main"]
