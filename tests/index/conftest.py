"""Indexes: the default encoders are opened once."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _opened_once(default_encoders):
    """Share them."""
