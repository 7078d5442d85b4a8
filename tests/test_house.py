"""The house itself: which way imports point, what import costs, what is public."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import sememe

SOURCE = Path(sememe.__file__).parent
LAYER = {
    "text": 1, "vectors": 1, "sources": 1, "space": 2, "search": 2, "bias": 2,
    "models": 3, "encoders": 4, "evaluate": 4, "train": 4, "recommend": 4,
    "index": 5, "tasks": 5, "scale": 5, "app": 6,
}  # fmt: skip
HEAVY = {
    "torch", "transformers", "onnx", "onnxruntime", "lance", "lancedb", "pyarrow", "sklearn",
    "sentencepiece", "tokenizers", "PIL", "kiwipiepy", "pypdf", "docx", "umap", "fastapi", "ray",
    "numba", "gensim", "safetensors", "huggingface_hub", "sentence_transformers",
    "datasets", "accelerate", "matplotlib",
    "torchvision", "timm",
}  # fmt: skip


def modules():
    return sorted(SOURCE.rglob("*.py"))


@cache
def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.fixture(autouse=True, scope="module")
def _forget_trees():
    """Keep what was parsed for the tests of this file alone."""
    yield
    parse.cache_clear()


def imports(path):
    """(module, line, whether it is run when the file is imported) of the file's imports."""
    tree = parse(path)
    at_once = {id(node) for node in tree.body}
    return [
        (name, node.lineno, id(node) in at_once)
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in names_of(node)
    ]


def names_of(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if node.module else []


def room(module):
    parts = module.split(".")
    return parts[1] if parts[0] == "sememe" and len(parts) > 1 else ""


def test_imports_point_down():
    bad = []
    for path in modules():
        parts = path.relative_to(SOURCE).parts
        own = LAYER.get(parts[0], 6 if parts[0] in ("__init__.py", "__main__.py") else 0)
        bad += [
            f"{path}:{line} imports {name}"
            for name, line, _ in imports(path)
            if LAYER.get(room(name), 0) > own
        ]
    assert bad == []


def test_heavy_packages_are_imported_where_they_are_used():
    bad = [
        f"{path}:{line} loads {name}"
        for path in modules()
        if path.relative_to(SOURCE).parts[0] != "train"
        for name, line, at_once in imports(path)
        if at_once and name.split(".")[0] in HEAVY
    ]
    assert bad == []


def graph():
    """Each file's module -> the modules of sememe it imports, wherever in the file it does.

    Imports inside functions and under TYPE_CHECKING count: a reader has to follow those too.
    """
    files = {name_of(path): path for path in modules()}
    edges = {name: set() for name in files}
    for name, path in files.items():
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.Import):
                edges[name] |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                full = [f"{node.module}.{alias.name}" for alias in node.names]
                edges[name] |= {one if one in files else node.module for one in full}
    edges["sememe"] = set()  # the lazy table of public names, which loads none of them
    return {name: (to & set(files)) - {name} for name, to in edges.items()}


def name_of(path):
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def circles(edges):
    """Strongly connected components of more than one module (Tarjan 1972)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in edges[node]:
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            part = [stack.pop()]
            while part[-1] != node:
                part.append(stack.pop())
            found.extend([sorted(part)] if len(part) > 1 else [])

    for node in edges:
        if node not in index:
            visit(node)
    return found


def test_no_files_import_each_other_in_a_circle():
    assert circles(graph()) == []


def test_a_circle_would_be_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []


def test_private_names_stay_in_their_file():
    taken = []
    for path in modules():
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sememe."):
                names = [one.name for one in node.names if re.match("_[^_]", one.name)]
                is_file = SOURCE.joinpath(*node.module.split(".")[1:]).with_suffix(".py").is_file()
                taken += [f"{path.name} takes {name} of {node.module}" for name in names if is_file]
    assert taken == []


ROOMS_OF_TWELVE = ("train", "models", "encoders", "app")


@pytest.mark.parametrize("room", ROOMS_OF_TWELVE)
def test_no_room_holds_more_than_twelve_files(room):
    for folder in [SOURCE / room, *(p for p in (SOURCE / room).rglob("*") if p.is_dir())]:
        files = [path.name for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(files) <= 12, folder


def test_the_tests_mirror_the_source():
    """`contracts` holds what every encoder and every index must pass."""
    tests = Path(__file__).parent
    rooms = {str(path.parent.relative_to(tests)) for path in tests.rglob("*.py")}
    assert sorted(room for room in rooms if not (SOURCE / room).is_dir()) == ["contracts", "messy"]


def test_functions_are_short():
    """The 95th percentile is at most 32 lines, and one in 200 is longer than 50."""
    lengths = sorted(
        node.end_lineno - node.lineno + 1
        for path in modules()
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    assert lengths[int(len(lengths) * 0.95)] <= 32
    assert sum(length > 50 for length in lengths) <= len(lengths) / 200


def test_every_room_has_a_layer_and_something_in_it():
    rooms = [path for path in SOURCE.iterdir() if (path / "__init__.py").exists()]
    assert {path.name for path in rooms} <= set(LAYER)
    assert all(len(list(path.rglob("*.py"))) > 1 for path in rooms)


def loaded_after(code):
    """Top-level packages in sys.modules after running code in a fresh interpreter."""
    script = (
        f"import sys\n{code}\nprint(' '.join(sorted({{m.split('.')[0] for m in sys.modules}})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_importing_sememe_loads_nothing_heavy():
    assert (
        loaded_after("import sememe; dir(sememe)") & (HEAVY | {"numpy", "rich", "typer"}) == set()
    )


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["evaluate", "--help"]])
def test_help_loads_nothing_heavy(arguments):
    code = "from sememe.app.cli import main\nimport contextlib, io\n"
    code += f"with contextlib.redirect_stdout(io.StringIO()): main({arguments})"
    assert loaded_after(code) & (HEAVY | {"numpy"}) == set()


def test_a_query_needs_no_torch_and_a_quick_one_no_graph_tools():
    quick = "import sememe; sememe.load('use-multilingual-v3').encode_one('고양이')"
    assert loaded_after(quick) & {"torch", "onnx", "onnxruntime", "transformers"} == set()
    code = "import sememe; sememe.load().encode_one('고양이')"
    assert loaded_after(code) & {"torch", "transformers", "tokenizers"} == set()


def test_encoding_leaves_nothing_in_the_users_home(tmp_path):
    """ONNX Runtime would leave a device id and a record of its use there."""
    code = "import sememe; sememe.load().encode([f'sentence number {i}' for i in range(60)])"
    home = {name: str(tmp_path) for name in ("HOME", "USERPROFILE", "XDG_CACHE_HOME")}
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, **home})
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_public_names_are_the_table():
    assert sorted(sememe.__all__) == sorted([*sememe._EXPORTS, "__version__"])
    assert dir(sememe) == sorted(sememe.__all__)
    for name in sememe.__all__:
        assert getattr(sememe, name) is not None
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = sememe.nothing_such


def test_type_checkers_see_the_same_names():
    block = next(
        node
        for node in ast.parse((SOURCE / "__init__.py").read_text()).body
        if isinstance(node, ast.If)
    )
    seen = {a.asname: n.module for n in block.body for a in n.names}
    assert seen == sememe._EXPORTS


def test_every_public_name_is_documented():
    silent = [
        name
        for name in sememe._EXPORTS
        if name not in ("CATALOG",) and not (getattr(sememe, name).__doc__ or "").strip()
    ]
    assert silent == []


def test_every_error_is_also_a_builtin():
    errors = [v for n, v in vars(sememe._errors).items() if n.endswith("Error")]
    errors = [e for e in errors if isinstance(e, type)]
    assert len(errors) > 10
    for error in errors:
        assert issubclass(error, sememe.SememeError)
        builtins = [b for b in error.__mro__ if b.__module__ == "builtins"]
        if error is not sememe.SememeError:
            assert builtins[0] is not Exception


def test_nothing_is_pickled_printed_or_asserted_on_users():
    for path in modules():
        text = path.read_text(encoding="utf-8")
        if path.name != "torch_pickle.py":  # whose unpickler admits tensors alone: tests/models
            assert "import pickle" not in text
        asserts = [n.lineno for n in ast.walk(parse(path)) if isinstance(n, ast.Assert)]
        assert asserts == [], path


def test_encoders_are_used_by_what_their_base_declares():
    """`as_encoder` completes an encoder once; after it, nothing is looked up by name."""
    from sememe.encoders.base import BaseEncoder

    declared = {name for name in vars(BaseEncoder) if not name.startswith("_")} - {
        "name",
        "release",
    }
    assert {"encode_query", "encode_with_receipt", "split", "scale"} <= declared
    bad = []
    for path in modules():
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in (
                "getattr",
                "hasattr",
            ):
                owner, name = map(ast.unparse, node.args[:2])
                if "encoder" in owner.lower() or name.strip("'\"") in declared:
                    bad.append(f"{path.relative_to(SOURCE)}:{node.lineno} {ast.unparse(node)}")
    assert {line.split(":")[0] for line in bad} == {"encoders/base.py"}, bad
