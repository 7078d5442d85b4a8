"""Train a joint space of images and texts: CLIP (Radford et al. 2021) with locked towers.

    ClipTraining().fit("captions.csv").save("joint")
    texts, images = sememe.load("joint:text"), sememe.load("joint:image")

Two encoders that were trained before stay as they are, and a projection of each is learnt, so that
an image and what is said of it come to lie together (as in LiT, Zhai et al. 2021, arXiv:2111.07991,
where one tower is locked). Each image and each text is encoded once; what is learnt after takes
seconds. On 1,911 emoji with names in Korean and English, four fifths of them learnt: minutes on a
core, and a name finds its emoji among the first 10 of those held out in 59 % (English) and 50 %.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import InvalidInputError
from sememe._lazy import require
from sememe.encoders.base import as_encoder
from sememe.evaluate.runners.image_retrieval import Retrieved, retrieve
from sememe.models.clip.projection_folder import KIND, Projection, write_projections
from sememe.sources.datasets.image_text import ImageTexts
from sememe.train.base.device import Compute
from sememe.train.base.options import Recipe as BaseRecipe
from sememe.train.base.options import option, parameters
from sememe.train.base.output_folder import write_trained
from sememe.train.base.run_folder import checkpoint_folder
from sememe.train.clip.pairs import card, check_enough, divide, figure, part, read_tables
from sememe.train.clip.projections import Recipe, learn_projections
from sememe.train.clip.report import ClipReport, clip_report

if TYPE_CHECKING:
    from sememe._types import Encoder, FloatArray

_BLOCK = 1024  # items encoded between two files of a run's state


@dataclass
class ClipTraining(BaseRecipe):
    """Trains projections of an image encoder and a text encoder into one space.

    Attributes:
        image: Image encoder, by name; it stays frozen.
        text: Text encoder, by name; it stays frozen.
        dim: Dimension of the joint space.
        hidden: Width of a hidden layer in the projection of images; 0 for none.
        epochs: Passes over the pairs.
        batch_size: Pairs per step; all others in the batch are a pair's negatives.
        dropout: Dropout on image features; on text features half of it.
        weight_decay: Weight decay of AdamW.
        held_out: Fraction of the groups held out for evaluation, unless other data are given.
        evaluations: Number of evaluations during a run.

    Further options are those of `Recipe`.
    """

    image: str = option("efficientnet-lite0", group="model")
    text: str = option("use-multilingual-v3", group="model")
    _: KW_ONLY
    dim: int = option(256, at_least=2, group="model")
    hidden: int = option(512, at_least=0, group="model")
    epochs: float = 60
    batch_size: int = option(512, at_least=2, group="optimisation")
    learning_rate: float = 1e-3
    dropout: float = option(0.5, at_least=0, below=1, group="optimisation")
    weight_decay: float = option(0.1, at_least=0, group="optimisation")
    held_out: float = option(0.1, at_least=0, below=1, group="evaluation")
    evaluations: int = 6
    model_: dict[str, Projection] | None = field(default=None, init=False, repr=False)
    report_: ClipReport = field(init=False, repr=False)

    def fit(
        self,
        data: str | Path | ImageTexts,
        *,
        evaluate: str | Path | ImageTexts | None = None,
        image_column: str | None = None,
        text_columns: Iterable[str] = (),
        checkpoint: str | Path | None = None,
        show_progress: bool = False,
    ) -> ClipTraining:
        """Train on a table of images and texts; see `sememe.sources.datasets.image_text`.

        evaluate: Such a table to measure on, in place of a share of the data. checkpoint: A folder
        for the vectors of both towers: killed, the same call goes on with those it has. It is left
        for the caller to delete.

        Raises:
            InvalidInputError, UnknownNameError: An option, an encoder or the data will not do.
            MissingExtraError: The extra `train` is not installed.
            FloatingPointError: Training diverged.
        """
        require("torch", "ClipTraining.fit")
        self._check()
        compute = Compute.of(self.device)
        tables = read_tables(data, evaluate, image_column=image_column, text_columns=text_columns)
        towers = _towers(self)
        self._encoders = {side: {"name": t.name, "space": t.space} for side, t in towers.items()}
        facts = {"encoders": self._encoders, **tables.digests}
        with checkpoint_folder(checkpoint, facts) as state:
            vectors, other = state / "checkpoint-vectors", None
            seen = _Encoded.of(tables.data, towers, vectors / "data", show_progress)
            if tables.evaluate is not None:
                place = vectors / "evaluate"
                other = _Encoded.of(tables.evaluate, towers, place, show_progress)
        try:
            self._learn(seen, other, compute, show_progress=show_progress)
        except InvalidInputError:
            if checkpoint is not None:  # other data are to come, and would find another run's state
                shutil.rmtree(checkpoint, ignore_errors=True)
            raise
        return self

    def save(self, folder: str | Path) -> Path:
        """Write both projections and the names of the towers, with a card and the curve.

        Raises:
            InvalidInputError: Nothing was fitted, or the folder holds something else.
        """
        if self.model_ is None:
            raise InvalidInputError("nothing is trained yet. Call fit first.")
        report, model = self.report_, self.model_
        training = {
            name: getattr(report, name)
            for name in ("n_images", "n_texts", "n_pairs", "n_held_out", "recalls", "control")
        }
        return write_trained(
            Path(folder),
            KIND,
            write=lambda fresh: write_projections(fresh, model),
            facts={
                "dim": self.dim,
                "encoders": self._encoders,
                "scale": 1 / report.temperature,
                "parameters": parameters(self),
                "training": {**training, "notes": report.notes},
            },
            card=card(f"{self.image} and {self.text} in one space", report, parameters(self)),
            curve=report.curve,
        )

    def _learn(
        self, seen: _Encoded, other: _Encoded | None, compute: Compute, *, show_progress: bool
    ) -> None:
        train, held, notes = divide(seen, other, share=self.held_out, seed=self.seed)
        check_enough(train.data.pairs, notes)

        def retrieved(model: dict[str, Projection]) -> Retrieved:
            if not len(held.data.pairs):
                return Retrieved({}, {})
            rows = model["image"](held.images), model["text"](held.texts)
            return retrieve(*rows, held.data.pairs, held.data.columns, seed=self.seed)

        model, scale, curve = learn_projections(
            train.images,
            train.texts,
            train.data.pairs,
            Recipe(**{name: getattr(self, name) for name in Recipe.__dataclass_fields__}),
            measure=(lambda found: figure(retrieved(found))) if len(held.data.pairs) else None,
            compute=compute,
            show_progress=show_progress,
        )
        self.model_ = model
        self.report_ = clip_report(
            train.data,
            held.data,
            retrieved(model),
            curve=curve,
            temperature=1 / scale,
            notes=notes,
        )


@dataclass(frozen=True, eq=False, slots=True)
class _Encoded:
    """A table, and the vectors of its images and texts; those of unreadable images are NaN."""

    data: ImageTexts
    images: FloatArray
    texts: FloatArray

    @classmethod
    def of(
        cls, data: ImageTexts, towers: dict[str, Encoder], state: Path, show_progress: bool
    ) -> _Encoded:
        images, reasons = _in_blocks(towers["image"], data.images, state / "image", show_progress)
        texts, _ = _in_blocks(towers["text"], data.texts, state / "text", show_progress)
        kept = data.without(reasons)
        if not len(kept.pairs):
            raise InvalidInputError(f"no image can be read: {'; '.join(kept.notes)}")
        return cls(kept, images, texts)

    def part(self, which: Any) -> _Encoded:
        """Return the same with some of the pairs."""
        return _Encoded(part(self.data, which), self.images, self.texts)


def _in_blocks(
    encoder: Encoder, items: tuple[Any, ...], state: Path, show_progress: bool
) -> tuple[FloatArray, dict[int, str]]:
    """Encode items block by block, each kept in a file: a run that was killed goes on there."""
    from sememe._atomic import write_atomically
    from sememe._progress import progress

    rows, reasons = np.empty((len(items), encoder.dim), np.float32), {}
    state.mkdir(parents=True, exist_ok=True)
    encode = as_encoder(encoder).encode_with_receipt
    with progress(f"encoding {state.name}s", total=len(items), show=show_progress) as advance:
        for start in range(0, len(items), _BLOCK):
            some, file = items[start : start + _BLOCK], state / f"{start}.npy"
            if file.is_file():
                found = np.load(file, allow_pickle=False)
            else:
                found = encode(some).vectors
                with write_atomically(file) as out:
                    np.save(out, found, allow_pickle=False)
            rows[start : start + len(some)] = found
            advance(start + len(some))
    lost = np.flatnonzero(np.isnan(rows).any(axis=1)).tolist()
    if lost:
        why = encode([items[place] for place in lost]).receipt.failed
        reasons = {place: why.get(i, "cannot be read") for i, place in enumerate(lost)}
    return rows, reasons


def _towers(training: ClipTraining) -> dict[str, Encoder]:
    from sememe.encoders.load.by_name import load, load_text

    images, texts = load(training.image), load_text(training.text)
    if images.modality != "image":
        raise InvalidInputError(
            f"image={training.image!r} encodes {images.modality}; give an encoder of images, such "
            "as 'efficientnet-lite0'."
        )
    return {"image": images, "text": texts}
