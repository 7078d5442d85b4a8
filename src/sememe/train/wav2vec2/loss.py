"""The loss of wav2vec 2.0: tell a hidden frame's code from others', and use all codes.

transformers computes the same of all frames; here only hidden ones are quantised and compared,
which are all that count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_LEAST = 1e-7  # added to a share before its logarithm, whose gradient has no end at 0


@dataclass(frozen=True, slots=True)
class Loss:
    """What a batch costs, each a mean over hidden frames.

    Attributes:
        contrastive: A scalar of torch, in nats.
        diversity: A scalar of torch from 0, all codes used alike, to nearly 1.
        accuracy: Share of the frames whose own code is found the most alike, among those with
            another code to be told from; 0 where there is none.
        chance: That share if each frame is given the prediction of another frame; 1 where there is
            none.
        codes: (m, codebooks) which entries the frames took.
    """

    contrastive: Any
    diversity: Any
    accuracy: float
    chance: float
    codes: Any


def hidden_loss(model: Any, outputs: Any, hidden: Any, others: Any, *, sampled: bool) -> Loss:
    """Compute equations 3 and 4 of the paper.

    Args:
        model: A Wav2Vec2ForPreTraining.
        outputs: What its network made of a batch whose frames were hidden.
        hidden: (n, frames) bool, m of them True.
        others: (m, k) places among the m.
        sampled: Draw codes by the Gumbel softmax, which learns, not the likeliest.

    References:
        Baevski et al. 2020, section 3.2 (arXiv:2006.11477); Jang et al. 2017 (arXiv:1611.01144).
    """
    predicted = model.project_hid(outputs.last_hidden_state[hidden].float())
    features = model.dropout_features(outputs.extract_features[hidden].float())
    vectors, codes, shares = quantized(model.quantizer, features, sampled=sampled)
    targets = model.project_q(vectors)
    temperature = model.config.contrastive_logits_temperature
    contrastive, accuracy, chance = told_apart(
        predicted, targets, codes, others, temperature=temperature
    )
    return Loss(contrastive, unused(shares), accuracy, chance, codes)


def quantized(quantizer: Any, features: Any, *, sampled: bool) -> tuple[Any, Any, Any]:
    """Return the codes of frames as the product quantiser of a model takes them.

    features: (m, width). Returns vectors (m, code_dim); the entry each codebook gave, (m,
    codebooks); and how likely each entry was, (m, codebooks, entries).
    """
    import torch
    from torch.nn import functional

    books, entries = quantizer.num_groups, quantizer.num_vars
    scores = quantizer.weight_proj(features).reshape(-1, entries)
    if sampled:
        chosen = functional.gumbel_softmax(scores, tau=quantizer.temperature, hard=True)
    else:
        chosen = functional.one_hot(scores.argmax(-1), entries).float()
    chosen = chosen.reshape(-1, books, entries)
    vectors = torch.einsum(
        "nge,ged->ngd", chosen, quantizer.codevectors.reshape(books, entries, -1)
    )
    shares = torch.softmax(scores, -1).reshape(-1, books, entries)
    return vectors.reshape(len(features), -1), chosen.argmax(-1), shares


def told_apart(
    predicted: Any, targets: Any, codes: Any, others: Any, *, temperature: float
) -> tuple[Any, float, float]:
    """Return -log of the share of exp(cosine / temperature) that a frame's own code has, a mean.

    The others are those of `others`; one that has the frame's own code counts nothing. Besides the
    accuracy and what it would be by chance; see `Loss`.

    predicted, targets: (m, dim). codes: (m, codebooks). others: (m, k).
    """
    import torch
    from torch.nn import functional

    directions = [functional.normalize(x, dim=-1) for x in (predicted, targets)]
    scores = directions[0] @ directions[1].T / temperature
    same = (codes[others] == codes[:, None]).all(-1)
    logits = _logits(scores, others, same)
    loss = functional.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.int64))
    real = ~same.all(1)
    if not real.any():
        return loss, 0.0, 1.0
    elsewhere = scores.detach().roll(len(scores) // 2, 0)
    guessed = _logits(elsewhere, others, same)
    accuracy, chance = (
        float((x[real].argmax(1) == 0).float().mean()) for x in (logits.detach(), guessed)
    )
    return loss, accuracy, chance


def _logits(scores: Any, others: Any, same: Any) -> Any:
    """Return (m, 1 + k): the score of each frame's own code, and those of others' codes."""
    import torch

    apart = scores.gather(1, others).masked_fill(same, -torch.inf)
    return torch.cat([scores.diagonal()[:, None], apart], 1)


def unused(shares: Any) -> Any:
    """Return the share of the codes that is not used: 1 - the codebooks' perplexities / entries.

    shares: (m, codebooks, entries), rows adding up to 1. A perplexity is exp(entropy) of the mean
    over frames.
    """
    import torch

    mean = shares.mean(0)
    perplexities = torch.exp(-(mean * torch.log(mean + _LEAST)).sum(-1))
    return 1 - perplexities.sum() / mean.numel()
