"""Export a text network for which there is no graph to ONNX, once, with the extra `train`."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sememe._errors import InvalidInputError
from sememe._lazy import require
from sememe.models.onnx.session import open_session
from sememe.models.weights.cache import cache_folder, keep

MAX_BYTES = 2_000_000_000  # of one ONNX file
_TOLERANCE = 1e-3  # of states, to torch's


def export_network(network: Path, *, key: str, where: str) -> Path:
    """Return the ONNX file of a network of transformers, exporting it unless the cache has it.

    key: Hash of its files, by which the cache finds it.

    Raises:
        MissingExtraError: If torch, transformers or onnxscript is not installed.
        InvalidInputError: If transformers cannot open it without remote code, it cannot be
            exported, or the export computes something else.
    """
    file = cache_folder() / "onnx" / f"{key}.onnx"
    if file.is_file():
        return file
    for name in ("torch", "transformers", "onnxscript"):
        require(name, f"exporting {where}, for whose architecture sememe has no graph,")
    try:
        data = _export(network)
    except Exception as error:  # of transformers, torch or the exporter: any
        why = next(iter(str(error).splitlines()), "")
        raise InvalidInputError(
            f"{where} cannot be exported: {type(error).__name__}: {why[:300]}. Put its ONNX "
            "file there as onnx/model.onnx"
        ) from error
    keep(file, data)
    if not file.is_file():
        raise InvalidInputError(f"{file} cannot be written. Make room, or set XDG_CACHE_HOME")
    return file


def _export(network: Path) -> bytes:
    """Export a network, and compare its states with torch's."""
    import torch
    from transformers import AutoModel
    from transformers.utils import logging as verbosity

    class States(torch.nn.Module):  # type: ignore[misc]
        def __init__(self, model: Any) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            return self.model(input_ids=input_ids, attention_mask=attention_mask)[0]

    level, bars = verbosity.get_verbosity(), verbosity.is_progress_bar_enabled()
    verbosity.set_verbosity_error()
    verbosity.disable_progress_bar()
    try:
        model = AutoModel.from_pretrained(str(network), attn_implementation="eager")
    finally:
        verbosity.set_verbosity(level)
        if bars:
            verbosity.enable_progress_bar()
    states = States(model.eval().float())
    size = sum(p.numel() * p.element_size() for p in states.parameters())
    if size > MAX_BYTES:
        raise ValueError(f"its weights take {size / 1e9:.1f} GB, one ONNX file holds 2")
    ids = torch.arange(1, 25).reshape(2, 12) % int(model.config.vocab_size)
    mask = torch.ones_like(ids)
    mask[1, 7:] = 0
    inputs = {"input_ids": ids, "attention_mask": mask}
    dims = {0: torch.export.Dim("batch"), 1: torch.export.Dim("length", min=2)}
    axes = dict.fromkeys(inputs, dims)
    data = export_module(states, inputs, outputs=("last_hidden_state",), axes=axes)
    with torch.no_grad():
        expected = states(ids, mask).numpy()
    got = open_session(data).run(None, {name: x.numpy() for name, x in inputs.items()})[0]
    if (far := float(np.abs(got - expected)[mask.numpy() > 0].max())) > _TOLERANCE:
        raise ValueError(f"its states are {far:.4f} from torch's")
    return data


def export_module(
    module: Any, inputs: Mapping[str, Any], *, outputs: Sequence[str], axes: Mapping[str, Any]
) -> bytes:
    """Return the bytes of the ONNX file of a torch module.

    inputs: Examples of its inputs by name. axes: Dynamic axes by name of the input.
    """
    import torch

    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file = Path(folder) / "model.onnx"
            torch.onnx.export(
                module,
                kwargs=dict(inputs),
                f=str(file),
                output_names=list(outputs),
                dynamic_shapes=dict(axes),
                external_data=False,
                dynamo=True,
                verbose=False,
            )
            return file.read_bytes()
    finally:
        logger.setLevel(level)
