"""What the documentation's hooks make: pages from notebooks, parameters and commands, and the list of contents."""

import re
import sys
from pathlib import Path

import click
import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "nbs/docs"))

import hooks  # noqa: E402

from unet_nb.config.groups import all_params  # noqa: E402
from unet_nb.config.jobs import JOBS  # noqa: E402

DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


def test_a_notebook_as_a_page(tmp_path):
    outputs = [new_output("execute_result", {"text/plain": "1"}), new_output("display_data", {"image/png": DOT})]
    cells = [
        new_markdown_cell("# Toy\n$x^2$, see [groups](00_groups.ipynb)"),
        new_code_cell("#| default_exp toy"),
        new_code_cell("#| hide\nsecret = 1"),
        new_code_cell("#| export\nx = 1\nx", outputs=outputs),
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "05_toy.ipynb")
    text, pictures = hooks.notebook_page(tmp_path / "05_toy.ipynb")
    assert "<msup>" in text and "secret" not in text and "#|" not in text and "```python\nx = 1\nx\n```" in text
    assert list(pictures) == [re.search(r"!\[output\]\((.*)\)", text)[1]]


def test_every_parameter_has_one_row_with_its_jobs():
    page = hooks.parameters_page()
    assert [page.count(f"\n| `{name}` |") for name in all_params()] == [1] * len(all_params())
    for name, row in (
        (name, next(line for line in page.splitlines() if f"| `{name}` |" in line)) for name in all_params()
    ):
        jobs = row.split("|")[-2].strip().split(", ")
        assert {job.strip("()") for job in jobs} == {job for job, cfg in JOBS.items() if name in cfg.model_fields}, row
        assert not jobs[0].startswith("("), f"{name} is in no notebook's cell"


def test_the_help_of_a_command():
    @click.group()
    def toy():
        pass

    @toy.command()
    @click.option("--deep", is_flag=True, help="Look closer.")
    def look(deep):
        "Look at a thing."

    page = hooks.commands_page(toy, "kit")
    assert "## kit look" in page and "Usage: kit look [OPTIONS]" in page and "Look closer." in page


def test_contents_and_links():
    markdown = "[a](../runs/00_folder.ipynb#a-run), [b](https://x.org/b.ipynb)"
    assert hooks.on_page_markdown(markdown) == "[a](../runs/00_folder.md#a-run), [b](https://x.org/b.ipynb)"
    made = hooks.contents(ROOT / "nbs")
    pages = [page for room in made[-1]["Reference"][2:] for page in next(iter(room.values()))]
    rooms = [p for p in (ROOT / "nbs").glob("*/[0-9]*.ipynb") if p.parent.name not in ("explore", "run", "docs")]
    assert pages[0] == "core/00_errors.md" and len(pages) == len(rooms)
