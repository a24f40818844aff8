"""Look at the MLflow UI with a real browser: the pages of an experiment, a training, its generators, an evaluation.

Not collected by pytest: it needs Chromium (Debian: `apt-get install chromium chromium-driver`), Selenium, and an
archive with a finished training and an evaluation of it.

    uv run --with selenium python -m tests.browser_check --output screenshots
"""

import argparse
import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import mlflow
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.action_chains import ActionChains

from gan.archive.experiments import FOR_TRAINING
from tests.mlflow_server import mlflow_server

# Page of an experiment, a training ({1}), an evaluation of it ({2}) or its generator ({3}), and the words that a
# person must see there.
BOTH = "?compareRunsMode=CHART&searchFilter=tags.%60gan.kind%60%20%3D%20%27dcgan%27"
PAGES = {
    "experiment": ("", ["Model training", "dcgan class", "evaluate class", "Generators of images"]),
    "training": ("/runs/{1}", ["Trained on", "class_val", "Finished", "models serve"]),
    "metrics": ("/runs/{1}/model-metrics", ["generator_loss", "discriminator_loss", "samples/generated"]),
    "artifacts": ("/runs/{1}/artifacts", ["checkpoints", "config.json", "report.html", "samples.png"]),
    "side-by-side": (f"/runs{BOTH}", ["samples/generated", "samples/real"]),
    "generators": ("/models", ["generator-", "Source run"]),
    "generator": ("/models/{3}", ["generator-", "iteration", "evaluate class"]),
    "evaluation": ("/runs/{2}", ["From iteration", "generated", "real", "generator-"]),
    "evaluation-artifacts": ("/runs/{2}/artifacts", ["contact-sheet.png", "images", "report.html"]),
}
BROWSER = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--window-size=1500,1750",
)  # fmt: skip


def main() -> int:
    """Start a server, open each page, check its words, keep a screenshot; the number of pages with a fault."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--store", default=f"sqlite:///{Path('mlflow.db').resolve()}", help="the archive")
    parser.add_argument("--output", type=Path, default=Path("screenshots"), help="folder for the screenshots")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    ids, faults = newest(options.store), 0
    with mlflow_server("--backend-store-uri", options.store) as address, browser() as driver:
        for page, (path, words) in PAGES.items():
            query = FOR_TRAINING.replace("?", "&") if "?" in path else FOR_TRAINING
            driver.get(f"{address}/#/experiments/{ids[0]}{path.format(*ids)}{query}")
            missing = wait_for_words(driver, words)
            faults += bool(missing)
            tidy_up(driver)
            time.sleep(4)  # charts and pictures are drawn after their titles
            driver.save_screenshot(str(options.output / f"{page}.png"))
            print(f"{page}: {'missing ' + ', '.join(missing) if missing else 'everything is there'}")
    return faults


def newest(store: str) -> tuple[str, str, str, str]:
    """Ids of the newest evaluation's experiment, of the training that it restored, its own, and of a generator."""
    mlflow.set_tracking_uri(store)
    found = mlflow.search_runs(
        search_all_experiments=True, filter_string="tags.`gan.kind` = 'evaluate'", output_format="list"
    )
    runs = (mlflow.get_run(run.info.run_id) for run in found)
    evaluation = next(run for run in runs if run.inputs.model_inputs)
    model = mlflow.get_logged_model(evaluation.inputs.model_inputs[0].model_id)
    return evaluation.info.experiment_id, model.source_run_id, evaluation.info.run_id, model.model_id


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
    """Wait until a page shows all words, with what is folded opened; the words that it never showed."""
    until = time.monotonic() + seconds
    left = list(words)
    while left and time.monotonic() < until:
        with contextlib.suppress(WebDriverException):  # a page that changes while it is read
            for button in driver.find_elements("xpath", "//*[text()='Show more']"):
                button.click()
            text = driver.find_element("tag name", "body").text
            left = [word for word in left if word not in text]
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
