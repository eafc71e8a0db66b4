"""An exported HTML page in a real browser, which no other test can stand for.

    apt-get install chromium                        # Debian; other systems: Chrome or Chromium
    pip install playwright numpy pillow              # in an environment of its own; it needs no browser of its own
    python tests/page_in_browser.py unet.html image.png image.tif --picture page.png

The page is opened from its file; each image is given to it, and what it says of it is printed: shares of the classes,
size, type and seconds, or why it refuses it. Beside each image lie then IMAGE.classes.npy (H, W) and, where the network
gives them, IMAGE.probabilities.npy (K, H, W), to be compared with `unet_nb predict`, and what the button "Save mask"
saves. A line beginning with FAIL stands for an address that the page asks for, for an error in its program and for a
saved mask that is not what the page found; the exit code is 1 then.
"""

import argparse
import base64
import shutil
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import CDPSession, Page, sync_playwright

PATIENCE = 600  # seconds
FAILED = []
PACKED = """(() => {
  const packed = (a) => {
    let text = ""; const bytes = new Uint8Array(a.buffer, a.byteOffset, a.byteLength);
    for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
    return btoa(text);
  };
  const r = page.results.at(-1);
  return { shape: [r.height, r.width], classes: packed(r.classes), p: r.probabilities && packed(r.probabilities) };
})()"""


def fail(text: str) -> None:
    FAILED.append(text)
    print(f"FAIL {text}", flush=True)


def value(browser: CDPSession, code: str):
    "The value of an expression in the page, whose policy forbids playwright's own way to ask."
    answer = browser.send("Runtime.evaluate", {"expression": code, "returnByValue": True})
    return answer["result"].get("value")


def wait(browser: CDPSession, code: str) -> None:
    end = time.monotonic() + PATIENCE
    while not value(browser, code):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {PATIENCE} s for {code}")
        time.sleep(0.1)


def save_mask(tab: Page, image: str) -> None:
    "Press the last button of the newest image, and compare what it saves with what the page found."
    with tab.expect_download() as begun:
        tab.locator("main section:first-child button", has_text="Save mask").last.click()
    begun.value.save_as(f"{image}.mask.png")
    if not np.array_equal(np.asarray(Image.open(f"{image}.mask.png")), np.load(f"{image}.classes.npy")):
        fail(f"{image}: the saved mask is not what the page found")


def keep(image: str, found: dict) -> None:
    "Write what the page found for an image beside it."
    classes = np.frombuffer(base64.b64decode(found["classes"]), np.uint8).reshape(found["shape"])
    np.save(f"{image}.classes.npy", classes)
    if found["p"]:
        p = np.frombuffer(base64.b64decode(found["p"]), np.float32).reshape(-1, *found["shape"])
        np.save(f"{image}.probabilities.npy", p)


def main() -> None:
    parser = argparse.ArgumentParser(description="Try an exported page in headless Chromium.")
    parser.add_argument("page", type=Path)
    parser.add_argument("images", nargs="*")
    parser.add_argument("--picture", help="where a screenshot goes")
    given = parser.parse_args()
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        tab = chromium.new_page(viewport={"width": 1100, "height": 1000})
        tab.on("pageerror", lambda error: fail(str(error)))
        tab.on(
            "request", lambda r: None if r.url.startswith(("file:", "blob:", "data:")) else fail(f"asks for {r.url}")
        )
        tab.goto(given.page.resolve().as_uri())
        browser = tab.context.new_cdp_session(tab)
        wait(browser, "!document.getElementById('state').textContent.startsWith('Loading')")
        print(tab.inner_text("#state"), flush=True)
        for image in given.images:
            cards = value(browser, "document.querySelectorAll('section').length")
            tab.set_input_files("#files", image)
            idle = "['', 'Done.'].includes(document.getElementById('state').textContent)"
            wait(browser, f"document.querySelectorAll('section').length > {cards} && {idle}")
            print(f"{image}: {' '.join(tab.inner_text('main section:first-child').split())}", flush=True)
            if not value(browser, "!!document.querySelector('main section:first-child .error')"):
                keep(image, value(browser, PACKED))
                save_mask(tab, image)
        if given.picture:
            tab.screenshot(path=given.picture)
        chromium.close()
    sys.exit(bool(FAILED))


if __name__ == "__main__":
    main()
