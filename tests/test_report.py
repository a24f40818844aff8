import base64
import errno
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan.report import Evaluation, Flagged, Report
from gan.score import FIFTH_ABOVE, Score, Scores
from tests.conftest import full_disk
from tests.report_page import Page

NASTY = """<script>alert("1")</script> & 'quoted' "twice" <img src=http://example.org/x.png>"""


@pytest.fixture
def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8))


@pytest.fixture
def page(tmp_path: Path, picture: Image.Image) -> Page:
    report = Report(f"Title {NASTY}")
    report.heading(f"Heading {NASTY}")
    report.text(f"Text {NASTY}")
    report.text("Beware", warn=True)
    report.picture(picture, f"Words {NASTY}")
    report.table([f"Head {NASTY}", "value"], [[f"Cell {NASTY}", 1.23456789], ["count", 39209]])
    report.write(tmp_path / "report.html")
    return Page(tmp_path / "report.html")


def test_text_is_shown_and_never_becomes_elements(page: Page) -> None:
    assert page.of("title") == page.of("h1") == [f"Title {NASTY}"]
    assert page.of("h2") == [f"Heading {NASTY}"]
    assert page.of("p") == [f"Text {NASTY}", "Beware"]
    assert page.of("th") == [f"Head {NASTY}", "value"]
    assert page.of("td")[0] == f"Cell {NASTY}"
    assert "script" not in {tag for tag, _ in page.elements}
    (image,) = [attributes for tag, attributes in page.elements if tag == "img"]
    assert image["alt"] == f"Words {NASTY}"


def test_parts_stand_in_the_order_they_were_added(page: Page) -> None:
    shown = [tag for tag, _ in page.elements if tag in ("h1", "h2", "p", "img", "table")]
    assert shown == ["h1", "h2", "p", "p", "img", "table"]


def test_scores_stand_above_the_pictures_and_in_markdown(tmp_path: Path, picture: Image.Image) -> None:
    evaluation = Evaluation("Title", "From a run.", picture, "Generated")
    fid = Score("fid", "lower", "a distance", FIFTH_ABOVE)
    evaluation.warn("Rough.")
    evaluation.add_scores([fid], Scores({"fid": 3.0, "fid_floor": 1.0}), "Scores", "Explained.")
    evaluation.report.text("The end.")
    evaluation.report.write(tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
    shown = [tag for tag, _ in page.elements if tag in ("h1", "h2", "p", "img", "table")]
    assert shown == ["h1", "p", "h2", "p", "p", "table", "h2", "img", "p"]
    assert page.of("h2") == ["Scores", "Generated"]
    assert evaluation.text().splitlines()[1] == "warning: Rough." and evaluation.markdown().startswith("**Rough.**\n")
    assert evaluation.markdown().endswith("| fid | **3.000** | 1.000 | a distance |")


def test_only_a_warning_is_marked_as_one(page: Page) -> None:
    assert [attributes.get("class") for tag, attributes in page.elements if tag == "p"] == [None, "warn"]


def test_nothing_is_fetched_from_elsewhere(page: Page, tmp_path: Path) -> None:
    for tag, attributes in page.elements:
        assert tag not in ("link", "script", "iframe", "object", "base"), tag
        assert not attributes.get("href")
        assert (attributes.get("src") or "data:").startswith("data:")
    style = "".join(page.of("style"))
    assert style and "url(" not in style and "@import" not in style


def test_a_picture_comes_back_pixel_for_pixel(page: Page, picture: Image.Image) -> None:
    (source,) = [attributes["src"] for tag, attributes in page.elements if tag == "img"]
    assert source.startswith("data:image/png;base64,")
    shown = Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2], validate=True)))
    np.testing.assert_array_equal(np.asarray(shown), np.asarray(picture))


def test_numbers_have_four_digits_and_counts_all(page: Page) -> None:
    assert page.of("td")[1:] == ["1.235", "count", "39209"]


def test_a_number_out_of_range_is_red_and_the_others_are_not(tmp_path: Path) -> None:
    report = Report("Scores")
    report.table(["score", "generated", "real"], [["fid", Flagged(1.23456), 0.5], ["kid", 2.0, "-"]])
    report.write(tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
    assert [attributes.get("class") for tag, attributes in page.elements if tag == "td"] == [
        None, "warn", None, None, None, None
    ]  # fmt: skip
    assert page.of("b") == ["1.235"] and page.of("td") == ["fid", "0.5", "kid", "2", "-"]
    assert ".warn { color: #c92a2a; }" in "".join(page.of("style"))


def test_what_is_flagged_never_becomes_elements(tmp_path: Path) -> None:
    report = Report("Scores")
    report.table(["score"], [[Flagged(NASTY)], [Flagged(float("nan"))]])
    report.write(tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
    assert page.of("b") == [NASTY, "nan"]
    assert not {"script", "img"} & {tag for tag, _ in page.elements}


def test_other_alphabets_survive(tmp_path: Path) -> None:
    report = Report("Überholverbot 禁止")
    report.write(tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
    assert page.of("h1") == ["Überholverbot 禁止"]
    assert {"charset": "utf-8"} in [attributes for tag, attributes in page.elements if tag == "meta"]


def test_a_report_that_can_not_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    Report("old").write(path)
    before = path.read_bytes()
    new = Report("new")
    new.text("long " * 10_000)
    with full_disk(20_000), pytest.raises(OSError) as error:
        new.write(path)
    assert error.value.errno in (errno.EFBIG, errno.ENOSPC)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
    new.write(path)
    assert Page(path).of("h1") == ["new"] and list(tmp_path.iterdir()) == [path]
