"""One thread for small products.

BLAS libraries split even a product of milliseconds over all cores and let the threads busy-wait for
each other. A memory-bound product gains nothing, and loses where other processes are busy: a search
of 10 ms took 300 while another process held one of two cores.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any, cast


def one_thread() -> AbstractContextManager[Any]:
    """Return a context in which NumPy's products run on the calling thread alone."""
    return cast(AbstractContextManager[Any], _controller().limit(limits=1, user_api="blas"))


@cache
def _controller() -> Any:
    import numpy  # noqa: F401  # loads the libraries that the controller looks for
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
