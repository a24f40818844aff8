"""Look at a run in the MLflow UI with a real browser: parameters, losses, stepped sample grids, artifacts.

Not collected by pytest: it needs Chromium (Debian: `apt-get install chromium chromium-driver`), Selenium, and an
archive with a finished run.

    uv run --with selenium python tests/browser_check.py --run_id RUN_ID --output screenshots
"""

import argparse
import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.action_chains import ActionChains

from tests.mlflow_server import mlflow_server

# Page of a run, and the words that a person must see there.
PAGES = {
    "overview": ("", ["class_val", "iterations", "generator_lr", "code_version", "data_digest", "Finished"]),
    "metrics": ("/model-metrics", ["generator_loss", "discriminator_loss", "images_per_second", "samples/generated"]),
    "artifacts": ("/artifacts", ["checkpoints", "config.json", "report.html"]),
}
BROWSER = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--window-size=1500,1750",
)  # fmt: skip


def main() -> int:
    """Start a server, open each page, check its words, keep a screenshot; the number of pages with a fault."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run_id", required=True, help="a finished run of train_dcgan.py")
    parser.add_argument("--store", default="sqlite:///mlflow.db", help="the archive")
    parser.add_argument("--output", type=Path, default=Path("screenshots"), help="folder for the screenshots")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    faults = 0
    with mlflow_server("--backend-store-uri", options.store) as address, browser() as driver:
        for page, (path, words) in PAGES.items():
            driver.get(f"{address}/#/experiments/0/runs/{options.run_id}{path}")
            missing = wait_for_words(driver, words)
            faults += bool(missing)
            tidy_up(driver)
            time.sleep(4)  # charts and pictures are drawn after their titles
            driver.save_screenshot(str(options.output / f"{page}.png"))
            print(f"{page}: {'missing ' + ', '.join(missing) if missing else 'everything is there'}")
    return faults


@contextlib.contextmanager
def browser() -> Iterator[webdriver.Chrome]:
    """A headless Chromium with an empty profile."""
    with tempfile.TemporaryDirectory() as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or ""
        for option in (*BROWSER, f"--user-data-dir={profile}"):
            options.add_argument(option)
        driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
        try:
            yield driver
        finally:
            driver.quit()


def wait_for_words(driver: webdriver.Chrome, words: list[str], seconds: float = 40) -> list[str]:
    """Wait until a page shows all words, scrolling through it; the words that it never showed."""
    until = time.monotonic() + seconds
    left = list(words)
    while left and time.monotonic() < until:
        for word in list(left):
            if word in driver.find_element("tag name", "body").text:
                left.remove(word)
        time.sleep(0.5)
    return left


def tidy_up(driver: webdriver.Chrome) -> None:
    """Close the assistant's panel, and move the sliders of pictures to the last step."""
    for button in driver.find_elements(
        "css selector", "button[aria-label='Close'], button[aria-label='Close panel']"
    ):
        with contextlib.suppress(WebDriverException):  # one that went with the panel
            button.click()
    for box in driver.find_elements("css selector", "input[type=number]:enabled"):
        with contextlib.suppress(WebDriverException):
            width = box.size["width"]
            # The slider stands to the left of its box: press it near its end.
            ActionChains(driver).move_to_element_with_offset(box, -width // 2 - 22, 0).click().perform()


if __name__ == "__main__":
    sys.exit(main())
