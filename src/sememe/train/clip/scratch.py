"""Train both towers of CLIP from scratch on images and captions: Radford et al. 2021.

    ClipFromScratch().fit("captions.csv").save("mine")
    texts, images = sememe.load("mine:text"), sememe.load("mine:image")

A vision transformer and a text transformer (arXiv:2103.00020, section 2), small enough for a CPU,
with a vocabulary that is learnt from the captions, in any language. It takes thousands of images
where `sememe.train.clip.locked`, with two trained encoders, takes hundreds, but learns what those
encoders miss. The folder is a CLIP model as transformers writes it, and runs without torch. On
1,911 emoji in two drawings with names in Korean and English, a fifth held out: 20 minutes on a
core, recall@10 of the 764 held-out drawings by name 30 % (English) and 29 %, by chance 2 %.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from sememe._errors import InvalidInputError
from sememe._lazy import require
from sememe.train.base.curve import plan
from sememe.train.base.device import Compute
from sememe.train.base.options import LoopRecipe, check, note_decline, option, parameters
from sememe.train.base.run_folder import checkpoint_folder
from sememe.train.base.torch_loop import Loop
from sememe.train.clip import pairs, vocabulary
from sememe.train.clip.network import HEAD, Sizes, make_network, write_network
from sememe.train.clip.objective import Batches, Captioned, ClipObjective
from sememe.train.clip.report import ClipReport, make_report
from sememe.train.data.augment import Augmentation
from sememe.train.data.files import Named
from sememe.train.data.images import make_preprocess, read_pictures

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.models.image.preprocess import Half, Preprocess
    from sememe.sources.datasets.image_text import ImageTexts
    from sememe.text.tokenizers.clip_bpe import ClipTokenizer
    from sememe.train.data.images import Pictures

_NEEDED = "torch transformers sentence_transformers safetensors tokenizers matplotlib PIL".split()
_HALF: Half = "below"  # the rounding of a crop in transformers
_COLOUR = 0.1  # strength of the colour jitter: red stays red
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

    folder_kind: ClassVar[str] = "clip"

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
    ) -> Self:
        """Train on a table of images and texts; see `sememe.sources.datasets.image_text`.

        evaluate: Such a table to measure on, in place of a share of the data. checkpoint: A folder
        for the state of the run, to resume after a kill; the caller deletes it. Unreadable images
        are noted in the report and skipped.

        Raises:
            InvalidInputError: An option or the data are invalid.
            MissingExtraError: The extra `train` or `images` is not installed.
            CorruptFileError: The state in the checkpoint is damaged.
            FloatingPointError: Training diverged.
        """
        for name in _NEEDED:
            require(name, "ClipFromScratch.fit")
        self._check()
        Compute.of(self.device, self.precision)
        tables = pairs.read_tables(
            data, evaluate, image_column=image_column, text_columns=text_columns
        )
        facts = {"parameters": parameters(self), **tables.digests}
        with checkpoint_folder(checkpoint, facts) as folder:
            pixels, aside = folder / "pictures", None
            read = _Decoded.of(tables.data, self.image_size, pixels, show_progress)
            if tables.evaluate is not None:
                path = pixels / "evaluate"
                aside = _Decoded.of(tables.evaluate, self.image_size, path, show_progress)
            train, held, notes = pairs.divide(read, aside, share=self.held_out, seed=self.seed)
            _check_images(train.data.pairs, notes)
            self._train(train, held, notes, folder, show=show_progress)
        return self

    def _facts(self) -> dict[str, Any]:
        return {"recipe": "clip from scratch", "dim": self.dim, **self.report_.facts()}

    def _write(self, folder: Path) -> None:
        write_network(self.model_, self._files, self.preprocess_, folder)

    def _card(self) -> str:
        title = "Images and texts in one space, by CLIP"
        return pairs.make_card(title, self.report_, parameters(self))

    def _check(self) -> None:
        least, patch = vocabulary.MIN_VOCAB_SIZE, self.patch_size
        check(self)
        check(
            self,
            ("image_size", self.image_size % patch == 0, f"a multiple of patch_size={patch}"),
            ("width", self.width % HEAD == 0, f"a multiple of {HEAD}"),
            ("vocab_size", self.vocab_size >= least, f"{least} or more: bytes and special tokens"),
        )

    def _train(
        self, train: _Decoded, held: _Decoded, notes: list[str], folder: Path, *, show: bool
    ) -> None:
        tokenizer = self._learn_vocabulary(train.data, folder / "tokenizer")
        data, cut = train.encode_captions(tokenizer, self.max_tokens)
        if cut:
            notes.append(f"{cut} texts are longer than {self.max_tokens} tokens and were cut")
        colours = train.images.colours()
        self.preprocess_ = make_preprocess(self.image_size, *colours, half=_HALF)
        sizes = Sizes(**{name: getattr(self, name) for name in Sizes.__dataclass_fields__})
        network = make_network(sizes, tokenizer, seed=self.seed)
        encoded_held = held.encode_captions(tokenizer, self.max_tokens)[0]
        objective = self._objective(network, data, encoded_held)
        loop = self._loop(objective)
        curve, _ = loop.run(objective, folder, show_progress=show)
        self.model_ = objective.network
        self.report_ = make_report(
            train.data,
            held.data,
            objective.retrieve(),
            curve=curve,
            temperature=float(1 / self.model_.logit_scale.detach().exp()),
            notes=(*notes, *note_decline(curve)),
        )

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
        n_batches = objective.batches.per_epoch
        steps = plan(n_batches, epochs=self.epochs, evaluations=self.evaluations)
        return Loop.of(self, steps, betas=_BETAS, epsilon=_EPSILON)

    def _learn_vocabulary(self, data: ImageTexts, folder: Path) -> ClipTokenizer:
        """Learn the vocabulary of the training captions, and keep its files."""
        texts = [data.texts[row] for row in np.unique(data.pairs[:, 1])]
        tokenizer = vocabulary.learn_vocabulary(texts, folder, size=self.vocab_size)
        names = (vocabulary.VOCAB, vocabulary.MERGES)
        self._files = {name: (folder / name).read_bytes() for name in names}
        return tokenizer


@dataclass(frozen=True, eq=False)
class _Decoded(pairs.Table):
    """A table with its images decoded. rows: The row of pixels of each image, -1 for none."""

    images: Pictures
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, data: ImageTexts, size: int, folder: Path, show: bool) -> _Decoded:
        named = [Named(str(number), path) for number, path in enumerate(data.images)]
        images = read_pictures(named, size=size, half=_HALF, folder=folder, show=show)
        kept = pairs.drop_images(data, {int(one.source): one.reason for one in images.skipped})
        rows = np.full(len(named), -1)
        rows[[int(source) for source in images.sources]] = np.arange(len(images.sources))
        return cls(kept, images, rows)

    def encode_captions(self, tokenizer: ClipTokenizer, max_tokens: int) -> tuple[Captioned, int]:
        """Return images with encoded captions, and the number of truncated captions."""
        used = np.unique(self.data.pairs[:, 1])
        texts = [self.data.texts[row] for row in used]
        ids, lengths, cut = vocabulary.encode_padded(tokenizer, texts, max_tokens=max_tokens)
        renumbered = self.data.pairs.copy()
        renumbered[:, 0] = self.rows[renumbered[:, 0]]
        renumbered[:, 1] = np.searchsorted(used, renumbered[:, 1])
        return Captioned(self.images.pixels, ids, lengths, renumbered, self.data.columns), cut


def _check_images(rows: NDArray[np.int64], notes: list[str]) -> None:
    pairs.check_enough(rows, notes)
    if len(np.unique(rows[:, 0])) < 2:
        raise InvalidInputError(
            "all pairs are of one image, which leaves no negatives. Give a table of more images."
        )
