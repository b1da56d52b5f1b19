"""One module for each built-in plate, and `kit`, with which they are drawn."""

import os

# A stroke multiplies small matrices; waking several threads for each of them takes longer than the work.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
