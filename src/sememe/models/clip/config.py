"""Read the config of a CLIP network, as transformers or open_clip writes it.

Both write only what differs from their own defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._persistence import expect_valid
from sememe.models.weights.config import check_activation, check_heads, fill_defaults

_OLD_EOS = 2  # written by old versions of transformers for any vocabulary
_CURE = (
    "Export it where you have it: onnx/text_model.onnx and onnx/vision_model.onnx, with a "
    "config.json and a preprocessor_config.json"
)


@dataclass(frozen=True, slots=True)
class Tower:
    """A stack of layers.

    Attributes:
        width: Width of a state.
        layers, heads: Numbers of layers and of attention heads.
        inner: Width of the feed-forward part.
        activation: Of the feed-forward part.
        epsilon: What normalisation adds to the variance.
    """

    width: int
    layers: int
    heads: int
    inner: int
    activation: str
    epsilon: float


@dataclass(frozen=True, slots=True)
class ClipConfig:
    """Both towers.

    Attributes:
        dim: Width of the common space.
        patch_size: Width and height of a patch, in pixels.
        max_tokens: The longest text, special tokens included.
        eos: Id of the token whose state represents the text; None for the highest id in it.
        norm_first: Whether patches are normalised before the first layer.
    """

    dim: int
    image: Tower
    text: Tower
    image_size: int
    patch_size: int
    vocab_size: int
    max_tokens: int
    eos: int | None
    norm_first: bool = True


_TEXT: dict[str, Any] = {
    "hidden_size": 512, "num_hidden_layers": 12, "num_attention_heads": 8,
    "intermediate_size": 2048, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5,
    "vocab_size": 49408, "max_position_embeddings": 77, "eos_token_id": 49407,
}  # fmt: skip
_VISION: dict[str, Any] = {
    "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
    "intermediate_size": 3072, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5,
    "image_size": 224, "patch_size": 32, "num_channels": 3,
}  # fmt: skip


def read_config(config: Mapping[str, Any], where: str) -> ClipConfig:
    """Read the config.json of transformers, model_type "clip".

    where: Name of the folder, for messages.

    Raises:
        InvalidInputError: If sememe has no graph for the network.
        CorruptFileError: If an entry makes no sense.
    """
    with expect_valid(f"{where}: config.json"):
        text = fill_defaults(_TEXT, _select_tower(config, "text_config"))
        vision = fill_defaults(_VISION, _select_tower(config, "vision_config"))
        eos = text["eos_token_id"]
        eos = eos[0] if isinstance(eos, list) else eos
        network = ClipConfig(
            dim=int(config.get("projection_dim", 512)),
            image=_read_tower(vision),
            text=_read_tower(text),
            image_size=_read_side(vision["image_size"], "image_size", where),
            patch_size=_read_side(vision["patch_size"], "patch_size", where),
            vocab_size=int(text["vocab_size"]),
            max_tokens=int(text["max_position_embeddings"]),
            eos=None if eos == _OLD_EOS else int(eos),
        )
        channels = int(vision["num_channels"])
    if channels != 3:
        raise InvalidInputError(f"{where} reads images of {channels} channels; sememe gives 3")
    return _check(network, where)


def read_open_clip_config(config: Mapping[str, Any], where: str) -> ClipConfig:
    """Read the open_clip_config.json of open_clip; raises as `read_config`."""
    with expect_valid(f"{where}: open_clip_config.json"):
        model = config["model_cfg"]
        vision, text = model["vision_cfg"], model["text_cfg"]
        _check_kind(vision, text, where)
        gelu = "quick_gelu" if model.get("quick_gelu") else "gelu"
        width = int(vision.get("width", 768))
        heads = width // int(vision.get("head_width", 64)), int(text.get("heads", 8))
        network = ClipConfig(
            dim=int(model["embed_dim"]),
            image=_read_open_tower(vision, width, heads[0], gelu),
            text=_read_open_tower(text, int(text.get("width", 512)), heads[1], gelu),
            image_size=_read_side(vision.get("image_size", 224), "image_size", where),
            patch_size=_read_side(vision.get("patch_size", 16), "patch_size", where),
            vocab_size=int(text.get("vocab_size", 49408)),
            max_tokens=int(text.get("context_length", 77)),
            eos=int(text.get("eos_id", 2)) if text.get("pool_type") == "eos" else None,
            norm_first=not vision.get("no_ln_pre"),
        )
    return _check(network, where)


def _select_tower(config: Mapping[str, Any], part: str) -> dict[str, Any]:
    """Return a tower's entries; those of old configs' "_dict" come before."""
    return {**(config.get(part) or {}), **(config.get(f"{part}_dict") or {})}


def _read_tower(facts: Mapping[str, Any]) -> Tower:
    return Tower(
        width=int(facts["hidden_size"]),
        layers=int(facts["num_hidden_layers"]),
        heads=int(facts["num_attention_heads"]),
        inner=int(facts["intermediate_size"]),
        activation=str(facts["hidden_act"]),
        epsilon=float(facts["layer_norm_eps"]),
    )


def _read_open_tower(facts: Mapping[str, Any], width: int, heads: int, gelu: str) -> Tower:
    rough = (facts.get("act_kwargs") or {}).get("approximate") == "tanh" and gelu == "gelu"
    return Tower(
        width=width,
        layers=int(facts.get("layers", 12)),
        heads=heads,
        inner=int(width * float(facts.get("mlp_ratio", 4.0))),
        activation="gelu_pytorch_tanh" if rough else gelu,
        epsilon=float((facts.get("norm_kwargs") or {}).get("eps", 1e-5)),
    )


# Options of open_clip's towers for which there is no graph.
_UNSUPPORTED = (
    "timm_model_name", "hf_model_name", "attentional_pool", "embed_cls", "no_causal_mask",
    "block_type", "qk_norm", "scaled_cosine_attn", "scale_heads", "scale_attn_inner",
    "scale_attn", "scale_fc", "tokenizer_mode",
)  # fmt: skip


def _check_kind(vision: Mapping[str, Any], text: Mapping[str, Any], where: str) -> None:
    """Refuse variants of CLIP."""
    if isinstance(vision.get("layers"), list | tuple):
        _refuse(where, "has a modified ResNet; sememe has a graph for vision transformers alone")
    for part, facts in (("vision_cfg", vision), ("text_cfg", text)):
        if odd := [f"{name}={facts[name]!r}" for name in _UNSUPPORTED if facts.get(name)]:
            _refuse(f"{where}: its {part}", f"has {odd[0]}, for which sememe has no graph")
    pools = (vision.get("pool_type", "tok"), text.get("pool_type", "argmax"))
    if pools[0] != "tok" or pools[1] not in ("argmax", "eos"):
        by = f"pools images by {pools[0]!r} and texts by {pools[1]!r}"
        _refuse(where, f"{by}; sememe by 'tok' and by 'argmax' or 'eos'")
    if (text.get("tokenizer_kwargs") or {}).get("clean") == "canonicalize":
        why = "cleans text by 'canonicalize', which takes the punctuation out; sememe does not"
        _refuse(f"{where}: its text_cfg", why, "Take another checkpoint")


def _refuse(where: str, why: str, cure: str = _CURE) -> NoReturn:
    raise InvalidInputError(f"{where} {why}. {cure}")


def _read_side(value: Any, name: str, where: str) -> int:
    """Return the side of a square."""
    sides = {int(x) for x in (value if isinstance(value, list | tuple) else [value])}
    if len(sides) != 1 or min(sides) < 1:
        raise InvalidInputError(f"{where}: {name} is {value}; sememe reads squares")
    return sides.pop()


def _check(config: ClipConfig, where: str) -> ClipConfig:
    for name, tower in (("image", config.image), ("text", config.text)):
        check_activation(tower.activation, "hidden_act", f"{where}: its {name} tower")
        if min(tower.width, tower.layers, tower.heads, tower.inner) < 1:
            raise CorruptFileError(f"{where}: its {name} tower has a width or number below 1")
        check_heads(tower.width, tower.heads, f"{where}: its {name} tower")
    if config.patch_size > config.image_size:
        raise CorruptFileError(
            f"{where}: patches of {config.patch_size} pixels in images of {config.image_size}"
        )
    if config.max_tokens < 3:
        raise CorruptFileError(
            f"{where}: texts of {config.max_tokens} tokens, special tokens included"
        )
    if config.eos is not None and not 0 <= config.eos < config.vocab_size:
        raise CorruptFileError(
            f"{where}: the text's end is id {config.eos}, the vocabulary has {config.vocab_size}"
        )
    return config
