"""A small image encoder for tests: the mean colour of the quarters of a picture."""

from __future__ import annotations

import numpy as np
from PIL import Image

from sememe.models.image.efficientnet import normalise_pixels
from sememe.models.image.folder import describe_graph, write_image_folder
from sememe.models.image.preprocess import Preprocess
from sememe.models.onnx.builder import Graph, Port, floats

COLOURS = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200)}


def quarters(folder, *, gain=1.0):
    """Write the folder of an encoder whose 12 features are the colours of the four quarters."""
    preprocess = Preprocess(8, 8, "bilinear", (0, 0, 0), (1 / gain,) * 3)
    g = Graph()
    x = normalise_pixels(g, "pixels", preprocess)
    pooled = g("AveragePool", x, kernel_shape=[4, 4], strides=[4, 4])
    g.output("features", "Flatten", pooled)
    graph = g.build({"pixels": Port("UINT8", ("N", 8, 8, 3))}, {"features": floats("N", 12)})
    folder.mkdir(parents=True, exist_ok=True)
    write_image_folder(folder, graph, describe_graph(graph, preprocess=preprocess, dim=12))
    return folder


def coloured(folder, n, *, seed=0, noise=40, names=tuple(COLOURS)):
    """Write n pictures of each colour, noisy, as folder/<colour>/<number>.png."""
    rng = np.random.default_rng(seed)
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(n):
            pixels = np.array(COLOURS[name]) + rng.normal(0, noise, (10, 12, 3))
            picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
            picture.save(folder / name / f"{i:03}.png")
    return folder
