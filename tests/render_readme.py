"""README.md from nbs/index.ipynb: its Markdown as it is, pictures and pages found from the root of the clone."""

import re
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent


def render() -> str:
    cells = nbformat.read(ROOT / "nbs/index.ipynb", as_version=4).cells
    text = "\n\n".join(
        c.source if c.cell_type == "markdown" else f"```python\n{c.source}\n```"
        for c in cells
        if not c.source.startswith("#|")
    )
    return re.sub(r"\]\((?=(?:docs|explore|images)/)", "](nbs/", text) + "\n"


if __name__ == "__main__":
    (ROOT / "README.md").write_text(render(), encoding="utf-8")
    print("README.md written", file=sys.stderr)
