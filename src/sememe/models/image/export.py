"""Export an image network of torch to a graph for `sememe.models.image.engine`, and check it."""

from __future__ import annotations

from typing import Any

import numpy as np

from sememe._errors import InvalidInputError
from sememe._lazy import require
from sememe.models.image.engine import PIXELS
from sememe.models.image.preprocess import Preprocess
from sememe.models.onnx.export import MAX_BYTES, export_module

_TOLERANCE = 1e-4  # of the largest value


def export_image(module: Any, preprocess: Preprocess, *, outputs: tuple[str, ...]) -> bytes:
    """Return the ONNX file of a torch module that reads images, normalisation included.

    module: Maps (N, 3, size, size) float32, normalised, to a tensor or a tuple of tensors. It is
        exported in evaluation mode, and left as it was.
    outputs: Names of its outputs, in order, such as ("features", "logits").

    The graph's input is "pixels", (N, size, size, 3) uint8. It is run on noise, one image and
    several at once, and its outputs are compared with torch's.

    Raises:
        MissingExtraError: If torch or onnxscript is not installed.
        InvalidInputError: If it cannot be exported, or the export computes something else.
    """
    for name in ("torch", "onnxscript"):
        require(name, "exporting an image network")
    training = module.training
    try:
        return _export(module.eval(), preprocess, outputs)
    except Exception as error:  # of torch, the exporter or the network: any
        why = next(iter(str(error).splitlines()), "")
        raise InvalidInputError(
            f"the network cannot be exported: {type(error).__name__}: {why[:300]}. Give one that "
            "takes normalised images and returns tensors, without branches on their values"
        ) from error
    finally:
        module.train(training)


def _export(module: Any, preprocess: Preprocess, outputs: tuple[str, ...]) -> bytes:
    import torch

    size = sum(t.numel() * t.element_size() for t in module.state_dict().values())
    if size > MAX_BYTES:
        raise ValueError(f"its weights take {size / 1e9:.1f} GB, one ONNX file holds 2")
    wrapped = _wrap(module, preprocess).eval()
    shape = (5, preprocess.size, preprocess.size, 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    made = export_module(
        wrapped,
        {PIXELS: torch.from_numpy(pixels[:2])},
        outputs=outputs,
        axes={PIXELS: {0: torch.export.Dim("N")}},
    )
    for n in (1, 5):  # some exports only hold for the batch size that was traced
        with torch.no_grad():
            expected = wrapped(torch.from_numpy(pixels[:n]))
        _compare(made, pixels[:n], outputs, expected)
    return made


def _wrap(module: Any, preprocess: Preprocess) -> Any:
    """Return the module with normalisation before it, on pixels (N, H, W, 3) uint8."""
    import torch

    class ReadingPixels(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            mean, std = (torch.tensor(x).double() for x in (preprocess.mean, preprocess.std))
            self.inner = module
            self.register_buffer("scale", (1 / (255 * std)).float()[:, None, None])
            self.register_buffer("shift", (-mean / std).float()[:, None, None])

        def forward(self, pixels: Any) -> Any:
            return self.inner(pixels.permute(0, 3, 1, 2).float() * self.scale + self.shift)

    return ReadingPixels()


def _compare(made: bytes, pixels: Any, outputs: tuple[str, ...], expected: Any) -> None:
    """Refuse an export whose outputs differ from torch's."""
    from sememe.models.onnx.session import open_session

    tensors = expected if isinstance(expected, tuple | list) else (expected,)
    got = open_session(made).run(list(outputs), {PIXELS: pixels})
    for name, ours, theirs in zip(outputs, got, tensors, strict=True):
        true = theirs.numpy()
        far = float(np.abs(ours - true).max()) / max(1.0, float(np.abs(true).max()))
        if ours.shape != true.shape or not far <= _TOLERANCE:
            raise ValueError(f"its {name} are {far:.5f} from torch's")
