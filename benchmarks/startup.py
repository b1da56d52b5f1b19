"""How long until the program answers, and until it paints?"""

import subprocess
import sys
import tempfile
from pathlib import Path

from common import seconds, store
from impasto.images import demo_photo

COMMANDS = {
    "impasto --help": ["-m", "impasto", "--help"],
    "import impasto": ["-c", "import impasto"],
    "load the weights": ["-c", "from impasto.backbones import load_weights; load_weights()"],
    "one step at 64 px, whole process": [
        *(
            "-m",
            "impasto",
            "stylize",
            str(demo_photo()),
            "night",
            "--size",
            "64",
            "--steps",
            "1",
            "-o",
            "OUT",
            "--quiet",
        )
    ],
}


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, words in COMMANDS.items():
            command = [sys.executable, *(str(Path(folder) / "out.png") if word == "OUT" else word for word in words)]
            timed = seconds(lambda c=command: subprocess.run(c, check=True, capture_output=True), repeats=5)
            rows.append({"what": name} | timed)
    store("startup", rows)


if __name__ == "__main__":
    main()
