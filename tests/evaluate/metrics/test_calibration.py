"""Calibration error: by hand, and of probabilities that are right by construction."""

from __future__ import annotations

import numpy as np
import pytest

from sememe.evaluate.metrics.calibration import calibration_error


def test_worked():
    """Bin 0.9: mean 0.9, all right, off by 0.1; bin 0.2: mean 0.2, half right, off by 0.3."""
    assert calibration_error([0.9, 0.9, 0.2, 0.2], [1, 1, 1, 0]) == pytest.approx(0.2)
    assert calibration_error([1.0, 0.0], [True, False]) == 0.0
    assert calibration_error([], []) == 0.0


def test_probabilities_that_hold_have_hardly_any_and_doubled_ones_have():
    rng = np.random.default_rng(0)
    given = rng.uniform(0, 0.5, 20_000)
    right = rng.uniform(size=20_000) < given
    assert calibration_error(given, right) < 0.01
    assert calibration_error(2 * given, right) > 0.2
