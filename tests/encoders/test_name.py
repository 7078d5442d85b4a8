"""Names of models: what each part of one means, and folders whose own names hold colons."""

from __future__ import annotations

import pytest

from sememe import UnknownNameError
from sememe.encoders.name import ModelName, locate_folder

NAMES = [  # name, source, suffix, form, value
    ("use-multilingual-v3", "use-multilingual-v3", "", None, None),
    ("all-minilm-l6-v2:int8", "all-minilm-l6-v2", ":int8", "precision", "int8"),
    ("multilingual-e5-small:float32", "multilingual-e5-small", ":float32", "precision", "float32"),
    ("glove-6b-50d:mean", "glove-6b-50d", ":mean", "pooling", "mean"),
    ("vectors.txt:sif", "vectors.txt", ":sif", "pooling", "sif"),
    ("hf:org/name", "hf:org/name", "", None, None),
    ("hf:org/name@v1.2:image", "hf:org/name@v1.2", ":image", "part", "image"),
    ("hf:org/name:text", "hf:org/name", ":text", "part", "text"),
    ("clap:audio", "clap", ":audio", "part", "audio"),
    ("hf:org/name:layer6", "hf:org/name", ":layer6", "layer", 6),
    ("speech:layer0", "speech", ":layer0", "layer", 0),
    ("efficientnet-lite0:conse", "efficientnet-lite0", ":conse", "conse", ""),
    ("net:conse:hf:a/b:int8", "net", ":conse:hf:a/b:int8", "conse", "hf:a/b:int8"),
    ("net:conse:C:\\x", "net", ":conse:C:\\x", "conse", "C:\\x"),
    ("C:\\models\\clip", "C:\\models\\clip", "", None, None),
    ("C:\\models\\clip:image", "C:\\models\\clip", ":image", "part", "image"),
    ("a:b:c", "a:b:c", "", None, None),
    ("a:text:b", "a:text:b", "", None, None),
    ("x:textual", "x:textual", "", None, None),
    ("x:consequence", "x:consequence", "", None, None),
    ("x:layer", "x:layer", "", None, None),
    ("x:layer-1", "x:layer-1", "", None, None),
    (":image", ":image", "", None, None),
    (":conse", ":conse", "", None, None),
    ("", "", "", None, None),
    ("a\nb:int8", "a\nb", ":int8", "precision", "int8"),
]


@pytest.mark.parametrize(("name", "source", "suffix", "form", "value"), NAMES)
def test_a_name_is_split_and_put_together(name, source, suffix, form, value):
    parsed = ModelName.parse(name)
    assert (parsed.source, parsed.suffix, parsed.form) == (source, suffix, form)
    forms = {
        "precision": parsed.precision, "pooling": parsed.pooling, "part": parsed.part,
        "layer": parsed.layer, "conse": parsed.conse,
    }  # fmt: skip
    assert {name: got for name, got in forms.items() if got is not None} == (
        {} if form is None else {form: value}
    )
    assert str(parsed) == name


def test_the_hub_and_its_revisions():
    assert ModelName.parse("hf:org/name@v1:image").revision == "v1"
    assert ModelName.parse("hf:org/name").revision is None
    assert ModelName.parse("folder@v1").revision is None
    assert [ModelName.parse(name).is_hub for name in ("hf:org/name", "hf")] == [True, False]


def test_a_path_that_exists_is_a_source_as_a_whole(tmp_path):
    for name in ("a:text", "b:int8", "c:conse", "d:layer3"):
        (tmp_path / name).mkdir()
        parsed = ModelName.parse(str(tmp_path / name))
        assert (parsed.source, parsed.form) == (str(tmp_path / name), None)
        again = ModelName.parse(f"{tmp_path / name}:image")
        assert (again.source, again.part) == (str(tmp_path / name), "image")


def test_the_canonical_name_leads_there_from_everywhere(tmp_path, monkeypatch):
    (tmp_path / "net").mkdir()
    monkeypatch.chdir(tmp_path)
    same = ["use-multilingual-v3", "hf:org/name@v1:image", "toy:letters", "nowhere:text"]
    assert [str(ModelName.parse(name).canonical) for name in same] == same
    here = str(tmp_path.resolve() / "net")
    assert str(ModelName.parse("net:text").canonical) == f"{here}:text"
    assert str(ModelName.parse("./net/").canonical) == here
    assert str(ModelName.parse("net:conse:net:int8").canonical) == f"{here}:conse:{here}:int8"
    assert str(ModelName.parse("net").canonical.with_part("audio")) == f"{here}:audio"


@pytest.mark.parametrize("name", ["", "~no such user/model", "a\0b", "x" * 5000, __file__])
def test_what_is_no_folder_is_refused(name):
    with pytest.raises(UnknownNameError, match="is no folder; allowed: the folder of a cross-enc"):
        locate_folder(name, "cross-encoder")


def test_the_folder_of_a_user(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert locate_folder("~", "cross-encoder") == (tmp_path.resolve(), str(tmp_path.resolve()))
