"""Read the config.json of a CLAP network, as transformers writes it.

    mels -> an image -> patches -> layers in windows, merged stage by stage -> mean    HTSAT
    words -> layers -> the first token's state, pooled                                 RoBERTa

Contrastive Language-Audio Pretraining (Wu et al. 2023, arXiv:2211.06687); HTSAT (Chen et al. 2022,
arXiv:2202.00874) is a Swin transformer (Liu et al. 2021, arXiv:2103.14030) that reads spectrograms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._persistence import expect_valid
from sememe.models.weights.config import check_activation, check_heads, fill_defaults

# Defaults of transformers.
_AUDIO: dict[str, Any] = {
    "window_size": 8, "num_mel_bins": 64, "spec_size": 256, "hidden_act": "gelu", "patch_size": 4,
    "patch_stride": (4, 4), "depths": (2, 2, 6, 2), "num_attention_heads": (4, 8, 16, 32),
    "enable_fusion": False, "fusion_type": None, "patch_embed_input_channels": 1,
    "flatten_patch_embeds": True, "patch_embeds_hidden_size": 96, "enable_patch_layer_norm": True,
    "qkv_bias": True, "mlp_ratio": 4.0, "aff_block_r": 4, "layer_norm_eps": 1e-5,
}  # fmt: skip
_TEXT: dict[str, Any] = {
    "vocab_size": 50265, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
    "intermediate_size": 3072, "hidden_act": "gelu", "max_position_embeddings": 514,
    "layer_norm_eps": 1e-12, "pad_token_id": 1, "position_embedding_type": "absolute",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class AudioTower:
    """HTSAT.

    Attributes:
        mels: Mel bins of a frame.
        side: Side of the image that a spectrogram is folded to, in pixels.
        patch, stride: Size of a patch and distance of patches: rows, columns.
        width: Width of a state in the first stage; it doubles from stage to stage.
        depths, heads: Layers, and attention heads, of each stage.
        window: Side of the windows of attention, in states.
        ratio: Width of the feed-forward part over the width of a state.
        qkv_bias: Whether query, key and value have a bias.
        patch_norm: Whether patches are normalised before the first layer.
        fused: Whether longer clips are read as four spectrograms.
        fusion_ratio: Width of a patch over the width inside the fusion.
    """

    mels: int
    side: int
    patch: tuple[int, int]
    stride: tuple[int, int]
    width: int
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    window: int
    ratio: float
    qkv_bias: bool
    patch_norm: bool
    fused: bool
    fusion_ratio: int
    activation: str
    epsilon: float

    @property
    def fold(self) -> int:
        """Number of segments that a spectrogram is folded into."""
        return self.side // self.mels

    @property
    def max_frames(self) -> int:
        """Frames that a spectrogram is stretched to, the most that it may have."""
        return self.side * self.fold

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        return self.side // self.stride[0], self.side // self.stride[1]

    @property
    def pads(self) -> tuple[int, int]:
        """Padding of an image: rows above and below, columns left and right."""
        rows, columns = (p - s for p, s in zip(self.patch, self.stride, strict=True))
        return rows // 2, columns // 2

    @property
    def dim(self) -> int:
        """Width of a state in the last stage."""
        return self.width << (len(self.depths) - 1)

    def inner(self, stage: int) -> int:
        """Return the width of the feed-forward part in a stage."""
        return int(self.ratio * (self.width << stage))


@dataclass(frozen=True, eq=False, slots=True)
class ClapConfig:
    """Both towers.

    Attributes:
        dim: Width of the common space.
        activation: Between the two layers of a tower's projection.
        text: Config of a RoBERTa, for `read_bert_weights`.
    """

    dim: int
    activation: str
    audio: AudioTower
    text: Mapping[str, Any]


def read_config(config: Mapping[str, Any], where: str) -> ClapConfig:
    """Read a config.json whose model_type is "clap".

    where: The folder's name, for messages.

    Raises:
        InvalidInputError: If sememe has no graph for the network.
        CorruptFileError: If an entry makes no sense.
    """
    with expect_valid(f"{where}: config.json"):
        audio = fill_defaults(_AUDIO, config.get("audio_config"))
        text = fill_defaults(_TEXT, config.get("text_config")) | {"model_type": "roberta"}
        network = ClapConfig(
            dim=int(config.get("projection_dim", 512)),
            activation=str(config.get("projection_hidden_act", "relu")),
            audio=_read_audio(audio),
            text=text,
        )
        channels = int(audio["patch_embed_input_channels"])
        fusion = str(audio["fusion_type"]) if audio["enable_fusion"] else ""
        positions = int(text["max_position_embeddings"]) - int(text["pad_token_id"]) - 1
    if channels != 1 or not audio["flatten_patch_embeds"] or fusion == "channel_map":
        raise InvalidInputError(
            f"{where}: its audio_config has patch_embed_input_channels={channels}, "
            f"flatten_patch_embeds={audio['flatten_patch_embeds']}, fusion_type={fusion!r}; sememe "
            "computes 1, true, and any fusion but 'channel_map'. Give another checkpoint"
        )
    if network.dim < 1 or positions < 3:
        raise CorruptFileError(f"{where}: vectors {network.dim} wide, texts of {positions} tokens")
    check_activation(network.audio.activation, "hidden_act", where)
    check_activation(network.activation, "projection_hidden_act", where)
    _check_sizes(network.audio, where)
    return network


def _read_audio(config: Mapping[str, Any]) -> AudioTower:
    return AudioTower(
        mels=int(config["num_mel_bins"]),
        side=int(config["spec_size"]),
        patch=_read_pair(config["patch_size"]),
        stride=_read_pair(config["patch_stride"]),
        width=int(config["patch_embeds_hidden_size"]),
        depths=tuple(map(int, config["depths"])),
        heads=tuple(map(int, config["num_attention_heads"])),
        window=int(config["window_size"]),
        ratio=float(config["mlp_ratio"]),
        qkv_bias=bool(config["qkv_bias"]),
        patch_norm=bool(config["enable_patch_layer_norm"]),
        fused=bool(config["enable_fusion"]),
        fusion_ratio=int(config["aff_block_r"]),
        activation=str(config["hidden_act"]),
        epsilon=float(config["layer_norm_eps"]),
    )


def _read_pair(value: Any) -> tuple[int, int]:
    rows, columns = value if isinstance(value, list | tuple) else (value, value)
    return int(rows), int(columns)


def _check_sizes(tower: AudioTower, where: str) -> None:
    """Refuse sizes that do not fit each other, which no other library computes either."""
    sizes = [
        tower.mels, tower.side, *tower.patch, *tower.stride, tower.width, tower.window,
        tower.inner(0), tower.fusion_ratio, *tower.depths, *tower.heads,
    ]  # fmt: skip
    if min(sizes) < 1 or not tower.depths or len(tower.depths) != len(tower.heads):
        raise CorruptFileError(f"{where}: its audio_config has a size below 1, or none")
    for stage, heads in enumerate(tower.heads):
        check_heads(tower.width << stage, heads, where)
    last = 2 ** (len(tower.depths) - 1)  # two rows, and two columns, are merged between stages
    ways = zip(tower.grid, tower.patch, tower.stride, tower.pads, strict=True)
    fits = (
        side == (tower.side + 2 * pad - patch) // stride + 1
        and side % last == 0
        and side // last >= tower.window
        for side, patch, stride, pad in ways
    )
    if tower.side % tower.mels or not all(fits):
        raise CorruptFileError(
            f"{where}: spec_size={tower.side}, num_mel_bins={tower.mels}, "
            f"patch_size={tower.patch}, patch_stride={tower.stride}, window_size={tower.window} "
            f"and {len(tower.depths)} stages do not fit each other"
        )
