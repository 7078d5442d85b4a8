"""Two multilingual encoders as one: multilingual-e5-small and USE.

E5 finds the passage that answers a question; USE, trained to translate, puts sentences that say the
same together whatever their language. Each mends where the other is weak, and USE takes a
small part of E5's time. How their vectors become one: `sememe.models.e5.combination`.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from sememe._types import FloatArray, Modality
from sememe.encoders.base import BaseEncoder
from sememe.encoders.receipt import Encoded
from sememe.encoders.space import fingerprint_space
from sememe.encoders.text.encoder import TextEncoder
from sememe.encoders.text.sentence import SentenceEncoder, TokenVectors
from sememe.text.split import Span

if TYPE_CHECKING:
    from sememe.models.e5.combination import Combination, Role


class CombinedEncoder(BaseEncoder):
    """An encoder that combines the vectors of two.

    Attributes:
        first: Splits texts and counts tokens.
        second: The other.
    """

    modality: Modality = "text"
    usual_similarity = (0.2, 0.05)  # of questions to four collections: 0.17 to 0.28, 0.044 to 0.058

    def __init__(
        self,
        first: SentenceEncoder,
        second: TextEncoder,
        combination: Combination,
        *,
        name: str,
        role: Role = "text",
    ) -> None:
        """Take the two encoders, how they are combined, and the role of texts in the first."""
        parts = [first.space, second.space]
        space = fingerprint_space(v=1, parts=parts, combination=combination.digest)
        super().__init__(name=name, dim=combination.dim, space=space)
        self.first = first
        self.second = second
        self.window = first.window
        self._combination = combination
        self._role: Role = role

    def encode_with_receipt(
        self, items: Sequence[str], *, batch_size: int | None = None, show_progress: bool = False
    ) -> Encoded:
        """Encode, counting every token as the first reads them; see `encode`."""
        first = partial(self.first.encode_with_receipt, items, batch_size=batch_size)
        second = partial(self.second.encode, items, batch_size=batch_size)
        if len(items) == 1:  # a query, for which neither needs every core
            with ThreadPoolExecutor(1) as background:
                other = background.submit(second)
                done, others = first(show_progress=show_progress), other.result()
        else:
            done, others = first(show_progress=show_progress), second()
        return Encoded(self._combination.combine(done.vectors, others, self._role), done.receipt)

    def encode_query(
        self, items: Sequence[str], *, batch_size: int | None = None, show_progress: bool = False
    ) -> FloatArray:
        """Return (n, 512) float32, one unit row for each query."""
        encoder = self._with_role(self.first, "query")
        return encoder.encode(items, batch_size=batch_size, show_progress=show_progress)

    @property
    def documents(self) -> CombinedEncoder:
        """The encoder of what is searched."""
        return self._with_role(self.first.documents, "document")

    def _with_role(self, first: SentenceEncoder, role: Role) -> CombinedEncoder:
        how = self._combination
        return CombinedEncoder(first, self.second, how, name=self.name, role=role)

    def encode_tokens(
        self, texts: Sequence[str], *, layers: Sequence[int] | None = None
    ) -> list[TokenVectors]:
        """Return each text's tokens with their vectors in context; see `SentenceEncoder`."""
        return self.first.encode_tokens(texts, layers=layers)

    def split(
        self, items: Sequence[str], *, headings: Sequence[str] | None = None
    ) -> list[list[Span]]:
        """Split each text into passages, as the first encoder does."""
        return self.first.split(items, headings=headings)

    def release(self) -> None:
        """Free memory that only makes the next encode faster."""
        self.first.release()
        self.second.release()
