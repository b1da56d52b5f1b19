"""`python -m impasto` is `impasto`."""

import sys

from impasto.cli import main

sys.exit(main())
