"""The loss of wav2vec 2.0: contrastive over masked frames, plus the diversity of the codebooks.

transformers computes the same over all frames; here only the masked ones, which count, are
quantised and compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_EPSILON = 1e-7  # added to a share before its logarithm, whose gradient is infinite at 0


@dataclass(frozen=True, slots=True)
class Loss:
    """Loss and metrics of a batch, means over its masked frames.

    Attributes:
        contrastive: A scalar of torch, in nats.
        diversity: A scalar of torch from 0, all codes used equally, to nearly 1.
        accuracy: Share of the frames whose own code scores highest, among those with a negative of
            another code; 0 without any.
        chance: The same with each frame's prediction replaced by another frame's; 1 without any.
        codes: (m, codebooks) entries of the frames.
    """

    contrastive: Any
    diversity: Any
    accuracy: float
    chance: float
    codes: Any


def pretraining_loss(model: Any, outputs: Any, mask: Any, negatives: Any, *, sampled: bool) -> Loss:
    """Compute equations 3 and 4 of the paper over the masked frames of a batch.

    Args:
        model: A Wav2Vec2ForPreTraining.
        outputs: Of its network for a batch with masked frames.
        mask: (B, T) bool, m of them True.
        negatives: (m, k) rows among the m.
        sampled: Draw codes by the Gumbel softmax, which learns; else take the likeliest.

    References:
        Baevski et al. 2020, section 3.2 (arXiv:2006.11477); Jang et al. 2017 (arXiv:1611.01144).
    """
    predicted = model.project_hid(outputs.last_hidden_state[mask].float())  # (m, code_dim)
    features = model.dropout_features(outputs.extract_features[mask].float())  # (m, width)
    vectors, codes, shares = quantize(model.quantizer, features, sampled=sampled)
    targets = model.project_q(vectors)
    temperature = model.config.contrastive_logits_temperature
    contrastive, accuracy, chance = contrastive_loss(
        predicted, targets, codes, negatives, temperature=temperature
    )
    return Loss(contrastive, diversity_loss(shares), accuracy, chance, codes)


def quantize(quantizer: Any, features: Any, *, sampled: bool) -> tuple[Any, Any, Any]:
    """Quantise frames with the product quantiser of a model.

    features: (m, width). Returns vectors (m, code_dim), the entry of each codebook (m, codebooks),
    and the probabilities of all entries (m, codebooks, entries).
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


def contrastive_loss(
    predicted: Any, targets: Any, codes: Any, negatives: Any, *, temperature: float
) -> tuple[Any, float, float]:
    """Return the InfoNCE of predictions and codes, its accuracy, and that by chance; see `Loss`.

    The loss is the mean of -log of the share of exp(cosine / temperature) that a frame's own code
    has among it and its negatives; negatives with the frame's own code are left out.

    predicted, targets: (m, dim). codes: (m, codebooks). negatives: (m, k) rows among the m.
    """
    from torch.nn import functional

    directions = [functional.normalize(x, dim=-1) for x in (predicted, targets)]
    scores = directions[0] @ directions[1].T / temperature  # (m, m)
    same = (codes[negatives] == codes[:, None]).all(-1)  # (m, k)
    logits = _logits(scores, negatives, same)
    loss = functional.cross_entropy(logits, codes.new_zeros(len(codes)))
    real = ~same.all(1)
    if not real.any():
        return loss, 0.0, 1.0
    shifted = _logits(scores.detach().roll(len(scores) // 2, 0), negatives, same)
    accuracy, chance = (
        float((x[real].argmax(1) == 0).float().mean()) for x in (logits.detach(), shifted)
    )
    return loss, accuracy, chance


def _logits(scores: Any, negatives: Any, same: Any) -> Any:
    """Return (m, 1 + k): the score of each frame's own code, and those of its negatives."""
    import torch

    others = scores.gather(1, negatives).masked_fill(same, -torch.inf)  # (m, k)
    return torch.cat([scores.diagonal()[:, None], others], 1)


def diversity_loss(shares: Any) -> Any:
    """Return 1 - perplexities / entries, the unused share of the codebooks.

    shares: (m, codebooks, entries), rows adding up to 1. A perplexity is exp(entropy) of the mean
    over frames.
    """
    import torch

    mean = shares.mean(0)  # (codebooks, entries)
    perplexities = torch.exp(-(mean * torch.log(mean + _EPSILON)).sum(-1))
    return 1 - perplexities.sum() / mean.numel()
