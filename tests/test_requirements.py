"""What the package imports is declared in settings.ini, so that an installation has it without luck."""

import ast
import re
import sys
from configparser import ConfigParser
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def imported(file: Path) -> set[str]:
    "Top-level names of the modules outside the standard library and the package that `file` imports anywhere."
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module.split(".")[0])
    return names - sys.stdlib_module_names - {"unet_nb"}


def test_every_import_is_declared():
    settings = ConfigParser(delimiters=["="])
    settings.read(ROOT / "settings.ini", encoding="utf-8")
    lines = [
        value
        for key, value in settings["DEFAULT"].items()
        if key.endswith("requirements") and key != "dev_requirements"
    ]
    declared = {re.match(r"[\w.-]+", word)[0].lower() for word in " ".join(lines).split()}
    owners = packages_distributions()  # extras that are not installed here are not judged
    missing = {
        name: file.name
        for file in (ROOT / "unet_nb").rglob("*.py")
        for name in imported(file)
        if name in owners and not declared & {owner.lower() for owner in owners[name]}
    }
    assert not missing, f"imported, but not in settings.ini's requirements: {missing}"
