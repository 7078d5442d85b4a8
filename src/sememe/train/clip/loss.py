"""The symmetric InfoNCE loss of CLIP."""

from __future__ import annotations

from typing import Any


def clip_loss(images: Any, texts: Any, scale: Any, right: Any) -> Any:
    """Return the symmetric InfoNCE of a batch, a scalar tensor.

    images, texts: (n, dim) unit rows; row i of both is a pair. scale: 1 / temperature. right:
    (n, n) bool, the texts that match each image: the diagonal, and duplicates.

    With one matching text each, CLIP's loss: the mean of the cross-entropy over the texts and over
    the images. Where all rows are equal it is ln n.
    Reference: Radford et al. 2021, figure 3.
    """
    from torch.nn.functional import log_softmax

    def cross_entropy(logits: Any, right: Any) -> Any:
        share = right.float() / right.sum(dim=1, keepdim=True)
        return -(share * log_softmax(logits, dim=1)).sum(dim=1).mean()

    logits = scale * images @ texts.T  # (n, n)
    return (cross_entropy(logits, right) + cross_entropy(logits.T, right.T)) / 2
