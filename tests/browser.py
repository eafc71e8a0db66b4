"""The explore notebooks in a real JupyterLab in a real browser, which no other test can stand for.

    apt-get install chromium chromium-driver        # Debian; other systems: Chrome or Chromium and its chromedriver
    .venv/bin/pip install selenium
    .venv/bin/python tests/browser.py               # all notebooks; or some: tests/browser.py 01_data 04_training
    .venv/bin/python tests/browser.py --pictures shots

JupyterLab is started on a free port, on a copy of the notebooks in a temporary folder. Each notebook is run from top to
bottom; sliders are moved, choices made and pictures clicked, and the picture on the screen must change; a training is
interrupted and goes on. A line is printed for each check, the exit code is 1 if one fails. It takes some minutes, most
of them training.
"""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 600  # seconds for whatever a loaded machine may be slow with
FAILED = []


def check(name: str, right: bool, detail: str = "") -> None:
    print(f"{'ok   ' if right else 'FAIL '} {name} {detail}", flush=True)
    if not right:
        FAILED.append(name)


def wait(what: str, condition, patience: float = PATIENCE):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        try:
            found = condition()
        except Exception:
            found = None  # the page is being rebuilt
        if found:
            return found
        time.sleep(0.3)
    raise TimeoutError(f"waited {patience:.0f} s for {what}")


class Lab:
    "A JupyterLab on a copy of the explore notebooks, and a browser that looks at it."

    def __init__(self, folder: Path, pictures: Path | None):
        self.folder, self.pictures = folder, pictures
        shutil.copytree(
            ROOT / "nbs/explore", folder / "nbs/explore", ignore=shutil.ignore_patterns(".ipynb_checkpoints")
        )
        (folder / "settings.ini").touch()  # relative paths start here, as in a clone
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [
            "lab",
            "--no-browser",
            "--allow-root",
            "--expose-app-in-browser",
            f"--port={self.port}",
            "--ServerApp.port_retries=0",
            "--IdentityProvider.token=",
            f"--ServerApp.root_dir={folder}",
        ]
        self.log = open(folder / "lab.log", "w")
        quiet = {
            "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        }
        for plugin, values in json.loads(
            re.search(r"echo '({.*})'", (ROOT / "Makefile").read_text())[1]
        ).items():  # those of `make lab`
            file = folder / "settings" / f"{plugin.replace(':', '/')}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values))
        self.server = subprocess.Popen(
            [Path(sys.executable).with_name("jupyter"), *command],
            stdout=self.log,
            stderr=self.log,
            env={**os.environ, **quiet},
        )
        wait(
            "JupyterLab", lambda: urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/status").status == 200, 120
        )
        options = webdriver.ChromeOptions()
        for flag in (
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--window-size=1280,1000",
            "--hide-scrollbars",
        ):
            options.add_argument(flag)
        self.browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        self.browser.set_script_timeout(PATIENCE)

    def close(self) -> None:
        self.browser.quit()
        self.server.terminate()
        try:
            self.server.wait(120)
        except subprocess.TimeoutExpired:
            self.server.kill()
        self.log.close()

    def js(self, code: str, *args):
        return self.browser.execute_script(code, *args)

    def command(self, name: str) -> None:
        self.js("window.jupyterapp.commands.execute(arguments[0])", name)

    def open(self, name: str) -> None:
        "Open a notebook and wait for its kernel."
        self.browser.get(f"http://127.0.0.1:{self.port}/lab/tree/nbs/explore/{name}.ipynb?reset")
        wait(
            f"{name} to open",
            lambda: self.js(
                "return window.jupyterapp.shell.currentWidget.context.isReady"
                " && document.querySelectorAll('.jp-Notebook .jp-Cell').length"
            ),
        )
        wait("the kernel", lambda: self.status() == "idle")
        self.js("window.jupyterapp.commands.execute('application:toggle-left-area')")
        self.name = name

    def press(self, command: str) -> None:
        "Click a button of the notebook's toolbar."
        self.browser.find_element(
            By.CSS_SELECTOR,
            f".jp-NotebookPanel-toolbar [data-command='{command}'], .jp-Toolbar [data-command='{command}']",
        ).click()

    def status(self) -> str:
        return self.js("return window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status")

    def cells(self) -> list[dict]:
        return self.js("return window.jupyterapp.shell.currentWidget.content.model.sharedModel.toJSON().cells")

    def run_all(self, patience: float = PATIENCE) -> None:
        "Run all cells and wait until each code cell has a number and the kernel rests."
        self.command("notebook:run-all-cells")
        wait(
            f"{self.name} to run",
            lambda: (
                self.status() == "idle" and all(c["execution_count"] for c in self.cells() if c["cell_type"] == "code")
            ),
            patience,
        )

    def errors(self) -> list[str]:
        return [o["evalue"] for c in self.cells() for o in c.get("outputs", []) if o["output_type"] == "error"]

    def output(self, i: int):
        "The output area of code cell `i` (negative from the end), scrolled to."
        index = [k for k, c in enumerate(self.cells()) if c["cell_type"] == "code"][i]
        self.js(
            "const n = window.jupyterapp.shell.currentWidget.content;"
            " n.activeCellIndex = arguments[0]; n.scrollToItem(arguments[0], 'start')",
            index,
        )
        area = wait(
            f"cell {i} on the screen",
            lambda: self.js(
                "const c = window.jupyterapp.shell.currentWidget.content.widgets[arguments[0]];"
                " return c.isAttached && c.node.querySelector('.jp-Cell-outputArea')",
                index,
            ),
            30,
        )
        time.sleep(0.5)
        return area

    def shoot(self, name: str) -> None:
        if self.pictures:
            self.browser.save_screenshot(str(self.pictures / f"{self.name}_{name}.png"))

    def picture(self, area):
        return area.find_element(By.CSS_SELECTOR, "img.widget-image, .widget-image img, img")

    def changes(self, what: str, area, act) -> None:
        "Do something in an output area; its picture must be another one afterwards."
        before = self.pixels(area)
        act()
        try:
            wait(what, lambda: self.pixels(area) != before, 60)
            right = True
        except TimeoutError:
            right = False
        check(f"{self.name}: {what} changes the picture", right)

    def pixels(self, area) -> str:
        "What the picture of an output area shows, drawn anew and read back."
        return self.js(
            """const i = arguments[0]; if (!i.complete || !i.naturalWidth) return null;
            const c = document.createElement('canvas'); c.width = i.naturalWidth; c.height = i.naturalHeight;
            const x = c.getContext('2d'); x.drawImage(i, 0, 0); return c.toDataURL()""",
            self.picture(area),
        )

    def slide(self, area, number: int, keys: str = Keys.ARROW_RIGHT * 3) -> None:
        handle = area.find_elements(By.CSS_SELECTOR, ".noUi-handle")[number]
        handle.send_keys(keys)

    def choose(self, area, text: str) -> None:
        Select(area.find_element(By.CSS_SELECTOR, ".widget-dropdown select")).select_by_visible_text(text)

    def click(self, area, across: float, down: float) -> None:
        image = self.picture(area)
        ActionChains(self.browser).move_to_element_with_offset(
            image, int((across - 0.5) * image.size["width"]), int((down - 0.5) * image.size["height"])
        ).click().perform()


def sound(lab: Lab) -> None:
    "No cell has failed and no widget is broken."
    check(f"{lab.name}: runs from top to bottom", not lab.errors(), "; ".join(lab.errors())[:300])
    check(f"{lab.name}: no broken widget", "Error displaying widget" not in lab.js("return document.body.innerText"))


def start(lab: Lab) -> None:
    lab.open("00_start")
    lab.run_all()
    sound(lab)
    for i, name in enumerate(("config", "data", None, "training", "predictions", "new"), start=1):
        area = lab.output(i)
        if name:
            lab.shoot(name)
    area = lab.output(2)
    lab.changes("the slider for the image", area, lambda: lab.slide(area, 0))
    area = lab.output(5)
    lab.changes("the threshold", area, lambda: lab.slide(area, 1))
    area = lab.output(6)
    lab.changes("the slider over the new images", area, lambda: lab.slide(area, 0, Keys.ARROW_RIGHT))


def data(lab: Lab) -> None:
    lab.open("01_data")
    lab.run_all()
    sound(lab)
    area = lab.output(4)
    lab.shoot("before")
    lab.changes("the slider for the image", area, lambda: lab.slide(area, 0))
    lab.changes("the opacity", area, lambda: lab.slide(area, 1, Keys.ARROW_LEFT * 4))
    lab.shoot("view")
    lab.output(5)
    lab.shoot("doctor")
    lab.output(2)
    lab.shoot("sets")


def augmentation(lab: Lab) -> None:
    lab.open("02_augmentation")
    lab.run_all()
    sound(lab)
    area = lab.output(-1)
    lab.changes("the choice of an operation", area, lambda: lab.choose(area, "elastic"))
    first = lab.pixels(area)
    lab.changes("another seed", area, lambda: lab.slide(area, 1, Keys.ARROW_RIGHT))
    lab.changes("the old seed", area, lambda: lab.slide(area, 1, Keys.ARROW_LEFT))
    check(
        "02_augmentation: the same seed gives the same picture",
        wait("the picture", lambda: lab.pixels(area) == first, 30),
    )
    lab.shoot("view")


def network(lab: Lab) -> None:
    lab.open("03_network")
    lab.run_all()
    sound(lab)
    lab.output(1)
    lab.shoot("summary")
    lab.output(2)
    lab.shoot("table")
    area = lab.output(3)
    lab.changes(
        "another layer",
        area,
        lambda: Select(area.find_element(By.CSS_SELECTOR, ".widget-dropdown select")).select_by_index(12),
    )
    lab.shoot("maps")


def training(lab: Lab) -> None:
    lab.open("04_training")
    lab.command("notebook:run-all-cells")
    area = lab.output(2)
    pictures = set()
    wait("the training to show itself", lambda: pictures.add(lab.pixels(area)) or len(pictures - {None}) >= 6)
    lab.shoot("running")
    lab.press("notebook:interrupt-kernel")
    wait("the interrupt", lambda: lab.status() == "idle" and lab.cells()[-1]["execution_count"])
    sound(lab)
    area = lab.output(2)
    check(
        "04_training: ■ stops the training and keeps it",
        "interrupted" in area.text and "which is saved" in area.text,
        area.text[:150].replace("\n", " "),
    )
    lab.shoot("stopped")
    folder = lab.folder / "runs"
    check("04_training: the state is on disk", any(folder.glob("*/checkpoints/*.ckpt")))
    lab.command("notebook:run-cell")
    wait("the training to end", lambda: lab.status() == "idle" and "done" in lab.output(2).text)
    sound(lab)
    lab.shoot("done")
    check("04_training: it goes on in its own folder", len(list(folder.glob("*/status.json"))) == 1)


def predictions(lab: Lab) -> None:
    lab.open("05_predictions")
    lab.run_all()
    sound(lab)
    area = lab.output(1)
    lab.changes("the slider for the image", area, lambda: lab.slide(area, 0, Keys.ARROW_RIGHT))
    lab.changes("the threshold", area, lambda: lab.slide(area, 1, Keys.ARROW_RIGHT * 20))
    lab.changes("a click", area, lambda: lab.click(area, 0.3, 0.4))
    lab.changes("another click", area, lambda: lab.click(area, 0.62, 0.7))
    lab.shoot("view")
    lab.output(2)
    lab.shoot("scores")


def runs(lab: Lab) -> None:
    lab.open("06_runs")
    lab.run_all()
    sound(lab)
    area = lab.output(3)
    lab.shoot("view")
    lab.changes("a tick", area, lambda: area.find_elements(By.CSS_SELECTOR, "input[type=checkbox]")[-1].click())
    lab.changes("the slider for the image", area, lambda: lab.slide(area, 0, Keys.ARROW_RIGHT))
    lab.output(1)
    lab.shoot("runs")
    lab.output(4)
    lab.shoot("scores")


def drag(lab: Lab, canvas, *points: tuple[float, float]) -> None:
    "Pull the brush through points, given as shares of the canvas from its middle (-0.5 … 0.5)."
    chain, (width, height) = ActionChains(lab.browser, duration=40), (canvas.size["width"], canvas.size["height"])
    for i, (across, down) in enumerate(points):
        chain.move_to_element_with_offset(canvas, int(across * width), int(down * height))
        if i == 0:
            chain.click_and_hold()
    chain.release().perform()


def painting(lab: Lab) -> None:
    "Paint, take back, change the image, learn, kill the kernel, open again: the strokes are there."
    journal = lab.folder / "data/painted_tissue/strokes/journal.jsonl"
    lab.open("07_paint")
    lab.run_all()
    sound(lab)

    def opened():
        return wait("the canvas", lambda: lab.output(1).find_element(By.CSS_SELECTOR, ".unet-canvas"), 60)

    def text(selector: str) -> str:
        return lab.js("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def press(label: str) -> None:
        lab.output(1).find_element(By.XPATH, f".//button[contains(., '{label}')]").click()

    def keys(*names: str) -> None:
        lab.output(1).find_element(By.CSS_SELECTOR, ".unet-paint").send_keys(*names)

    def lines() -> int:
        return len(journal.read_text().splitlines())

    canvas = opened()
    time.sleep(2)
    lab.shoot("opened")
    before = lines()
    for down in (-0.2, 0.05, 0.2):
        drag(lab, canvas, (-0.1, down), (0.0, down + 0.03), (0.1, down))
    wait("three strokes in the journal", lambda: lines() == before + 3, 30)
    keys("1")
    drag(lab, canvas, (-0.15, -0.1), (0.12, -0.08))
    check("07_paint: strokes are kept at once", bool(wait("four", lambda: lines() == before + 4, 30)))
    lab.shoot("painted")
    keys(Keys.CONTROL + "z" + Keys.NULL)
    wait("the undo", lambda: '"undo"' in journal.read_text().splitlines()[-1], 30)
    check("07_paint: undo takes a stroke back", "3 strokes" in text(".unet-paint b"), text(".unet-paint b"))
    keys(Keys.CONTROL + "y" + Keys.NULL)
    wait("the redo", lambda: '"redo"' in journal.read_text().splitlines()[-1], 30)
    press("▶")
    wait("the next image", lambda: "demo-01" in text(".unet-paint b"), 60)
    drag(lab, canvas, (-0.1, 0.1), (0.1, 0.1))
    wait("its stroke", lambda: "demo-01" in journal.read_text().splitlines()[-1], 30)
    press("◀")
    wait("the first image again", lambda: "demo-00 · 4 strokes" in text(".unet-paint b"), 60)
    press("learn")
    wait("an answer", lambda: re.search(r"step \d+, loss", text(".unet-said")))
    time.sleep(5)
    lab.shoot("learning")
    frames = lab.browser.execute_async_script(
        """const done = arguments[0], times = []; let last = performance.now();
        const tick = (now) => { times.push(now - last); last = now;
          times.length < 120 ? requestAnimationFrame(tick) : done(times.sort((a, b) => a - b)); };
        const canvas = document.querySelector('.unet-canvas'), box = canvas.getBoundingClientRect(); let i = 0;
        const fire = (type) => canvas.dispatchEvent(new PointerEvent(type, {pointerId: 1, button: 0, bubbles: true,
          clientX: box.left + box.width * (0.4 + 0.15 * Math.sin(i / 9)), clientY: box.top + 100 + 2 * i++}));
        canvas.setPointerCapture = () => {}; fire('pointerdown');
        const pull = setInterval(() => { fire('pointermove'); if (i > 150) { clearInterval(pull);
          fire('pointerup'); } }, 8);
        requestAnimationFrame(tick);"""
    )
    median, worst = frames[len(frames) // 2], frames[-1]
    check("07_paint: painting does not stutter while it learns", median < 50, f"{median:.0f} ms, worst {worst:.0f} ms")
    keys("d")
    time.sleep(3)
    lab.shoot("doubt")
    keys("p")
    time.sleep(1)
    keys("o")
    time.sleep(1)
    lab.shoot("outlines")
    count = re.search(r"(\d+) strokes", text(".unet-paint b"))[1]
    for process in psutil.Process(lab.server.pid).children():
        if "ipykernel" in " ".join(process.cmdline()):
            process.kill()
    lab.open("07_paint")
    lab.run_all()
    opened()
    shown = wait("the strokes", lambda: f"{count} strokes" in text(".unet-paint b") and text(".unet-paint b"), 60)
    check("07_paint: after the kernel was killed the strokes are there", bool(shown), shown)
    time.sleep(2)
    lab.shoot("again")


def reopened(lab: Lab) -> None:
    "Saved, closed and opened again without its kernel, a notebook shows its pictures."
    lab.open("02_augmentation")
    lab.run_all()
    lab.output(2)
    lab.command("docmanager:save")
    wait(
        "the notebook to be saved",
        lambda: not lab.js("return window.jupyterapp.shell.currentWidget.context.model.dirty"),
    )
    lab.js("return window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    lab.open("02_augmentation")
    area = lab.output(2)
    time.sleep(5)
    sound(lab)
    check(
        "02_augmentation: opened again, with a fresh kernel, it shows its picture",
        bool(wait("the picture", lambda: lab.pixels(area), 30)),
    )
    lab.shoot("reopened")


NOTEBOOKS = {
    "01_data": data,
    "02_augmentation": augmentation,
    "reopened": reopened,
    "03_network": network,
    "04_training": training,
    "00_start": start,
    "05_predictions": predictions,
    "06_runs": runs,
    "07_paint": painting,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Run the explore notebooks in JupyterLab in headless Chromium.")
    parser.add_argument(
        "notebooks", nargs="*", metavar="NOTEBOOK", help=f"one or more of {', '.join(NOTEBOOKS)}; default: all"
    )
    parser.add_argument("--pictures", type=Path, help="folder for screenshots")
    wanted = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that JupyterLab and the browser end too
    if wanted.pictures:
        wanted.pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(Path(folder), wanted.pictures)
        try:
            for name in wanted.notebooks or NOTEBOOKS:
                print(f"{name} …", flush=True)
                try:
                    NOTEBOOKS[name](lab)
                except Exception as error:
                    lab.shoot("failed")
                    check(f"{name}: {type(error).__name__}", False, str(error)[:300])
        finally:
            lab.close()
    print(f"{len(FAILED)} checks failed" if FAILED else "all checks passed")
    sys.exit(bool(FAILED))


if __name__ == "__main__":
    main()
