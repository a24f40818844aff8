"""new_signs: pictograms become folders of photos; what can't be a pictogram is one sentence."""

import functools
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan.commands.new_signs import MANIFEST, SHEET, NewSignsConfig, main
from gan.drawn.pictograms import pictogram
from tests import conftest
from tests.made_up_goodrun import RUN_ID, write_goodrun

refused = functools.partial(conftest.refused, config_class=NewSignsConfig, main=main)


def start(**changed) -> None:
    with pytest.raises(SystemExit) as ended:
        conftest.run_script(NewSignsConfig, main, **changed)
    assert ended.value.code == 0


@pytest.fixture
def signs(workplace) -> dict[str, str]:
    folder = workplace / "signs"
    folder.mkdir()
    pictogram(17, 100).save(folder / "no entry.png")
    pictogram(13, 90).resize((60, 90)).save(folder / "give way.PNG")
    (folder / "notes.txt").write_text("not a sign")
    return {"pictograms": str(folder), "goodrun_ref": write_goodrun(workplace / "run", pictograms=True)}


def test_each_pictogram_becomes_a_folder_of_photos(signs, capsys) -> None:
    start(**signs, count=70)
    said = capsys.readouterr().out
    assert "2 signs, 70 photos of each" in said and SHEET in said and "browse:" in said
    made = Path("new-signs")
    assert sorted(path.name for path in made.iterdir()) == sorted([SHEET, MANIFEST, "give way", "no entry"])
    photos = sorted((made / "give way").iterdir())
    assert [path.name for path in photos] == [f"{k:05d}.png" for k in range(70)]
    assert np.asarray(Image.open(photos[-1])).shape == (32, 32, 3)
    assert json.loads((made / MANIFEST).read_text())["origin"]["run"] == RUN_ID
    start(**signs, count=3, output="again")
    for name in ("give way", "no entry"):
        for path in Path("again", name).iterdir():
            assert path.read_bytes() == (made / name / path.name).read_bytes()
    first = [(made / name / "00000.png").read_bytes() for name in ("give way", "no entry")]
    assert first[0] != first[1]
    start(**signs, count=70)  # what this very command left is written again
    assert "holds other files already" in refused(capsys, **signs, count=5)


def test_one_file_is_a_folder_of_one(signs) -> None:
    start(goodrun_ref=signs["goodrun_ref"], pictograms=f"{signs['pictograms']}/no entry.png", count=2)
    assert len(list(Path("new-signs", "no entry").iterdir())) == 2


def test_what_is_no_pictogram_is_one_sentence(signs, workplace, capsys) -> None:
    folder = Path(signs["pictograms"])
    assert "there is no nowhere" in refused(capsys, **signs | {"pictograms": "nowhere"})
    assert "holds no PNG" in refused(capsys, **signs | {"pictograms": str(folder / "notes.txt")})
    assert "a PNG of a sign" in refused(capsys, **signs | {"pictograms": ""})
    (folder / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"0" * 99)
    assert "bad.png is damaged" in refused(capsys, **signs)
    Image.new("RGBA", (20, 20)).save(folder / "bad.png")
    assert "bad.png is transparent everywhere" in refused(capsys, **signs)
    (folder / "bad.png").rename(folder / " .png")
    assert "can't be the name of a folder" in refused(capsys, **signs)
    assert not Path("new-signs").exists()


def test_a_run_of_classes_is_refused(signs, workplace, capsys) -> None:
    run = write_goodrun(workplace / "x")
    assert "trained with pictograms=true" in refused(capsys, **signs | {"goodrun_ref": run})
