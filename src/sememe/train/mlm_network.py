"""What masked language modelling begins with: a tokenizer of the corpus, and BERT of a size."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from sememe._errors import InvalidInputError
from sememe.text.lines import Corpus
from sememe.train.blocks import Marks

Size = Literal["tiny", "mini", "small", "medium", "base"]
# layers, width, heads and the step size at its highest (Turc et al. 2019, arXiv:1908.08962)
SIZES: dict[str, tuple[int, int, int, float]] = {
    "tiny": (2, 128, 2, 2e-3),
    "mini": (4, 256, 4, 1e-3),
    "small": (4, 512, 8, 7e-4),
    "medium": (8, 512, 8, 5e-4),
    "base": (12, 768, 12, 2e-4),
}
_MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
POSITIONS = 512


def trained_tokenizer(corpus: Corpus, vocab_size: int, folder: Path) -> Any:
    """Train a tokenizer, or open the one that a run before has left in the folder."""
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    from sememe.text.subwords import SubwordTokenizer

    if not (folder / "tokenizer.json").is_file():
        trained = SubwordTokenizer.train(corpus, vocab_size=vocab_size, special_tokens=_MARKS)
        trained.save(folder)
    own = SubwordTokenizer.load(folder).tokenizer
    ids = [(name, own.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    own.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ids
    )
    names = dict(zip(("pad", "unk", "cls", "sep", "mask"), _MARKS, strict=True))
    marks = {f"{name}_token": mark for name, mark in names.items()}
    return PreTrainedTokenizerFast(tokenizer_object=own, model_max_length=POSITIONS, **marks)


def fresh_network(size: str, tokenizer: Any, dropout: float) -> Any:
    """Return BERT of a size with random weights."""
    from transformers import BertConfig, BertForMaskedLM

    layers, width, heads, _ = SIZES[size]
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=POSITIONS,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        pad_token_id=tokenizer.pad_token_id,
    )
    return BertForMaskedLM(config)


def marks_of(tokenizer: Any) -> Marks:
    """Return the ids of a tokenizer's marks.

    Raises:
        InvalidInputError: It lacks one.
    """
    names = {
        "begin": tokenizer.cls_token_id,
        "end": tokenizer.sep_token_id,
        "pad": tokenizer.pad_token_id,
        "mask": tokenizer.mask_token_id,
    }
    if lacking := [name for name, id_ in names.items() if id_ is None]:
        raise InvalidInputError(
            f"the base's tokenizer has no {', '.join(lacking)} token, which masking needs. Give "
            "another base."
        )
    return Marks(**names)


def text_ids(tokenizer: Any) -> list[int]:
    """Return the ids that stand for text."""
    special = set(tokenizer.all_special_ids)
    return [id_ for id_ in sorted(tokenizer.get_vocab().values()) if id_ not in special]
