"""The state of a run of `torch_loop`, from which a killed run resumes exactly.

<checkpoint>/checkpoint-<n>/state.safetensors      weights and the optimiser's moments after step n
<checkpoint>/checkpoint-<n>/trainer_state.json     what was measured until then; makes it valid

Tensors are stored as on a CPU, and loaded to the modules' device. Nothing is pickled. The previous
state is deleted when the new one is complete.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sememe._atomic import write_atomically
from sememe._persistence import damage_error
from sememe.train.base.run_folder import whole_states

_TENSORS, _DOCUMENT = "state.safetensors", "trainer_state.json"


def keep_state(
    folder: Path, step: int, modules: Mapping[str, Any], optimiser: Any, document: Mapping[str, Any]
) -> None:
    """Store the modules' weights and the optimiser's moments after a step."""
    from safetensors.torch import save

    states = {name: module.state_dict() for name, module in modules.items()}
    states |= {f"optimiser.{i}": x for i, x in optimiser.state_dict()["state"].items()}
    tensors = {
        f"{name}.{key}": value.cpu().contiguous()
        for name, state in states.items()
        for key, value in state.items()
    }
    fresh = folder / f"checkpoint-{step}"
    before = [state for state in whole_states(folder) if state != fresh]
    fresh.mkdir(parents=True, exist_ok=True)
    with write_atomically(fresh / _TENSORS) as file:
        file.write(save(tensors))
    with write_atomically(fresh / _DOCUMENT) as file:
        file.write(json.dumps({"step": step, **document}).encode())
    for state in before:
        shutil.rmtree(state, ignore_errors=True)


def take_state(folder: Path, modules: Mapping[str, Any], optimiser: Any) -> dict[str, Any]:
    """Fill modules and optimiser from the last complete state; return its document, or {}.

    Raises:
        CorruptFileError: The state is damaged, or of another network.
    """
    from safetensors.torch import load

    states = whole_states(folder)
    if not states:
        return {}
    try:
        tensors = load((states[-1] / _TENSORS).read_bytes())
        for name, module in modules.items():
            module.load_state_dict(_select(tensors, f"{name}."))
        moments = optimiser.state_dict()
        n = sum(len(group["params"]) for group in moments["param_groups"])
        stored = {i: _select(tensors, f"optimiser.{i}.") for i in range(n)}
        moments["state"] = {i: moment for i, moment in stored.items() if moment}
        optimiser.load_state_dict(moments)
        return dict(json.loads((states[-1] / _DOCUMENT).read_text(encoding="utf-8")))
    except Exception as error:  # of the disk, safetensors or torch: any
        why = " ".join(str(error).split())[:200]
        cure = "Delete it and give the same command again"
        raise damage_error(states[-1], why, cure=cure) from error


def _select(tensors: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
