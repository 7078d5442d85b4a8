"""transformers' Trainer for masked language models: the loss at the masked places alone.

The head of a network with a large vocabulary costs more than a small network itself, and 85% of its
rows are thrown away by the loss: here it sees the masked tokens only. What is masked is a function
of the seed and of the place in the run, so that a run that goes on after a kill sees the same.

Imports torch and transformers, so it is imported when training begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import Dataset, SequentialSampler
from transformers import Trainer

from sememe.train.mlm.packing import masked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.train.mlm.packing import Blocks, Marks

_BATCH = 64  # rows evaluated at once


class MaskedRows(Dataset):  # type: ignore[misc]
    """The rows of a whole run, epoch after epoch, each time in another order and masked anew."""

    def __init__(
        self,
        blocks: Blocks,
        marks: Marks,
        words: NDArray[np.int32],
        *,
        n: int,
        seed: int,
        prob: float,
        whole_word: bool,
        plain: bool = False,
    ) -> None:
        self.blocks, self.marks, self.words = blocks, marks, words
        self.n, self.seed, self.prob = n, seed, prob
        self.whole_word, self.plain = whole_word, plain
        self._order: tuple[int, NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, place: int) -> dict[str, Any]:
        rows = len(self.blocks.tokens)
        epoch, at = divmod(int(place), rows)
        if self.plain:
            row = at
        else:
            if self._order is None or self._order[0] != epoch:
                order = np.random.default_rng([self.seed, epoch]).permutation(rows)
                self._order = (epoch, order)
            row = int(self._order[1][at])
        tokens, starts = self.blocks.tokens[row], self.blocks.starts[row]
        seen, labels = masked(
            tokens,
            starts,
            np.random.default_rng([self.seed, 1, place]),
            mask=self.marks.mask,
            words=self.words,
            prob=self.prob,
            whole_word=self.whole_word,
            plain=self.plain,
        )
        return {"input_ids": seen, "labels": labels, "attention_mask": tokens != self.marks.pad}


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
        logits, labels = masked_logits(model, inputs)
        loss = cross_entropy(logits.float(), labels)
        return (loss, {"logits": logits}) if return_outputs else loss

    def evaluate(self, *_: Any, metric_key_prefix: str = "eval", **__: Any) -> dict[str, float]:
        """Return accuracy and loss on the rows held out, masked the same way every time."""
        right, loss, n = 0, 0.0, 0
        training = self.model.training
        self.model.eval()
        with torch.no_grad():
            for start in range(0, len(self.held), _BATCH):
                rows = [self.held[i] for i in range(start, min(start + _BATCH, len(self.held)))]
                inputs = {k: v.to(self.args.device) for k, v in collate(rows).items()}
                logits, labels = masked_logits(self.model, inputs)
                loss += float(cross_entropy(logits.float(), labels, reduction="sum"))
                right += int((logits.argmax(-1) == labels).sum())
                n += len(labels)
        self.model.train(training)
        found = {
            f"{metric_key_prefix}_accuracy": right / max(n, 1),
            f"{metric_key_prefix}_loss": loss / max(n, 1),
        }
        self.log(found)
        self.control: Any = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, found
        )
        return found


def masked_logits(model: Any, inputs: dict[str, Any]) -> tuple[Any, Any]:
    """Return the logits (n, vocabulary) of the masked tokens, and their ids (n,)."""
    labels = inputs["labels"]
    chosen = labels != -100
    mask = inputs.get("attention_mask")
    states = model.base_model(input_ids=inputs["input_ids"], attention_mask=mask)[0]
    return head_of(model)(states[chosen]), labels[chosen]


def head_of(model: Any) -> Any:
    """Return what makes logits of states: the masked-LM head of BERT's family.

    Raises:
        ValueError: The model has none.
    """
    for name in ("cls", "lm_head"):
        if hasattr(model, name):
            return getattr(model, name)
    if hasattr(model, "vocab_projector"):
        return lambda x: model.vocab_projector(
            model.vocab_layer_norm(model.activation(model.vocab_transform(x)))
        )
    raise ValueError(f"{type(model).__name__} has no masked-LM head that sememe knows")
