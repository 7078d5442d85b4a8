"""`sememe train sentence`, `cross`, `multilingual`, `domain` and `mlm`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sememe.app.field_options import Command
from sememe.app.options import make_option
from sememe.app.train.recipe_command import recipe_command
from sememe.app.train.run import describe_curve, make_evaluate_option, make_path_argument

if TYPE_CHECKING:
    from sememe.train.mlm.masked_lm import MaskedReport
    from sememe.train.sentence.bi_encoder import SentenceReport
    from sememe.train.sentence.cross_encoder import CrossReport
    from sememe.train.sentence.domain_report import DomainReport
    from sememe.train.sentence.multilingual import MultilingualReport

_EVALUATE = {
    "evaluate": make_evaluate_option("Held-out examples; the best weights on them are kept.")
}
_COMPARE = "sememe similar -m {} TEXT TEXT"  # the command to type next
_EXAMPLES = make_option(
    Path | None,
    "Data",
    "Pairs, scored pairs, triplets, labels or texts, as for `sememe train sentence`; by default "
    "the texts of the corpus.",
    "--examples",
)


def sentence() -> Command:
    """Train a sentence encoder on examples. The same command resumes an interrupted run."""
    from sememe.train.sentence.bi_encoder import SentenceTraining

    data = make_path_argument(
        "DATA",
        "Table (.tsv, .csv, .jsonl, .parquet) of pairs (anchor, positive), scored pairs "
        "(sentence1, sentence2, score), triplets (anchor, positive, negative) or labels (text, "
        "label); or a .txt file with a text per line.",
    )
    summarise = _summarise_sentence
    return recipe_command(
        SentenceTraining, data, fit=_EVALUATE, summarise=summarise, following=_COMPARE
    )


def _summarise_sentence(report: SentenceReport, written: Path) -> str:
    curve = report.curve
    head = f"{report.n_examples:,} {report.kind}, {report.loss}: {describe_curve(curve)}"
    widths = (
        f"  {curve.metric} with {dim} dimensions: {value:.4f}" for dim, value in report.dims.items()
    )
    return "\n".join((f"{head} to {written}", *widths))


def cross() -> Command:
    """Train a cross-encoder, which scores a pair of texts. Resumes an interrupted run."""
    from sememe.train.sentence.cross_encoder import CrossTraining

    data = make_path_argument(
        "DATA",
        "Table (.tsv, .csv, .jsonl, .parquet) of scored pairs (sentence1, sentence2, score), pairs "
        "(anchor, positive) or triplets (anchor, positive, negative).",
    )
    following = "sememe evaluate sts {} DATA"
    return recipe_command(
        CrossTraining, data, fit=_EVALUATE, summarise=_summarise_cross, following=following
    )


def _summarise_cross(report: CrossReport, written: Path) -> str:
    return f"{report.n_examples:,} pairs of texts: {describe_curve(report.curve)} to {written}"


def multilingual() -> Command:
    """Train an encoder on other languages from translations. Resumes an interrupted run."""
    from sememe.train.sentence.multilingual import MultilingualTraining

    data = make_path_argument(
        "PAIRS",
        "Table (.tsv, .csv, .jsonl, .parquet) of sentences and their translations, with columns "
        "source and target; the teacher knows the language of the sources.",
    )
    summarise = _summarise_multilingual
    return recipe_command(
        MultilingualTraining, data, fit=_EVALUATE, summarise=summarise, following=_COMPARE
    )


def _summarise_multilingual(report: MultilingualReport, written: Path) -> str:
    words = [f"{name.replace('_', ' ')} {value:.4f}" for name, value in report.directions.items()]
    curve = "; ".join([describe_curve(report.curve), *words])
    return f"{report.n_examples:,} pairs: {curve} to {written}"


def domain() -> Command:
    """Adapt a sentence encoder to a domain: new words, masked language modelling, fine-tuning."""
    from sememe.train.sentence.domain_adaptation import DomainAdaptation

    return recipe_command(
        DomainAdaptation,
        make_path_argument("CORPUS", "Text file of the domain, plain, .gz or .xz."),
        fit={"examples": _EXAMPLES, **_EVALUATE},
        summarise=_summarise_domain,
        following=_COMPARE,
    )


def _summarise_domain(report: DomainReport, written: Path) -> str:
    lines = [f"{name}: {first} to {last}" for name, first, last in report.rows()]
    words = f"{len(report.new_words)} new words, {report.n_examples:,} {report.kind}"
    return "\n".join([*lines, f"{words}, {report.loss}: to {written}"])


def mlm() -> Command:
    """Train a masked language model. The same command resumes an interrupted run."""
    from sememe.train.mlm.masked_lm import MaskedTraining

    return recipe_command(
        MaskedTraining,
        make_path_argument("CORPUS", "Text file, plain, .gz or .xz."),
        summarise=_summarise_mlm,
        following="sememe fill-mask {} 'a text with one [MASK] in it'",
    )


def _summarise_mlm(report: MaskedReport, written: Path) -> str:
    head = f"{report.n_tokens:,} tokens, vocabulary {report.vocab_size:,}"
    alone = f"(most frequent token alone: {report.unigram:.4f})"
    return f"{head}: {describe_curve(report.curve)} {alone} to {written}"
