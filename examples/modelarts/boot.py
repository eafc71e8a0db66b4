"""What the three boot files share: the zoo's way to start a job, `--name=value`, as the kit's.

ModelArts starts one file and hands parameters over as `--name=value`; `config_path` names the YAML file, on this
machine or as an address (s3://, obs://). A name that the kit does not have is an error, but for those that ModelArts
adds itself.
"""

import os
import sys

from unet_nb.config.recipes import load_params
from unet_nb.core.paths import resolve_path
from unet_nb.core.storage import fetch
from unet_nb.studies.launch import launch

# ModelArts adds these to every job; `output` is how the zoo's own scripts abbreviate output_path.
ADDED = ("init_method", "num_gpus", "rank", "world_size")
SHORT = {"output": "output_path"}


def arguments(words: list[str]) -> tuple[list[str], dict[str, str]]:
    "Recipes and parameters of a command line of the zoo: `--name=value` or `--name value`."
    files, values, left = [], {}, list(words)
    while left:
        name, _, value = left.pop(0).removeprefix("--").partition("=")
        if not _ and left and not left[0].startswith("--"):
            value = left.pop(0)
        if name == "config_path":
            files.append(value)
        elif name not in ADDED:
            values[SHORT.get(name, name)] = value
    return files, values


def boot(job: str, words: list[str]) -> str:
    "Run `job` with the parameters of a command line of the zoo; returns the run folder."
    files, values = arguments(words)
    cfg = load_params(*files, job=job, **values)
    if cfg.enable_modelarts and cfg.train_url:  # what earlier jobs left there, as in the zoo
        try:
            print(fetch(cfg.train_url, resolve_path(cfg.output_path), cfg.storage_patience), flush=True)
        except FileNotFoundError:
            print(f"{cfg.train_url} is empty, this is the first job", flush=True)
    if "RANK_SIZE" in os.environ and int(os.environ["RANK_SIZE"]) > 1 and job == "train":
        from unet_nb.studies.distributed import form_cluster, launch_ranks

        table = os.environ.get("RANK_TABLE_FILE", "")
        return str(launch_ranks(job, files, form_cluster(int(os.environ["RANK_SIZE"]), [], None, table), **values).path)
    return str(launch(job, files, **values).path)


def main(job: str) -> None:
    try:
        print(boot(job, sys.argv[1:]))
    except (ValueError, OSError, RuntimeError) as e:
        sys.exit(f"{job}: {e}")
