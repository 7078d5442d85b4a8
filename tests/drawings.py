"""Pictures drawn here that an image network names rightly, and pictures that are hard to open."""

from __future__ import annotations

import math
import random

from PIL import Image, ImageDraw

WHITE, BLACK = (255, 255, 255), (10, 10, 10)


def clock(size=320):
    image, draw = _canvas((205, 205, 210))
    draw.ellipse((30, 30, 290, 290), fill=(250, 250, 245), outline=(20, 20, 20), width=12)
    for hour in range(12):
        draw.line(_hand(hour * math.pi / 6, 100, 118), fill=BLACK, width=7)
    draw.line(_hand(5.2, 0, 60), fill=BLACK, width=9)
    draw.line(_hand(1.0, 0, 90), fill=BLACK, width=6)
    draw.ellipse((152, 152, 168, 168), fill=BLACK)
    return image.resize((size, size))


def crossword():
    image, draw = _canvas(WHITE)
    rng = random.Random(1)
    for i in range(13):
        for j in range(13):
            dark = rng.random() < 0.2
            cell = (10 + i * 23, 10 + j * 23, 33 + i * 23, 33 + j * 23)
            draw.rectangle(cell, fill=BLACK if dark else WHITE, outline=BLACK)
            if not dark and rng.random() < 0.3:
                draw.text((13 + i * 23, 11 + j * 23), str(rng.randint(1, 60)), fill=BLACK)
    return image


def web():
    image, draw = _canvas((30, 40, 30))
    angles = [i * math.pi / 8 + 0.1 for i in range(17)]
    for angle in angles[:16]:
        draw.line(_hand(angle, 0, 220), fill=(220, 220, 220))
    for radius in range(12, 200, 11):
        ring = [(160 + radius * math.cos(a), 160 + radius * math.sin(a)) for a in angles]
        draw.line(ring, fill=(210, 210, 210))
    return image


def balloon():
    image, draw = _canvas((110, 170, 230))
    for k, colour in enumerate([(220, 40, 40), (250, 210, 40), (40, 90, 200)]):
        draw.ellipse((60 + k * 24, 20, 260 - k * 24, 230), fill=colour)
    draw.polygon((100, 200, 220, 200, 180, 250, 140, 250), fill=(200, 60, 40))
    draw.line((142, 250, 148, 272), fill=(40, 30, 20), width=2)
    draw.line((178, 250, 172, 272), fill=(40, 30, 20), width=2)
    draw.rectangle((145, 270, 175, 292), fill=(120, 80, 40))
    return image


def umbrella():
    image, draw = _canvas((220, 230, 240))
    draw.pieslice((40, 40, 280, 280), 180, 360, fill=(200, 30, 40))
    for x in (40, 100, 160, 220):
        draw.pieslice((x, 140, x + 60, 180), 180, 360, fill=(220, 230, 240))
    draw.line((160, 40, 160, 270), fill=(60, 40, 30), width=8)
    draw.arc((120, 240, 164, 290), 0, 180, fill=(60, 40, 30), width=8)
    return image


DRAWINGS = {
    "analog clock": clock,
    "crossword puzzle": crossword,
    "spider web": web,
    "balloon": balloon,
    "umbrella": umbrella,
}


def noise(seed, size=(48, 32)):
    """A picture of random pixels, (width, height)."""
    rng = random.Random(seed)
    return Image.frombytes("RGB", size, rng.randbytes(3 * size[0] * size[1]))


def _canvas(colour):
    image = Image.new("RGB", (320, 320), colour)
    return image, ImageDraw.Draw(image)


def _hand(angle, near, far):
    x, y = math.sin(angle), -math.cos(angle)
    return (160 + near * x, 160 + near * y, 160 + far * x, 160 + far * y)
