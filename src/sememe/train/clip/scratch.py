"""Train both towers of CLIP from nothing on pictures and captions: Radford et al. 2021.

    ClipFromScratch().fit("captions.csv").save("mine")
    texts, images = sememe.load("mine:text"), sememe.load("mine:image")

A vision transformer and a text transformer (arXiv:2103.00020, section 2), small enough for a CPU,
with a vocabulary that is learnt from the captions, in any language. Nothing is known beforehand, so
that it takes thousands of pictures to learn what `sememe.train.clip.locked`, which keeps two
trained encoders, learns of a few hundred; in return it learns what those encoders do not see. The
folder is a CLIP model as transformers writes it, and runs without torch. On 1,911 emoji in two
drawings with
names in Korean and English, four fifths of them learnt: 20 minutes on a core, and a name finds its
emoji among the first 10 of the 764 drawings held out for 30 % (English) and 29 %, by chance 2 %.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import InvalidInputError
from sememe._lazy import require
from sememe.train.base.curve import plan
from sememe.train.base.device import Compute, Precision
from sememe.train.base.options import Rule, fell, fitted, parameters, refuse
from sememe.train.base.output_folder import write_trained
from sememe.train.base.run_folder import checkpoint_folder
from sememe.train.base.torch_loop import Loop
from sememe.train.clip.network import HEAD, Sizes, new_network, write_network
from sememe.train.clip.objective import Batches, Captioned, ClipObjective
from sememe.train.clip.pairs import card, check_enough, divide, part, read_tables
from sememe.train.clip.report import ClipReport, clip_report
from sememe.train.clip.vocabulary import (
    MERGES,
    VOCAB,
    learn_vocabulary,
    smallest_vocabulary,
    token_rows,
)
from sememe.train.data.augment import Augmentation
from sememe.train.data.files import Named
from sememe.train.data.images import read_pictures, training_preprocess

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.models.image.preprocess import Half, Preprocess
    from sememe.sources.image_text import ImageTexts
    from sememe.text.clip_tokens import ClipTokenizer
    from sememe.train.data.images import Pictures

KIND = "clip"
_NEEDED = (
    *("torch", "transformers", "sentence_transformers", "safetensors", "tokenizers"),
    *("matplotlib", "PIL"),
)
_HALF: Half = "below"  # as transformers cuts pictures
_COLOUR = 0.1  # strength of the changes of colour: red stays red
_BETAS, _EPSILON = (0.9, 0.98), 1e-6  # of Adam, the paper's table 18


@dataclass
class ClipFromScratch:
    """Trains a vision transformer and a text transformer whose vectors lie in one space.

    The defaults are for small pictures on a CPU.

    Attributes:
        image_size: Pictures are scaled and cut to so many pixels a side.
        patch_size: Side of the squares they are cut into; divides image_size.
        width: Of a state, in both towers; a multiple of 32, the width of a head of attention.
        layers: Of each tower.
        dim: Width of the joint space.
        max_tokens: The longest caption, both marks included; what is longer is cut.
        vocab_size: The largest vocabulary; few captions give a smaller one.
        epochs: Passes over the pictures, each with one of its captions at a time.
        batch_size: Pictures a step; each is told apart from all others of its step.
        learning_rate: Step size at its highest, of AdamW.
        weight_decay: How strongly weights are drawn to 0.
        warmup: Share of the steps in which the step size rises; then it falls as a cosine.
        crop: The smallest share of a picture that a step sees. Nothing is mirrored and colours
            hardly change, as captions speak of both.
        held_out: Share of the groups that are held out to measure, where `fit` gets no other data.
        evaluations: How often a run is measured on them and its state saved.
        seed: Of all random numbers. On CPU the same seed gives the same weights.
        precision: Of the steps: float32, bfloat16, or auto, which is bfloat16 on a GPU that has
            instructions for it.
        device: auto, cpu, cuda, cuda:1 or mps; auto is a GPU where there is one.
    """

    image_size: int = 64
    patch_size: int = 8
    width: int = 128
    layers: int = 4
    dim: int = 128
    max_tokens: int = 64
    vocab_size: int = 8192
    epochs: float = 40
    batch_size: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 0.1
    warmup: float = 0.1
    crop: float = 0.6
    held_out: float = 0.1
    evaluations: int = 10
    seed: int = 0
    precision: Precision = "auto"
    device: str = "auto"
    model_: Any = field(default=None, init=False, repr=False)
    preprocess_: Preprocess = field(init=False, repr=False)
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
    ) -> ClipFromScratch:
        """Train on a table of images and texts; see `sememe.sources.image_text`.

        evaluate: Such a table to measure on, in place of a share of the data. checkpoint: A folder
        for the run's state: killed, the same call goes on from there. It is left for the caller to
        delete. Images that cannot be read are noted in the report, and the run goes on.

        Raises:
            InvalidInputError: An option or the data will not do.
            MissingExtraError: The extra `train` or `images` is not installed.
            CorruptFileError: The state in the checkpoint is damaged.
            FloatingPointError: Training diverged.
        """
        for name in _NEEDED:
            require(name, "ClipFromScratch.fit")
        refuse(self, _rules(self))
        Compute.of(self.device, self.precision)
        tables = read_tables(data, evaluate, image_column=image_column, text_columns=text_columns)
        facts = {"parameters": parameters(self), **tables.digests}
        with checkpoint_folder(checkpoint, facts) as folder:
            beside, other = folder / "pictures", None
            seen = _Read.of(tables.data, self.image_size, beside, show_progress)
            if tables.evaluate is not None:
                place = beside / "evaluate"
                other = _Read.of(tables.evaluate, self.image_size, place, show_progress)
            train, held, notes = divide(seen, other, share=self.held_out, seed=self.seed)
            _check_pictures(train.data.pairs, notes)
            self._train(train, held, notes, folder, show_progress=show_progress)
        return self

    def save(self, folder: str | Path) -> Path:
        """Write a CLIP folder that transformers and sememe open, with a card and the curve.

        Raises:
            InvalidInputError: Nothing was fitted, or the folder holds something else.
        """
        report = fitted(self)
        names = ("n_images", "n_texts", "n_pairs", "n_held_out", "recalls", "control", "notes")
        return write_trained(
            Path(folder),
            KIND,
            write=lambda fresh: write_network(self.model_, self._files, self.preprocess_, fresh),
            facts={
                "recipe": "clip from scratch",
                "dim": self.dim,
                "scale": 1 / report.temperature,
                "parameters": parameters(self),
                "training": {name: getattr(report, name) for name in names},
            },
            card=card("Images and texts in one space, by CLIP", report, parameters(self)),
            curve=report.curve,
        )

    def _train(
        self, seen: _Read, other: _Read, notes: list[str], folder: Path, *, show_progress: bool
    ) -> None:
        tokenizer = self._vocabulary(seen.data, folder / "tokenizer")
        data, cut = seen.captioned(tokenizer, self.max_tokens)
        if cut:
            notes.append(f"{cut} texts are longer than {self.max_tokens} tokens and were cut")
        self.preprocess_ = training_preprocess(
            self.image_size, *seen.pictures.colours(), half=_HALF
        )
        sizes = Sizes(**{name: getattr(self, name) for name in Sizes.__dataclass_fields__})
        objective = self._objective(
            new_network(sizes, tokenizer, seed=self.seed),
            data,
            other.captioned(tokenizer, self.max_tokens)[0],
        )
        curve, _ = self._loop(objective).run(objective, folder, show_progress=show_progress)
        self.model_ = objective.network
        self.report_ = clip_report(
            seen.data,
            other.data,
            objective.retrieve(),
            curve=curve,
            temperature=float(1 / self.model_.logit_scale.detach().exp()),
            notes=(*notes, *fell(curve)),
        )

    def _vocabulary(self, data: ImageTexts, place: Path) -> ClipTokenizer:
        """Learn the vocabulary of the captions that are trained on, and keep its files."""
        said = [data.texts[row] for row in np.unique(data.pairs[:, 1])]
        tokenizer = learn_vocabulary(said, place, size=self.vocab_size)
        self._files = {name: (place / name).read_bytes() for name in (VOCAB, MERGES)}
        return tokenizer

    def _objective(self, network: Any, data: Captioned, held: Captioned) -> ClipObjective:
        return ClipObjective(
            network=network,
            preprocess=self.preprocess_,
            augmentation=Augmentation(crop=self.crop, flip=0, colour=_COLOUR, grey=0, blur=0),
            batches=Batches(data.pairs, self.batch_size, self.seed),
            data=data,
            held=held,
            seed=self.seed,
            compute=Compute.of(self.device, self.precision),
        )

    def _loop(self, objective: ClipObjective) -> Loop:
        return Loop(
            plan=plan(
                objective.batches.per_epoch,
                epochs=self.epochs,
                accumulate=1,
                evaluations=self.evaluations,
            ),
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            warmup=self.warmup,
            betas=_BETAS,
            epsilon=_EPSILON,
            seed=self.seed,
        )


@dataclass(frozen=True, eq=False, slots=True)
class _Read:
    """A table, and its pictures decoded; place: of each image its row of pixels, -1 for none."""

    data: ImageTexts
    pictures: Pictures
    place: NDArray[np.int64]

    @classmethod
    def of(cls, data: ImageTexts, size: int, beside: Path, show_progress: bool) -> _Read:
        found = [Named(str(number), path) for number, path in enumerate(data.images)]
        read = read_pictures(found, size=size, half=_HALF, beside=beside, show=show_progress)
        kept = data.without({int(one.source): one.reason for one in read.skipped})
        if not len(kept.pairs):
            raise InvalidInputError(f"no image can be read: {'; '.join(kept.notes)}")
        place = np.full(len(found), -1)
        place[[int(source) for source in read.sources]] = np.arange(len(read.sources))
        return cls(kept, read, place)

    def part(self, which: NDArray[np.bool_]) -> _Read:
        """Return the same with some of the pairs."""
        return _Read(part(self.data, which), self.pictures, self.place)

    def captioned(self, tokenizer: ClipTokenizer, max_tokens: int) -> tuple[Captioned, int]:
        """Return what the loop reads, and how many captions of the pairs were too long."""
        rows = np.unique(self.data.pairs[:, 1])
        texts = [self.data.texts[row] for row in rows]
        ids, lengths, cut = token_rows(tokenizer, texts, max_tokens=max_tokens)
        pairs = self.data.pairs.copy()
        pairs[:, 0] = self.place[pairs[:, 0]]
        pairs[:, 1] = np.searchsorted(rows, pairs[:, 1])
        return Captioned(self.pictures.pixels, ids, lengths, pairs, self.data.columns), cut


def _check_pictures(pairs: NDArray[np.int64], notes: list[str]) -> None:
    check_enough(pairs, notes)
    if len(np.unique(pairs[:, 0])) < 2:
        raise InvalidInputError(
            "all pairs are of one picture, and pictures are learnt by what tells them apart. Give "
            "a table of more images."
        )


def _rules(training: ClipFromScratch) -> list[Rule]:
    t, least = training, smallest_vocabulary()
    return [
        ("patch_size", t.patch_size >= 1, "1 or more"),
        (
            "image_size",
            t.image_size >= 8 and t.image_size % max(t.patch_size, 1) == 0,
            f"8 or more, a multiple of patch_size={t.patch_size}",
        ),
        ("width", t.width >= HEAD and t.width % HEAD == 0, f"a multiple of {HEAD}"),
        ("layers", t.layers >= 1, "1 or more"),
        ("dim", t.dim >= 2, "2 or more"),
        ("max_tokens", t.max_tokens >= 4, "4 or more, both marks included"),
        ("vocab_size", t.vocab_size >= least, f"{least} or more: bytes, and marks"),
        ("epochs", 0 < t.epochs < math.inf, "a number above 0"),
        ("batch_size", t.batch_size >= 2, "2 or more"),
        ("learning_rate", 0 < t.learning_rate < math.inf, "a number such as 1e-3"),
        ("weight_decay", 0 <= t.weight_decay < math.inf, "0 or more, such as 0.1"),
        ("warmup", 0 <= t.warmup < 1, "a share of the steps, 0 to 1"),
        ("crop", 0 < t.crop <= 1, "a share of the picture above 0, such as 0.6"),
        ("held_out", 0 <= t.held_out < 1, "a share of the data, 0 to 1"),
        ("evaluations", t.evaluations >= 1, "1 or more"),
    ]
