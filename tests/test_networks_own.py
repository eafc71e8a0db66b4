"""Each network owns its geometry: nobody else asks which network it is."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from unet_nb.config.geometry import NETWORKS

ROOT = Path(__file__).resolve().parent.parent
# Who writes a network down: its geometry, its cells, its ONNX graph is found by type, its twin in PyTorch.
OWNERS = {"config/geometry.py", "models/registry.py", "studies/torch_peer.py"}
MODULES = [p for p in sorted((ROOT / "unet_nb").rglob("*.py")) if p.name != "_modidx.py"]
NAMES = set(NETWORKS) | {"model_name"}


def names_in(node: ast.AST) -> set[str]:
    "Names of networks, and `model_name` as attribute, key or variable, inside a piece of code."
    found = {getattr(node, "attr", None), getattr(node, "id", None)}
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        found.add(node.value)
    # a function that is given the name, such as network_arguments, answers for all networks
    parts = [node.func] if isinstance(node, ast.Call) else ast.iter_child_nodes(node)
    return found & NAMES | {name for part in parts for name in names_in(part)}


def questions(tree: ast.AST) -> list[int]:
    "Lines where code asks which network it is: comparisons, match, and dictionaries by name."
    lines = []
    for node in ast.walk(tree):
        asked = isinstance(node, (ast.Compare, ast.Match)) and names_in(node)
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("startswith", "endswith"):
            asked = names_in(node.func)
        keys = [k for k in node.keys if isinstance(k, ast.Constant)] if isinstance(node, ast.Dict) else []
        if asked or any(key.value in set(NETWORKS) for key in keys):
            lines.append(node.lineno)
    return lines


@pytest.mark.parametrize(
    "code, asks",
    [
        ("if cfg.model_name == 'x': pass", True),
        ("a = 1 if name in ('unet_fast', 'unet_simple') else 2", True),
        ("match cfg.model_name:\n    case 'a': pass", True),
        ("depth = {'unet_fast': 2}[name]", True),
        ("if d['model_name'] != n: pass", True),
        ("if cfg.model_name.lower() == 'x': pass", True),
        ("if cfg.model_name.startswith('unet'): pass", True),
        ("if 'use_bn' in network_arguments(cfg.model_name): pass", False),
        ("net = create_model(cfg.model_name)", False),
        ("names = ('model_name', 'depth')", False),
    ],
)
def test_the_check_sees(code, asks):
    assert bool(questions(ast.parse(code))) == asks


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(ROOT / "unet_nb").as_posix())
def test_nobody_asks_for_the_name(path):
    if path.relative_to(ROOT / "unet_nb").as_posix() not in OWNERS:
        assert questions(ast.parse(path.read_text(encoding="utf-8"))) == []


def test_names_geometry_and_tiles_need_no_mindspore():
    "Nor does the tiling, or the predictor of exported files, need pydantic."
    code = """
import sys
from unet_nb.config.geometry import NETWORKS
from unet_nb.inference import predictor, tiling
assert not {'mindspore', 'pydantic'} & set(sys.modules)
from unet_nb.config.jobs import TrainConfig
for name in NETWORKS: print(name, NETWORKS[name]().rule.demand)
try: TrainConfig(model_name='unet_fats')
except ValueError as e: print(e)
assert 'mindspore' not in sys.modules
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "did you mean 'unet_fast'?" in out and all(name in out for name in NETWORKS)
