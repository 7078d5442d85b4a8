"""Train an image encoder without labels: SimCLR, Chen et al. 2020 (arXiv:2002.05709).

    training = SimCLRTraining(epochs=40).fit("images/")
    training.save("mine")
    sememe.load("mine").encode(["image.jpg"])

Two views of an image, cropped and coloured at random, get nearly the same vector, views of other
images other ones. Labels are not needed; where some are known they measure what was learnt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from sememe._errors import InvalidInputError
from sememe._lazy import require
from sememe._types import Skipped
from sememe.models.image.folder import GRAPH, KIND, describe_graph
from sememe.train.base.curve import plan
from sememe.train.base.device import Compute
from sememe.train.base.model_card import curve_rows, model_card, note_lines, skipped_note, table
from sememe.train.base.options import LoopRecipe, option, parameters
from sememe.train.base.run_folder import checkpoint_folder
from sememe.train.base.torch_loop import Loop
from sememe.train.data.augment import Augmentation
from sememe.train.data.files import pictures_digest
from sememe.train.data.images import find_pictures, make_preprocess, read_pictures
from sememe.train.simclr.backbones import SMALL, make_backbone
from sememe.train.simclr.monitor import Monitor, note_collapse, split_labelled
from sememe.train.simclr.objective import SimCLRObjective

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.models.image.preprocess import Preprocess
    from sememe.train.base.curve import Curve
    from sememe.train.data.files import Named
    from sememe.train.data.images import Pictures
    from sememe.train.simclr.monitor import Figures

_WEIGHTS = "model.safetensors"


@dataclass(frozen=True, slots=True)
class SimCLRReport:
    """What `fit` did.

    Attributes:
        n_pictures: Number of training images.
        n_parameters: Number of parameters of the saved network.
        dim: Dimension of its features.
        skipped: What could not be read, and why.
        curve: Losses, times, and the kNN accuracy where labels are known.
        figures: Metrics before, during and after training.
        raw: kNN accuracy of the pixels themselves: a control; None without labels.
        notes: Caveats.
    """

    n_pictures: int
    n_parameters: int
    dim: int
    skipped: tuple[Skipped, ...]
    curve: Curve
    figures: tuple[Figures, ...]
    raw: float | None = None
    notes: tuple[str, ...] = ()


@dataclass
class SimCLRTraining(LoopRecipe):
    """Trains an image encoder without labels. The defaults are for small images on a CPU.

    Attributes:
        backbone: Network: small, a torchvision name such as resnet18, or timm/NAME.
        size: Side of the images in pixels; they are resized and cropped to a square.
        batch_size: Images per step; all others in the batch are an image's negatives.
        temperature: Divisor of cosines in the loss.
        projection: Dimension of the projection that the loss compares; its head is discarded.
        crop: Smallest fraction of an image that a random crop keeps.
        colour: Strength of the colour jitter, 0 to 1.

    Further options are those of `LoopRecipe`.
    """

    folder_kind: ClassVar[str] = KIND

    backbone: str = option(SMALL, group="model")
    size: int = option(32, at_least=8, group="data")
    _: KW_ONLY
    epochs: float = 40
    batch_size: int = option(256, at_least=2, group="optimisation")
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    temperature: float = option(0.2, above=0, group="optimisation")
    projection: int = option(128, at_least=1, group="model")
    crop: float = option(0.2, above=0, at_most=1, group="data")
    colour: float = option(0.5, at_least=0, at_most=1, group="data")
    evaluations: int = 10
    preprocess_: Preprocess = field(init=False, repr=False)
    report_: SimCLRReport = field(init=False, repr=False)
    _graph: bytes = field(init=False, repr=False)

    def fit(
        self,
        pictures: str | Path | Sequence[Any],
        *,
        labelled: str | Path | None = None,
        checkpoint: str | Path | None = None,
        show_progress: bool = False,
    ) -> Self:
        """Train on the images under a folder, or on a list of paths or arrays.

        Unreadable ones are reported and skipped. labelled: A folder with a folder for each class,
        to measure on; see `split_labelled`. checkpoint: A folder for the state of the run, to
        resume after a kill; the caller deletes it.

        Warns:
            RuntimeWarning: The features collapse; also a note of the report.

        Raises:
            InvalidInputError: An option, the backbone or the images are invalid; fewer than two
                batches can be read. Before any long work.
            MissingExtraError: The extra `train` or `images` is not installed.
            CorruptFileError: The state in the checkpoint is damaged.
            FloatingPointError: Training diverged.
        """
        for name in ("torch", "safetensors", "onnxscript", "matplotlib", "sklearn", "PIL"):
            require(name, "SimCLRTraining.fit")
        self._check()
        Compute.of(self.device, self.precision)
        images, left_out = find_pictures(pictures)
        self._check_enough(len(images), "found")
        network, dim = self._network()
        facts = {"parameters": parameters(self), "pictures": pictures_digest(images)}
        known: list[Named] = []
        if labelled is not None:
            known, _ = find_pictures(Path(labelled))
            facts["labelled"] = pictures_digest(known)
        with checkpoint_folder(checkpoint, facts) as folder:
            data = read_pictures(
                images, size=self.size, folder=folder / "pictures", show=show_progress
            )
            data = replace(data, skipped=(*left_out, *data.skipped))
            self._check_enough(len(data.sources), "readable")
            aside = read_pictures(known, size=self.size) if labelled is not None else None
            self._train(data, aside, network, dim, folder, show=show_progress)
        return self

    def _train(
        self,
        data: Pictures,
        aside: Pictures | None,
        network: Any,
        dim: int,
        folder: Path,
        *,
        show: bool,
    ) -> None:
        labelled = None if aside is None else split_labelled(aside, data)
        self.preprocess_ = make_preprocess(self.size, *data.colours())
        objective = SimCLRObjective(
            network=network,
            head=self._head(dim),
            pixels=data.pixels,
            preprocess=self.preprocess_,
            augmentation=Augmentation(crop=self.crop, colour=self.colour),
            monitor=Monitor(data.pixels, labelled),
            batch_size=self.batch_size,
            temperature=self.temperature,
            seed=self.seed,
            second=self._second,
            compute=Compute.of(self.device, self.precision),
        )
        n = len(data.sources)
        steps = plan(n // self.batch_size, epochs=self.epochs, evaluations=self.evaluations)
        curve, figures = Loop.of(self, steps).run(objective, folder, show_progress=show)
        self.model_ = network
        self.report_ = SimCLRReport(
            n_pictures=n,
            n_parameters=sum(p.numel() for p in network.parameters()),
            dim=dim,
            skipped=data.skipped,
            curve=curve,
            figures=figures,
            raw=None if labelled is None else labelled.score_pixels(),
            notes=_make_notes(data, aside, figures),
        )

    def _facts(self) -> dict[str, Any]:
        """Export the network to ONNX, which runs without torch, and describe it."""
        from sememe.models.image.export import export_image

        self._graph = export_image(self.model_, self.preprocess_, outputs=("features",))
        about = describe_graph(self._graph, preprocess=self.preprocess_, dim=self.report_.dim)
        return {**about, "recipe": "simclr"}

    def _write(self, folder: Path) -> None:
        from safetensors.torch import save_file

        (folder / GRAPH).write_bytes(self._graph)
        del self._graph  # as large as the network
        state = {name: x.contiguous() for name, x in self.model_.state_dict().items()}
        save_file(state, str(folder / _WEIGHTS))

    def _second(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows of the images of the second views: those of the first."""
        return rows

    def _network(self) -> tuple[Any, int]:
        """Return the network with random weights, and the dimension of its features."""
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network, dim = make_backbone(self.backbone, self.size)
        return network.to(memory_format=torch.channels_last).train(), dim

    def _head(self, dim: int) -> Any:
        """Return the projection head: two layers, as wide as the features in between."""
        import torch
        from torch import nn

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed + 1)
            return nn.Sequential(
                nn.Linear(dim, dim, bias=False),
                nn.BatchNorm1d(dim),
                nn.ReLU(),
                nn.Linear(dim, self.projection, bias=False),
            ).train()

    def _check_enough(self, n: int, what: str) -> None:
        if n < 2 * self.batch_size:
            raise InvalidInputError(
                f"{n} {what} images; two batches of {self.batch_size} are needed. Give more "
                "images, or a smaller batch_size."
            )

    def _card(self) -> str:
        report = self.report_
        first, last = report.figures[0], report.figures[-1]
        results = curve_rows(report.curve)
        results["effective rank, before and after"] = f"{first.rank:.1f}, {last.rank:.1f}"
        if last.probe is not None and report.raw is not None:
            results["linear probe"] = f"{last.probe:.4f}"
            results["kNN accuracy of raw pixels (control)"] = f"{report.raw:.4f}"
        code = 'sememe.load("this-folder").encode(["image.jpg"])'
        data = f"{report.n_pictures:,} images without labels, {self.size} x {self.size}."
        sections = {
            "Use": ["```python", "import sememe", "", code, "```", "", "It runs without torch."],
            "Data": [data, "", *note_lines(report.notes)],
            "Results": table(results),
            "Settings": table(parameters(self)),
        }
        head = {"pipeline_tag": "image-feature-extraction", "tags": ["sememe", "simclr"]}
        title = f"An image encoder, {self.backbone}, by SimCLR"
        return model_card(title, head=head, sections=sections)


def _make_notes(
    data: Pictures, aside: Pictures | None, figures: tuple[Figures, ...]
) -> tuple[str, ...]:
    missing = () if aside is None else aside.skipped
    notes = [*skipped_note(data.skipped, why="could not be read")]
    notes += skipped_note(missing, prefix="labelled: ", why="could not be read")
    if collapse := note_collapse(figures):
        notes.append(collapse)
    first, last = figures[0].knn, figures[-1].knn
    if first is not None and last is not None and last <= first:
        notes.append(
            f"training did not help: kNN accuracy was {first:.4f} before it and is {last:.4f}"
        )
    return tuple(notes)
