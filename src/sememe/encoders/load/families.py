"""The registry of families: `sememe.load` opens a name with the first one that recognises it.

A package adds a family by an entry point of the group "sememe.families" that is a `Family`; code
that is not a package, by `register`:

    register(Family("toy", "toy:NAME", recognises, open))
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sememe._errors import InvalidInputError
from sememe._types import Modality
from sememe.encoders.load import audio, image, joint, text
from sememe.encoders.load.family import Candidate, Family
from sememe.models.weights.folder import ModelKind

FAMILIES = (
    audio.EVERYDAY,
    image.CONSE,
    text.USE,
    image.IMAGE,
    image.STRUCTURE,
    audio.STATISTICS,
    audio.SPEECH,
    joint.CLIP,
    joint.CLAP,
    joint.JOINT,
    text.STATIC,
    text.SENTENCE,
)
_REGISTERED: list[Family] = []
_LAST = text.WORDS  # recognises every file and folder
_ENTRY_POINTS = "sememe.families"

_NO_ENCODERS: dict[ModelKind | None, str] = {
    ModelKind.CROSS_ENCODER: "a cross-encoder: it scores pairs and gives texts no vectors. Open it "
    "with sememe.CrossEncoder.load({0!r}), or give it to search --rerank",
    ModelKind.TEXT_CLASSIFIER: "a classifier of texts, which gives no vectors. Use it with sememe "
    "classify -m {0}",
    ModelKind.IMAGE_PROBE: "an image classifier, which gives no vectors. Use it with sememe "
    "classify -m {0}",
    ModelKind.AUDIO_PROBE: "an audio classifier, which gives no vectors. Use it with sememe "
    "classify -m {0}",
}


@dataclass(frozen=True, slots=True)
class Resolved:
    """A name and the family that recognises it; nothing is loaded.

    Attributes:
        model: The canonical name and the folder.
        family: The family.
        modalities: Modalities of the encoders that the name refers to, "text" first.
    """

    model: Candidate
    family: Family
    modalities: tuple[Modality, ...]

    @property
    def text_encoder(self) -> str | None:
        """Name of the text encoder whose space an image encoder shares by its suffix, if any."""
        return self.model.name.conse

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each encoder, as `load(name).name` returns it."""
        name = self.model.name
        if len(self.family.modalities) == 1:
            return (str(name),)
        return tuple(str(name.with_part(modality)) for modality in self.modalities)


def register(family: Family) -> None:
    """Let `sememe.load` open the models of a family, in this process."""
    _REGISTERED.append(family)


def resolve(name: str) -> Resolved:
    """Find the family of a name. A model of the hub is fetched; no weights are read.

    >>> resolve("efficientnet-lite0:conse").modalities
    ('image',)

    Raises:
        UnknownNameError: No model and no file of that name.
        InvalidInputError: The model has no encoders, or none that the suffix asks for.
        HubError, CorruptFileError, MissingExtraError: A model of the hub cannot be fetched.
    """
    model = Candidate(name)
    if (what := _NO_ENCODERS.get(model.kind)) is not None:
        source = model.name.source
        raise InvalidInputError(f"{source} is {what.format(source)}.")
    for family in _walk(model):
        if family.recognises(model):
            return Resolved(model, family, _select(model, family))
    raise text.unknown_name(name)


def _walk(model: Candidate) -> Iterator[Family]:
    """Yield the families in order; those of other packages cannot take models of the catalogue."""
    yield from FAMILIES
    if model.info is None:
        from importlib.metadata import entry_points  # slow, rarely needed

        yield from _REGISTERED
        yield from (point.load() for point in entry_points(group=_ENTRY_POINTS))
    yield _LAST


def _select(model: Candidate, family: Family) -> tuple[Modality, ...]:
    """Return the modalities that a name asks for, or refuse a suffix that the family lacks."""
    name, part = model.name, model.name.part
    if name.form in (None, family.form) and (part is None or part in family.modalities):
        return family.modalities if part is None else (part,)
    having = [
        one.name
        for one in (*FAMILIES, *_REGISTERED, _LAST)
        if one.form == name.form and (part is None or part in one.modalities)
    ]
    raise InvalidInputError(
        f"{name.source} is no {' or '.join(having)}, which {name.suffix!r} after its name means, "
        f"but a model of the family {family.name!r}. Leave {name.suffix} out"
    )
