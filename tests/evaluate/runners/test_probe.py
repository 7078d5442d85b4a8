"""The task "probe": what pictures' vectors are worth, with a control and with pictures left out."""

from __future__ import annotations

import pytest

import sememe
from sememe import InvalidInputError
from sememe.app.cli import main
from sememe.evaluate import run_task
from tests.train.classify.image_encoders import coloured, quarters

FAST = {"resamples": 20}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    place = tmp_path_factory.mktemp("probe")
    folders = [coloured(place / "train", 15), coloured(place / "test", 10, seed=1)]
    return str(quarters(place / "encoder")), folders


def test_colours_are_told_and_shuffled_labels_are_not(made):
    name, folders = made
    found = run_task("probe", sememe.load(name), folders, **FAST)
    assert (found.task, found.n, found.covered) == ("probe", 30, 1.0)
    assert found.metrics == {"linear_probe": 1.0, "kernel_probe": 1.0, "neighbours": 1.0}
    assert found.intervals["linear_probe"] == (1.0, 1.0)
    assert max(found.control.values()) < 0.7


def test_what_cannot_be_asked_about_lowers_what_is_covered(made, tmp_path):
    name, (train, _) = made
    test = coloured(tmp_path / "test", 3, seed=2)
    (test / "red" / "broken.png").write_bytes(b"nothing")
    (test / "violet").mkdir()
    (test / "red" / "000.png").rename(test / "violet" / "000.png")
    found = run_task("probe", sememe.load(name), [train, test], **FAST)
    assert (found.n, found.covered) == (10, 0.8)
    assert found.metrics["linear_probe"] == 1.0


def test_other_systems_and_data_are_refused(made, random_encoder):
    name, folders = made
    with pytest.raises(InvalidInputError, match="an image encoder"):
        run_task("probe", random_encoder, folders)
    with pytest.raises(InvalidInputError, match="two folders"):
        run_task("probe", sememe.load(name), folders[0])
    with pytest.raises(InvalidInputError, match="a text encoder"):
        run_task("sts", sememe.load(name), folders[0])


def test_the_command_shows_them(made, capsys):
    name, folders = made
    assert main(["evaluate", "probe", name, *map(str, folders)]) == 0
    said = capsys.readouterr().out
    assert "linear_probe" in said and "neighbours" in said
