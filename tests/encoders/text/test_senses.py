"""One word in two meanings has two vectors; a static vector, the control, cannot tell them."""

from __future__ import annotations

import numpy as np

import sememe

MONEY = [
    "She opened an account at the bank last week.",
    "The bank raised its interest rates again.",
    "He deposited his salary in the bank on Friday.",
    "The bank approved our mortgage yesterday.",
]
RIVER = [
    "Willows grow along the muddy bank of the stream.",
    "He pulled the canoe up onto the bank.",
    "They fished from the opposite bank all morning.",
    "Reeds covered the bank where the ducks nest.",
]
SENSES = np.repeat([0, 1], 4)


def cosines(layers):
    encoder = sememe.load("all-minilm-l6-v2")
    found = encoder.encode_tokens([*MONEY, *RIVER], layers=layers)
    rows = np.stack([tokens.at("bank") for tokens in found])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows @ rows.T - 2 * np.eye(len(rows), dtype=np.float32)


def test_the_nearest_bank_has_the_same_meaning():
    assert (SENSES[cosines(None).argmax(axis=1)] == SENSES).all()


def test_the_word_alone_cannot_tell_its_meanings():
    """The embedding differs between sentences by the place of the word alone."""
    nearest = SENSES[cosines([0]).argmax(axis=1)]
    assert (nearest == SENSES).mean() < 0.8
