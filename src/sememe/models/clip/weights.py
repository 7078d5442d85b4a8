"""Read the weights of CLIP's two towers under one set of names.

transformers and open_clip name the tensors differently; open_clip keeps query, key and value in one
matrix, and transposes the projections.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sememe._errors import CorruptFileError
from sememe._types import FloatArray
from sememe.models.clip.config import ClipConfig, Tower
from sememe.models.onnx.transformer import Layer, LayerNames, Norm, read_layer
from sememe.models.weights.reader import Reader
from sememe.models.weights.safetensors import Tensors

_NAMES = LayerNames(
    ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj"),
    feed=("mlp.fc1", "mlp.fc2"),
    norms=("layer_norm1", "layer_norm2"),
)
_OPEN_CLIP = "visual.class_embedding"  # which only open_clip's checkpoints hold
MAX_SCALE = float(np.log(100))  # the most that training allows (section 2.5); used if unknown


@dataclass(frozen=True, eq=False, slots=True)
class ImageWeights:
    """The image tower.

    Attributes:
        patches: (width, 3, patch_size, patch_size).
        positions: (1 + patches, width); the first is the class token plus its position.
        first: Gain and bias of the normalisation before the first layer, or None.
        last: Gain and bias of the normalisation after the last layer.
        projection: (width, dim).
    """

    tower: Tower
    patches: FloatArray
    positions: FloatArray
    first: Norm | None
    layers: tuple[Layer, ...]
    last: Norm
    projection: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class TextWeights:
    """The text tower.

    Attributes:
        words: (vocabulary, width).
        positions: (max_tokens, width).
        last: Gain and bias of the normalisation after the last layer.
        projection: (width, dim).
        bias: (dim,), added after the projection, or None.
        eos: Id of the token whose state represents the text; None for the highest id in it.
    """

    tower: Tower
    words: FloatArray
    positions: FloatArray
    layers: tuple[Layer, ...]
    last: Norm
    projection: FloatArray
    eos: int | None
    bias: FloatArray | None = None

    @property
    def max_tokens(self) -> int:
        """The longest sequence, special tokens included."""
        return len(self.positions)


def read_image_weights(config: ClipConfig, tensors: Tensors, *, where: str) -> ImageWeights:
    """Read the image tower from a checkpoint's tensors.

    where: The checkpoint's name, for messages. Raises as `Reader.array`.
    """
    tower, size = config.image, config.patch_size
    n = (config.image_size // size) ** 2
    reader, width = Reader(tensors, where, prefix=""), tower.width
    if _OPEN_CLIP in tensors:
        token, patches = _OPEN_CLIP, "visual.conv1.weight"
        positions, first, last = "visual.positional_embedding", "visual.ln_pre", "visual.ln_post"
        layers = _read_open_clip_layers(reader, "visual.transformer.resblocks.{}.", tower)
        projection = reader.array("visual.proj", width, config.dim)
    else:
        start = "vision_model.embeddings."
        token, patches = f"{start}class_embedding", f"{start}patch_embedding.weight"
        positions = f"{start}position_embedding.weight"
        first, last = "vision_model.pre_layrnorm", "vision_model.post_layernorm"
        layers = _read_layers(reader, "vision_model.encoder.layers.{}.", tower)
        projection = _transpose(reader.array("visual_projection.weight", config.dim, width))
    table = reader.array(positions, 1 + n, width)
    return ImageWeights(
        tower=tower,
        patches=reader.array(patches, width, 3, size, size),
        positions=np.concatenate([table[:1] + reader.array(token, width), table[1:]]),
        first=reader.norm(first, width) if config.norm_first else None,
        layers=layers,
        last=reader.norm(last, width),
        projection=projection,
    )


def read_text_weights(config: ClipConfig, tensors: Tensors, *, where: str) -> TextWeights:
    """Read the text tower from a checkpoint's tensors; see `read_image_weights`."""
    tower, width = config.text, config.text.width
    reader, bias = Reader(tensors, where, prefix=""), None
    if _OPEN_CLIP in tensors:
        start = "text." if "text.positional_embedding" in tensors else ""
        words, positions = f"{start}token_embedding.weight", f"{start}positional_embedding"
        last = f"{start}ln_final"
        layers = _read_open_clip_layers(reader, f"{start}transformer.resblocks.{{}}.", tower)
        if reader.has(f"{start}text_projection.weight"):
            name = f"{start}text_projection"
            projection, bias = reader.linear(name, inputs=width, outputs=config.dim)
        else:
            projection = reader.array(f"{start}text_projection", width, config.dim)
    else:
        start = "text_model.embeddings."
        words, positions = f"{start}token_embedding.weight", f"{start}position_embedding.weight"
        last = "text_model.final_layer_norm"
        layers = _read_layers(reader, "text_model.encoder.layers.{}.", tower)
        projection = _transpose(reader.array("text_projection.weight", config.dim, width))
    return TextWeights(
        tower=tower,
        words=reader.array(words, config.vocab_size, width),
        positions=reader.array(positions, config.max_tokens, width),
        layers=layers,
        last=reader.norm(last, width),
        projection=projection,
        eos=config.eos,
        bias=bias,
    )


def read_logit_scale(tensors: Tensors, name: str = "logit_scale", *, where: str) -> float:
    """Return the learnt logarithm of the factor of cosines; CorruptFileError if out of range."""
    scale = tensors.get(name)
    if scale is None:
        return MAX_SCALE
    value = float(scale.reshape(-1)[0]) if scale.size == 1 else float("nan")
    if not -20 < value < 20:  # e to the 20th is half a billion
        raise CorruptFileError(f"{where}: {name} holds {scale}. Fetch it anew")
    return value


def _read_layers(reader: Reader, name: str, tower: Tower) -> tuple[Layer, ...]:
    """Read layers by the names of transformers."""
    return tuple(
        read_layer(reader, name.format(i), _NAMES, dim=tower.width, inner=tower.inner)
        for i in range(tower.layers)
    )


def _read_open_clip_layers(reader: Reader, name: str, tower: Tower) -> tuple[Layer, ...]:
    """Read layers by the names of open_clip, layer scale folded into the matrices."""
    layers = []
    for i in range(tower.layers):
        start, width = name.format(i), tower.width
        qkv = _transpose(reader.array(f"{start}attn.in_proj_weight", 3 * width, width))
        bias = reader.array(f"{start}attn.in_proj_bias", 3 * width)
        out = reader.linear(f"{start}attn.out_proj", inputs=width, outputs=width)
        up = reader.linear(f"{start}mlp.c_fc", inputs=width, outputs=tower.inner)
        down = reader.linear(f"{start}mlp.c_proj", inputs=tower.inner, outputs=width)
        if reader.has(f"{start}ls_1.gamma"):
            first, second = (reader.array(f"{start}ls_{i}.gamma", width) for i in (1, 2))
            out, down = (out[0] * first, out[1] * first), (down[0] * second, down[1] * second)
        norms = [reader.norm(f"{start}ln_{i}", width) for i in (1, 2)]
        layers.append(Layer(qkv, bias, *out, norms[0], *up, *down, norms[1]))
    return tuple(layers)


def _transpose(matrix: FloatArray) -> FloatArray:
    return np.ascontiguousarray(matrix.T)
