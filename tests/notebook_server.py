"""Runs notebooks as `nbdev_test` does, but starts Python, MindSpore and the other libraries only once.

`python notebook_server.py JOBS NOTEBOOK...` imports the libraries and forks a process for each notebook, JOBS of them
at a time. So each notebook still has a process of its own: its working directory, environment, seeds, signal handlers,
figures and compiled graphs are nobody else's. Forking is safe because nothing has been computed yet: MindSpore starts
its threads with its first operation. A JSON line says what became of a notebook.
"""

import contextlib
import importlib
import json
import os
import pkgutil
import signal
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = (
    "mindspore nbdev.test matplotlib.pyplot matplotlib_inline.backend_inline pandas cv2 scipy.ndimage scipy.optimize "
    "skimage.measure tifffile onnx ipywidgets"
).split()


def load() -> None:
    "Everything that takes long to import: the libraries, and the kit's modules."
    sys.path.insert(0, str(ROOT))
    for name in ["unet_nb", *LIBRARIES]:
        importlib.import_module(name)
    for module in pkgutil.walk_packages([str(ROOT / "unet_nb")], "unet_nb.", onerror=lambda name: None):
        with contextlib.suppress(Exception):  # the notebooks that import it will say what is wrong
            importlib.import_module(module.name)


def run(notebook: Path) -> bool:
    from nbdev.config import get_config
    from nbdev.test import test_nb

    done, _ = test_nb(notebook, skip_flags=get_config().tst_flags.split(), basepath=ROOT)
    return done


def start(notebook: Path, output: int) -> int:
    "The number of a process that runs the notebook; what it says goes to the open file `output`."
    pid = os.fork()
    if pid:
        return pid
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have left it ignored
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(ROOT / "nbs")
    done = False
    try:
        done = run(notebook)
    finally:  # no handler of the parent's runs at the end of a child
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(not done)


def main(jobs: int, names: list[str]) -> None:
    os.chdir(ROOT)
    load()
    waiting, running = list(names), {}

    def stop(*_) -> None:
        for pid in running:
            os.kill(pid, signal.SIGKILL)
        os._exit(1)

    signal.signal(signal.SIGTERM, stop)
    while waiting or running:
        while waiting and len(running) < jobs:
            name, output = waiting.pop(0), tempfile.TemporaryFile()
            running[start(ROOT / "nbs" / name, output.fileno())] = name, output
        pid, status, usage = os.wait4(-1, 0)
        if pid not in running:  # left over by a notebook
            continue
        name, output = running.pop(pid)
        output.seek(0)
        said = output.read().decode(errors="replace")
        output.close()
        found = {"name": name, "exit_code": os.waitstatus_to_exitcode(status), "said": said}
        print(json.dumps(found | {"processor_seconds": usage.ru_utime + usage.ru_stime}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
