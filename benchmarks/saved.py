"""How much is lost by saving 8 bits? Losses of the optimizer and of the saved picture, in canvas `box` and `free`."""

import impasto
from common import store
from impasto.images import demo_photo

STEPS = 40


def main() -> None:
    rows = []
    for canvas in ("box", "free"):
        result = impasto.stylize(demo_photo(), "night", size=256, steps=STEPS, canvas=canvas)
        loss, saved = result.loss, result.saved_loss
        rows.append({"canvas": canvas, "loss": loss, "loss as saved": saved, "lost": f"{saved / loss - 1:.2%}"})
    store("saved", rows)


if __name__ == "__main__":
    main()
