"""Train an image encoder without labels: SimCLR, Chen et al. 2020 (arXiv:2002.05709).

    training = SimCLRTraining(epochs=40).fit("pictures/")
    training.save("mine")
    sememe.load("mine").encode(["picture.jpg"])

Two views of a picture, cut and coloured at random, are to have nearly the same vector, and views of
other pictures other ones. What stays the same through that is what the picture shows. Labels are
not needed; where some are known they measure what was learnt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import InvalidInputError
from sememe._lazy import require
from sememe._types import Skipped
from sememe.models.image.folder import GRAPH, KIND, describe_graph
from sememe.train.base.curve import plan
from sememe.train.base.device import Compute
from sememe.train.base.model_card import curve_rows, model_card, note_lines, table
from sememe.train.base.options import LoopRecipe, get_report, option, parameters
from sememe.train.base.output_folder import write_trained
from sememe.train.base.run_folder import checkpoint_folder
from sememe.train.base.torch_loop import Loop
from sememe.train.data.augment import Augmentation
from sememe.train.data.files import pictures_digest
from sememe.train.data.images import find_pictures, make_preprocess, read_pictures
from sememe.train.simclr.backbones import SMALL, backbone
from sememe.train.simclr.monitor import Monitor, collapse, labelled_pictures
from sememe.train.simclr.objective import SimCLRObjective

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.models.image.preprocess import Preprocess
    from sememe.train.base.curve import Curve
    from sememe.train.data.files import Named
    from sememe.train.data.images import Pictures
    from sememe.train.simclr.monitor import Figures

_NAMED = 5  # unreadable pictures that notes name
_WEIGHTS = "model.safetensors"


@dataclass(frozen=True, slots=True)
class SimCLRReport:
    """What `fit` did.

    Attributes:
        n_pictures: Pictures trained on.
        n_parameters: Numbers in the network that is saved.
        dim: Width of its features.
        skipped: What could not be read, and why.
        curve: Losses, times, and the accuracy of neighbours where labels are known.
        figures: All that was measured, before training, during it and after.
        raw: Accuracy of neighbours by the pixels themselves: a control; None without labels.
        notes: What the figures do not say.
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

    def fit(
        self,
        pictures: str | Path | Sequence[Any],
        *,
        labelled: str | Path | None = None,
        checkpoint: str | Path | None = None,
        show_progress: bool = False,
    ) -> SimCLRTraining:
        """Train on the pictures under a folder, or on a list of paths or arrays.

        Args:
            pictures: What is trained on. What cannot be read is reported, and the run goes on.
            labelled: A folder with a folder for each class: pictures to measure with, never to
                train on. Where `pictures` has folders of the same names, its pictures are what a
                labelled one is compared with; else every second labelled one is.
            checkpoint: A folder for the run's state: killed, the same call goes on from there. It
                is left for the caller to delete.
            show_progress: Draw a bar.

        Warns:
            RuntimeWarning: The features collapse; a note says so too.

        Raises:
            InvalidInputError: An option, the backbone or the pictures will not do; fewer than two
                batches can be read. Before any long work.
            MissingExtraError: The extra `train` or `images` is not installed.
            CorruptFileError: The state in the checkpoint is damaged.
            FloatingPointError: Training diverged.
        """
        for name in ("torch", "safetensors", "onnxscript", "matplotlib", "sklearn", "PIL"):
            require(name, "SimCLRTraining.fit")
        self._check()
        Compute.of(self.device, self.precision)
        found, left_out = find_pictures(pictures)
        self._check_enough(len(found), "found")
        network, dim = self._network()
        facts = {"parameters": parameters(self), "pictures": pictures_digest(found)}
        known: list[Named] = []
        if labelled is not None:
            known, _ = find_pictures(Path(labelled))
            facts["labelled"] = pictures_digest(known)
        with checkpoint_folder(checkpoint, facts) as folder:
            read = read_pictures(
                found, size=self.size, folder=folder / "pictures", show=show_progress
            )
            self._check_enough(len(read.sources), "readable")
            aside = read_pictures(known, size=self.size) if labelled is not None else None
            self._train(read, aside, (network, dim), folder, left_out, show=show_progress)
        return self

    def save(self, folder: str | Path) -> Path:
        """Write model.onnx, which runs without torch, its weights, a card and the curve.

        Raises:
            InvalidInputError: Nothing was fitted, the folder holds something else, or the network
                cannot be exported.
        """
        from sememe.models.image.export import export_image

        report = get_report(self)
        graph = export_image(self.model_, self.preprocess_, outputs=("features",))
        about = describe_graph(graph, preprocess=self.preprocess_, dim=report.dim)
        training = {name: value for name, value in asdict(report).items() if name != "curve"}

        def write(fresh: Path) -> None:
            from safetensors.torch import save_file

            (fresh / GRAPH).write_bytes(graph)
            state = {name: x.contiguous() for name, x in self.model_.state_dict().items()}
            save_file(state, str(fresh / _WEIGHTS))

        return write_trained(
            Path(folder),
            KIND,
            write=write,
            facts={**about, "recipe": "simclr", "parameters": parameters(self)}
            | {"training": training},
            card=_card(self),
            curve=report.curve,
        )

    def _train(
        self,
        read: Pictures,
        aside: Pictures | None,
        made: tuple[Any, int],
        folder: Path,
        left_out: tuple[Skipped, ...],
        *,
        show: bool,
    ) -> None:
        network, dim = made
        labelled = None if aside is None else labelled_pictures(aside, read)
        self.preprocess_ = make_preprocess(self.size, *read.colours())
        objective = SimCLRObjective(
            network=network,
            head=self._head(dim),
            pixels=read.pixels,
            preprocess=self.preprocess_,
            augmentation=Augmentation(crop=self.crop, colour=self.colour),
            monitor=Monitor(read.pixels, labelled),
            batch_size=self.batch_size,
            temperature=self.temperature,
            seed=self.seed,
            second=self._second,
            compute=Compute.of(self.device, self.precision),
        )
        curve, figures = self._loop(len(read.sources)).run(objective, folder, show_progress=show)
        self.model_ = network
        skipped = (*left_out, *read.skipped)
        self.report_ = SimCLRReport(
            n_pictures=len(read.sources),
            n_parameters=sum(p.numel() for p in network.parameters()),
            dim=dim,
            skipped=skipped,
            curve=curve,
            figures=figures,
            raw=None if labelled is None else labelled.raw(),
            notes=_notes(skipped, aside, figures),
        )

    def _loop(self, n: int) -> Loop:
        """Return how n pictures are passed over."""
        return Loop(
            plan=plan(
                n // self.batch_size,
                epochs=self.epochs,
                accumulate=1,
                evaluations=self.evaluations,
            ),
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            warmup=self.warmup,
            seed=self.seed,
        )

    def _second(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which pictures the second views are of: those of the first."""
        return rows

    def _network(self) -> tuple[Any, int]:
        """Return the network with random weights, and the width of its features."""
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network, dim = backbone(self.backbone, self.size)
        return network.to(memory_format=torch.channels_last).train(), dim

    def _head(self, dim: int) -> Any:
        """Return the projection: two layers, as wide as the features in between."""
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
                f"{n} {what} pictures; two batches of {self.batch_size} are needed. Give more "
                "pictures, or a smaller batch_size."
            )


def _notes(
    skipped: tuple[Skipped, ...], aside: Pictures | None, figures: tuple[Figures, ...]
) -> tuple[str, ...]:
    notes = []
    for what, missing in (("", skipped), ("labelled: ", () if aside is None else aside.skipped)):
        if missing:
            named = "; ".join(f"{one.source}: {one.reason}" for one in missing[:_NAMED])
            more = f"; and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
            notes.append(f"{what}{len(missing)} could not be read: {named}{more}")
    if told := collapse(figures):
        notes.append(told)
    first, last = figures[0], figures[-1]
    if first.knn is not None and last.knn is not None and last.knn <= first.knn:
        notes.append(
            f"training did not help: accuracy of neighbours was {first.knn:.4f} before it and is "
            f"{last.knn:.4f}"
        )
    return tuple(notes)


def _card(training: SimCLRTraining) -> str:
    report = training.report_
    last = report.figures[-1]
    results = curve_rows(report.curve)
    results["effective rank, before and after"] = f"{report.figures[0].rank:.1f}, {last.rank:.1f}"
    if last.probe is not None and report.raw is not None:
        results["linear probe"] = f"{last.probe:.4f}"
        results["kNN accuracy of raw pixels (control)"] = f"{report.raw:.4f}"
    use = ["```python", "import sememe", "", 'sememe.load("this-folder").encode(["picture.jpg"])']
    data = f"{report.n_pictures:,} pictures without labels, {training.size} x {training.size}."
    sections = {
        "Use": [*use, "```", "", "It runs without torch."],
        "Data": [data, "", *note_lines(report.notes)],
        "Results": table(results),
        "Settings": table(parameters(training)),
    }
    head = {"pipeline_tag": "image-feature-extraction", "tags": ["sememe", "simclr"]}
    return model_card(
        f"An image encoder, {training.backbone}, by SimCLR", head=head, sections=sections
    )
