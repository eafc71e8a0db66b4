"""Writes the parameter cells of the run notebooks, which say what `config` defines."""

import json
from pathlib import Path

from unet_nb.config.cells import parameters_cell

for path in sorted((Path(__file__).resolve().parent.parent / "nbs/run").glob("*.ipynb")):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if "parameters" in cell["metadata"].get("tags", []):
            cell["source"] = parameters_cell(path.stem).splitlines(keepends=True)
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
