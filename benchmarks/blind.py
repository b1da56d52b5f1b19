"""Sheets for blind comparisons, and the count of their votes.

    python benchmarks/blind.py sheets PAIRS OURS OUT --key KEY.json
    python benchmarks/blind.py count KEY.json VOTES.csv...

PAIRS has a folder for each pair with `content.*`, `style.*` and the picture of another program, `peer-*.*`; OURS holds
NAME.png for each. A sheet shows photo and style above and the two pictures below, in random order and at one size. The
key, which says which is ours, lies elsewhere. Judges see only the sheets and write lines SHEET,overall,style,content
with `left` or `right` for each question; faults that they name may follow.
"""

import argparse
import csv
import json
import random
import sys
from collections.abc import Iterable
from pathlib import Path

from PIL import Image, ImageDraw

QUESTIONS = ("overall", "style", "content")
HEIGHT = 512
LABEL = (0.19, 0.90)
"""Some published pictures have a label at the lower left: up to this share of the width, below that of the height."""


def main() -> None:
    """Run the command that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    sheets = commands.add_parser("sheets")
    for name in ("pairs", "ours", "out"):
        sheets.add_argument(name, type=Path)
    sheets.add_argument("--key", type=Path, required=True)
    sheets.add_argument("--seed", type=int, default=0)
    sheets.add_argument("--labelled", default="ad-", help="pairs whose name begins so have a label, hidden in both")
    counting = commands.add_parser("count")
    counting.add_argument("key", type=Path)
    counting.add_argument("votes", type=Path, nargs="+")
    options = parser.parse_args()
    if options.command == "sheets":
        make_sheets(options)
    else:
        key = json.loads(options.key.read_text())
        rows = [row for path in options.votes for row in csv.reader(path.open()) if row and row[0] in key]
        json.dump(count(key, rows), sys.stdout, indent=1)


def make_sheets(options: argparse.Namespace) -> None:
    """Write a numbered sheet for every pair, in random order, and the key."""
    chance = random.Random(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    names = sorted(folder.name for folder in options.pairs.iterdir() if (options.ours / f"{folder.name}.png").exists())
    chance.shuffle(names)
    key = {}
    for number, name in enumerate(names, 1):
        photo, style, peer = (
            opened(next((options.pairs / name).glob(f"{kind}*"))) for kind in ("content", "style", "peer")
        )
        two = {"ours": opened(options.ours / f"{name}.png"), "peer": peer}
        # A square peer of a photo of another shape was squeezed: ours is squeezed alike.
        two["ours"] = two["ours"].resize(fitted(two["peer"]))
        two["peer"] = two["peer"].resize(fitted(two["peer"]))
        if name.startswith(options.labelled):
            two = {kind: without_label(picture) for kind, picture in two.items()}
        order = chance.sample(sorted(two), 2)
        sheet(photo, style, [two[kind] for kind in order]).save(options.out / f"{number:02}.png")
        key[f"{number:02}"] = {"name": name, "left": order[0], "right": order[1]}
    options.key.write_text(json.dumps(key, indent=1) + "\n")


def count(key: dict[str, dict[str, str]], rows: Iterable[list[str]]) -> dict[str, object]:
    """Return the share of votes for ours for each question, and every vote by pair.

    >>> key = {"01": {"name": "a", "left": "peer", "right": "ours"}}
    >>> count(key, [["01", "right", "left", "right"]])["ours"]
    {'overall': '1 of 1', 'style': '0 of 1', 'content': '1 of 1'}
    """
    votes: dict[str, dict[str, list[str]]] = {}
    for sheet_number, *answers in rows:
        entry = key[sheet_number]
        for question, answer in zip(QUESTIONS, answers, strict=False):
            votes.setdefault(entry["name"], {}).setdefault(question, []).append(entry[answer.strip().lower()])
    ours = {}
    for question in QUESTIONS:
        every = [vote for pair in votes.values() for vote in pair.get(question, [])]
        ours[question] = f"{every.count('ours')} of {len(every)}"
    return {"ours": ours, "votes": votes}


def opened(path: Path) -> Image.Image:
    """Return a picture as RGB."""
    return Image.open(path).convert("RGB")


def fitted(picture: Image.Image) -> tuple[int, int]:
    """Return the size of a picture at the height of the sheet."""
    return round(picture.width * HEIGHT / picture.height), HEIGHT


def without_label(picture: Image.Image) -> Image.Image:
    """Return a copy with the corner of the label in gray."""
    covered = picture.copy()
    right, top = round(LABEL[0] * picture.width), round(LABEL[1] * picture.height)
    ImageDraw.Draw(covered).rectangle((0, top, right, picture.height), fill=(128, 128, 128))
    return covered


def sheet(photo: Image.Image, style: Image.Image, two: list[Image.Image]) -> Image.Image:
    """Return photo and style above, the two pictures below."""
    above = [picture.resize((max(1, fitted(picture)[0] * 3 // 5), HEIGHT * 3 // 5)) for picture in (photo, style)]
    rows = [above, two]
    width = max(sum(picture.width + 16 for picture in row) for row in rows)
    page = Image.new("RGB", (width, sum(row[0].height + 16 for row in rows)), "white")
    top = 0
    for row in rows:
        left = 0
        for picture in row:
            page.paste(picture, (left, top))
            left += picture.width + 16
        top += row[0].height + 16
    return page


if __name__ == "__main__":
    main()
