"""The loss of wav2vec 2.0: contrastive over masked frames, plus the diversity of the codebooks.

transformers computes the same over all frames; here only masked ones are quantised and compared,
which are all that count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_LEAST = 1e-7  # added to a share before its logarithm, whose gradient has no end at 0


@dataclass(frozen=True, slots=True)
class Loss:
    """What a batch costs, each a mean over masked frames.

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


def pretraining_loss(model: Any, outputs: Any, mask: Any, negatives: Any, *, sampled: bool) -> Loss:
    """Compute equations 3 and 4 of the paper over the masked frames of a batch.

    Args:
        model: A Wav2Vec2ForPreTraining.
        outputs: What its network made of a batch whose frames were masked.
        mask: (B, T) bool, m of them True.
        negatives: (m, k) rows among the m.
        sampled: Draw codes by the Gumbel softmax, which learns, not the likeliest.

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


def contrastive_loss(
    predicted: Any, targets: Any, codes: Any, negatives: Any, *, temperature: float
) -> tuple[Any, float, float]:
    """Return the InfoNCE of each frame's prediction and code, its accuracy, and that by chance.

    The loss is the mean of -log of the share of exp(cosine / temperature) that a frame's own code
    has among it and its negatives; a negative of the frame's own code counts nothing. See `Loss`.

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
    elsewhere = scores.detach().roll(len(scores) // 2, 0)
    guessed = _logits(elsewhere, negatives, same)
    accuracy, chance = (
        float((x[real].argmax(1) == 0).float().mean()) for x in (logits.detach(), guessed)
    )
    return loss, accuracy, chance


def _logits(scores: Any, negatives: Any, same: Any) -> Any:
    """Return (m, 1 + k): the score of each frame's own code, and those of others' codes."""
    import torch

    apart = scores.gather(1, negatives).masked_fill(same, -torch.inf)  # (m, k)
    return torch.cat([scores.diagonal()[:, None], apart], 1)


def diversity_loss(shares: Any) -> Any:
    """Return the share of the codebooks' entries that is not used: 1 - perplexities / entries.

    shares: (m, codebooks, entries), rows adding up to 1. A perplexity is exp(entropy) of the mean
    over frames.
    """
    import torch

    mean = shares.mean(0)  # (codebooks, entries)
    perplexities = torch.exp(-(mean * torch.log(mean + _LEAST)).sum(-1))
    return 1 - perplexities.sum() / mean.numel()
