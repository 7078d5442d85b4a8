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

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import InvalidInputError
from sememe._lazy import require
from sememe.train.base.curve import plan
from sememe.train.base.device import Compute
from sememe.train.base.options import (
    LoopRecipe,
    check,
    get_report,
    note_decline,
    option,
    parameters,
)
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
from sememe.train.data.images import make_preprocess, read_pictures

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.models.image.preprocess import Half, Preprocess
    from sememe.sources.datasets.image_text import ImageTexts
    from sememe.text.tokenizers.clip_bpe import ClipTokenizer
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
class ClipFromScratch(LoopRecipe):
    """Trains a vision transformer and a text transformer into one space, from scratch.

    The defaults are for small images on a CPU.

    Attributes:
        image_size: Side of the images in pixels; they are resized and cropped to a square.
        patch_size: Side of a patch in pixels; divides `image_size`.
        width: Width of both transformers, a multiple of 32.
        layers: Layers of each transformer.
        dim: Dimension of the joint space.
        max_tokens: Maximum length of a caption in tokens, special tokens included; longer ones are
            truncated.
        vocab_size: Vocabulary size; few captions give a smaller one.
        epochs: Passes over the images, each with one of its captions.
        batch_size: Images per step; all others in the batch are an image's negatives.
        crop: Smallest fraction of an image that a random crop keeps. Images are not mirrored and
            colours hardly change, since captions mention both.
        held_out: Fraction of the groups held out for evaluation, unless other data are given.

    Further options are those of `LoopRecipe`.
    """

    image_size: int = option(64, at_least=8, group="model")
    patch_size: int = option(8, at_least=1, group="model")
    width: int = option(128, at_least=HEAD, group="model")
    _: KW_ONLY
    layers: int = option(4, at_least=1, group="model")
    dim: int = option(128, at_least=2, group="model")
    max_tokens: int = option(64, at_least=4, group="data")
    vocab_size: int = option(8192, group="model")
    epochs: float = 40
    batch_size: int = option(128, at_least=2, group="optimisation")
    learning_rate: float = 1e-3
    weight_decay: float = 0.1
    crop: float = option(0.6, above=0, at_most=1, group="data")
    held_out: float = option(0.1, at_least=0, below=1, group="evaluation")
    evaluations: int = 10
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
        """Train on a table of images and texts; see `sememe.sources.datasets.image_text`.

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
        self._check()
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
        report = get_report(self)
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

    def _check(self) -> None:
        least, patch = smallest_vocabulary(), self.patch_size
        check(self)
        check(
            self,
            ("image_size", self.image_size % patch == 0, f"a multiple of patch_size={patch}"),
            ("width", self.width % HEAD == 0, f"a multiple of {HEAD}"),
            ("vocab_size", self.vocab_size >= least, f"{least} or more: bytes and special tokens"),
        )

    def _train(
        self, seen: _Read, other: _Read, notes: list[str], folder: Path, *, show_progress: bool
    ) -> None:
        tokenizer = self._vocabulary(seen.data, folder / "tokenizer")
        data, cut = seen.captioned(tokenizer, self.max_tokens)
        if cut:
            notes.append(f"{cut} texts are longer than {self.max_tokens} tokens and were cut")
        self.preprocess_ = make_preprocess(self.image_size, *seen.pictures.colours(), half=_HALF)
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
            notes=(*notes, *note_decline(curve)),
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
        read = read_pictures(found, size=size, half=_HALF, folder=beside, show=show_progress)
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
