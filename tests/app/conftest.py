"""The command line in this process: the default encoder is opened once."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _default_encoder(one_default_encoder):
    """Share it."""
