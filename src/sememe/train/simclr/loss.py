"""SimCLR's loss."""

from __future__ import annotations

from typing import Any


def nt_xent(z1: Any, z2: Any, *, temperature: float) -> Any:
    """Pull two views of each image together and push the rest of the batch apart.

    For the views i and j of one image, with sim the cosine and t the temperature:

        l(i, j) = -log( exp(sim(i, j) / t) / sum over k != i of exp(sim(i, k) / t) )

    and the loss, a scalar, is the mean of l over all 2n views, each with its own other view.

    z1, z2: (n, dim) projections of both views; row i of each is the same image.

    Expects no image twice in a batch. Relations: InfoNCE with 2n - 2 negatives.
    Reference: Chen et al. 2020, equation 1 (arXiv:2002.05709). Equal projections give ln(2n - 1).
    """
    import torch
    from torch.nn.functional import cross_entropy, normalize

    n = len(z1)
    z = normalize(torch.cat([z1, z2]).float(), dim=1)
    logits = (z @ z.T / temperature).fill_diagonal_(float("-inf"))
    other = torch.arange(2 * n, device=z.device).roll(n)
    return cross_entropy(logits, other)
