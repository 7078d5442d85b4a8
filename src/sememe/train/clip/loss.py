"""The symmetric InfoNCE loss of CLIP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass


def clip_loss(images: Any, texts: Any, scale: Any, right: Any) -> Any:
    """Return the symmetric InfoNCE of a batch, a scalar tensor.

    images, texts: (n, dim) unit rows; row i of both is a pair. scale: 1 / temperature. right:
    (n, n) bool, which texts are right for which image: the diagonal, and what is alike.

    With one right text for each, CLIP's loss: the mean of the cross-entropy over the texts and
    over the images. Where all rows are equal it is ln n.
    Reference: Radford et al. 2021, figure 3.
    """
    import torch.nn.functional as functional

    share = right.float() / right.sum(dim=1, keepdim=True)
    logits = scale * images @ texts.T
    over_texts = -(share * functional.log_softmax(logits, dim=1)).sum(dim=1).mean()
    share = right.T.float() / right.T.sum(dim=1, keepdim=True)
    over_images = -(share * functional.log_softmax(logits.T, dim=1)).sum(dim=1).mean()
    return (over_texts + over_images) / 2
