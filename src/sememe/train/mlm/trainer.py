"""transformers' Trainer for masked language models: the loss at the masked positions alone.

The head of a network with a large vocabulary costs more than a small network itself, and the loss
discards 85% of its rows: here it computes those of the masked tokens only. The masks are a function
of the seed and the position in the run, so that a resumed run has the same.

Imports torch and transformers, so it is imported when training begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import Dataset, SequentialSampler
from transformers import Trainer

from sememe.train.mlm.packing import mask_tokens

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.train.mlm.packing import Blocks, Marks

_BATCH = 64  # rows evaluated at once


@dataclass(eq=False)
class MaskedRows(Dataset):  # type: ignore[misc]
    """The rows of a whole run: each epoch in another order and with other masks.

    plain: For evaluation: the rows in their order.
    """

    blocks: Blocks
    marks: Marks
    words: NDArray[np.int32]
    n: int
    seed: int
    prob: float
    whole_word: bool
    plain: bool = False

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> dict[str, Any]:
        if index >= self.n:
            raise IndexError(index)
        epoch, row = divmod(int(index), len(self.blocks.tokens))
        if not self.plain:
            row = int(_permute(len(self.blocks.tokens), self.seed, epoch)[row])
        tokens, starts = self.blocks.tokens[row], self.blocks.starts[row]
        inputs, labels = mask_tokens(
            tokens,
            starts,
            np.random.default_rng([self.seed, 1, index]),
            mask=self.marks.mask,
            words=self.words,
            prob=self.prob,
            whole_word=self.whole_word,
            plain=self.plain,
        )
        return {"input_ids": inputs, "labels": labels, "attention_mask": tokens != self.marks.pad}


@lru_cache(maxsize=1)
def _permute(n: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, epoch]).permutation(n)


def collate(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Stack rows; the attention mask is left out where nothing is padding."""
    stacked = {name: torch.from_numpy(np.stack([row[name] for row in rows])) for name in rows[0]}
    if bool(stacked["attention_mask"].all()):
        del stacked["attention_mask"]
    return stacked


class MaskedTrainer(Trainer):  # type: ignore[misc]
    """The Trainer with this loss, this order, and masked accuracy as its evaluation."""

    def __init__(self, *args: Any, held: MaskedRows, **kwargs: Any) -> None:
        super().__init__(*args, data_collator=collate, eval_dataset=held, **kwargs)
        self.held = held
        self.model_accepts_loss_kwargs = False

    def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
        return SequentialSampler(self.train_dataset)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, **_: Any
    ) -> Any:
        """Return the mean cross-entropy of the masked tokens, in nats."""
        logits, labels = compute_logits(model, inputs)
        loss = cross_entropy(logits.float(), labels)
        return (loss, {"logits": logits}) if return_outputs else loss

    def evaluate(self, *_: Any, metric_key_prefix: str = "eval", **__: Any) -> dict[str, float]:
        """Return accuracy and loss on the held-out rows, whose masks are always the same."""
        right, loss, n = 0, 0.0, 0
        training = self.model.training
        self.model.eval()
        with torch.no_grad():
            for start in range(0, len(self.held), _BATCH):
                rows = [self.held[i] for i in range(start, min(start + _BATCH, len(self.held)))]
                inputs = {k: v.to(self.args.device) for k, v in collate(rows).items()}
                logits, labels = compute_logits(self.model, inputs)
                loss += float(cross_entropy(logits.float(), labels, reduction="sum"))
                right += int((logits.argmax(-1) == labels).sum())
                n += len(labels)
        self.model.train(training)
        accuracy, loss = right / max(n, 1), loss / max(n, 1)
        metrics = {f"{metric_key_prefix}_accuracy": accuracy, f"{metric_key_prefix}_loss": loss}
        self.log(metrics)
        self.control: Any = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics


def compute_logits(model: Any, inputs: dict[str, Any]) -> tuple[Any, Any]:
    """Return the logits (n, vocabulary) of the masked tokens, and their ids (n,)."""
    labels = inputs["labels"]
    chosen = labels != -100
    mask = inputs.get("attention_mask")
    states = model.base_model(input_ids=inputs["input_ids"], attention_mask=mask)[0]
    return head_of(model)(states[chosen]), labels[chosen]


def head_of(model: Any) -> Any:
    """Return the masked-LM head of a model of BERT's family: states -> logits.

    Raises ValueError for another model.
    """
    for name in ("cls", "lm_head"):
        if hasattr(model, name):
            return getattr(model, name)
    if hasattr(model, "vocab_projector"):
        return lambda x: model.vocab_projector(
            model.vocab_layer_norm(model.activation(model.vocab_transform(x)))
        )
    raise ValueError(f"{type(model).__name__} has no masked-LM head that sememe knows")
