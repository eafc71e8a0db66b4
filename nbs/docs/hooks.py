"""What MkDocs calls while it builds the site (`mkdocs.yml`): notebooks, parameters and commands become its pages."""

import re
from pathlib import Path
from posixpath import dirname, join
from typing import Any

import click
import nbformat

from unet_nb.config.cells import params_table
from unet_nb.config.groups import GROUPS, own_params
from unet_nb.config.values import ALIASES


def with_formulas(text: str) -> str:
    "Markdown with its TeX between dollar signs as MathML."
    from latex2mathml.converter import convert  # of the extra docs

    text = re.sub(r"\$\$([^$]+)\$\$", lambda m: convert(m[1], display="block"), text)
    return re.sub(r"\$([^$\n]+)\$", lambda m: convert(m[1]), text)


def shown_cells(cells: list) -> list:
    "The cells of a notebook that a reader should see, without nbdev's directives."
    shown = []
    for cell in cells:
        lines = cell.source.splitlines()
        if any(re.match(r"#\|\s*hide\s*$", line) for line in lines):
            continue
        if cell.cell_type == "code":
            cell.source = "\n".join(line for line in lines if not line.startswith("#|")).strip("\n")
        elif "$" in cell.source:
            cell.source = with_formulas(cell.source)
        if cell.source:
            shown.append(cell)
    return shown


def notebook_page(path: str | Path) -> tuple[str, dict[str, bytes]]:
    "A notebook with its stored outputs as Markdown, and the pictures in it by file name."
    from nbconvert import MarkdownExporter  # takes a second to import

    notebook = nbformat.read(path, as_version=4)
    notebook.cells = shown_cells(notebook.cells)
    notebook.metadata["language_info"] = {"name": "python"}  # nbdev_clean drops it; it colours the code
    text, resources = MarkdownExporter().from_notebook_node(notebook, {"unique_key": Path(path).stem})
    text = re.sub(r"<style scoped>.*?</style>", "", text, flags=re.DOTALL)  # tables look as the site's do
    return text.replace("![png](", "![output]("), resources["outputs"]


def parameters_page() -> str:
    "Every parameter with type, default, help and the jobs that take it as Markdown."
    rows = {name: row for name, *row in params_table()}

    def cell(text):  # a|b|c, choices: a, b, c
        return re.sub(r"(?<! )\|(?! )", ", ", text).replace("|", "\\|").replace("<", "&lt;")

    parts = [
        "# Parameters",
        "In a recipe (`name: value`), as `-p name value` of a command, or in the first code cell of a run notebook, "
        "which lists those of its job; `unet_nb params` lists them too. A parameter of another job is accepted and "
        "left out, and the log of the run names it; a name that does not exist is an error that names the nearest "
        "one that does. Jobs in brackets take a parameter that their notebook does not list: what a checkpoint or an "
        "exported file knows itself, and what is seldom set.",
    ]
    heads = ["parameter", "type", "default", "meaning", "jobs"]
    for group in GROUPS:
        lines = [
            f"| `{name}` | {cell(kind)} | `{cell(_shortened(default))}` | {cell(help)} | {', '.join(jobs)} |"
            for name, (kind, default, help, jobs) in ((name, rows[name]) for name in own_params(group))
        ]
        table = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *lines]
        parts += [f"## {group.heading}: {group.__doc__[0].lower()}{group.__doc__[1:].rstrip('.')}", "\n".join(table)]
    names = [f"| `{alias}` | `{name}` |" for alias, name in ALIASES.items()]
    parts += ["## Second names of the zoo", "\n".join(["| name | parameter |", "|---|---|", *names])]
    return "\n\n".join(parts) + "\n"


def _shortened(text: str, length: int = 60) -> str:
    return text if len(text) <= length else text[:length] + "…"


def commands_page(cli: click.Group, program: str) -> str:
    "The help of each command of `program`, whose commands are in `cli`, as Markdown."
    parts = [
        "# Commands",
        "Errors end in a sentence on stderr and exit code 1, wrong usage in exit code 2, Ctrl-C in 130.",
    ]
    for name, command in cli.commands.items():
        context = click.Context(command, info_name=f"{program} {name}", max_content_width=100, terminal_width=100)
        parts += [f"## {program} {name}", f"```text\n{command.get_help(context)}\n```"]
    return "\n\n".join(parts) + "\n"


ROOMS = (
    "core config metrics data models runs figures runtime inference training exporting studies interactive cli"
).split()


def contents(nbs: Path) -> list[dict[str, Any]]:
    """The part of the list of contents that is made.

    Notebooks to explore and to run, parameters, commands, and the rooms, from the ground up.
    """

    def pages(pattern):
        return [p.relative_to(nbs).with_suffix(".md").as_posix() for p in sorted(nbs.glob(pattern))]

    rooms = [{room: pages(f"{room}/*.ipynb")} for room in ROOMS if pages(f"{room}/*.ipynb")]
    notebooks = [
        {title: pages(pattern)}
        for title, pattern in (("Notebooks to explore", "explore/*.ipynb"), ("Notebooks to run", "run/*.ipynb"))
        if pages(pattern)
    ]
    return [*notebooks, {"Reference": ["docs/parameters.md", "docs/commands.md", *rooms]}]


def on_config(config: Any) -> Any:
    "MkDocs: complete the list of contents."
    config.nav = config.nav + contents(Path(config.docs_dir))
    return config


def on_files(files: Any, config: Any) -> Any:
    "MkDocs: put pages in the place of notebooks, and add those of parameters and commands."
    from mkdocs.structure.files import File

    from unet_nb.cli.command import cli

    made = {"docs/parameters.md": parameters_page(), "docs/commands.md": commands_page(cli, "unet_nb")}
    for file in [f for f in files if f.src_uri.endswith(".ipynb")]:
        files.remove(file)
        text, pictures = notebook_page(file.abs_src_path)
        made[file.src_uri.removesuffix(".ipynb") + ".md"] = text
        made |= {join(dirname(file.src_uri), name): data for name, data in pictures.items()}
    for uri, content in made.items():
        files.append(File.generated(config, uri, content=content))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    "MkDocs: a link to a notebook is one to its page."
    return re.sub(r"\]\(((?!https?:)[^)\s]+)\.ipynb", r"](\1.md", markdown)
