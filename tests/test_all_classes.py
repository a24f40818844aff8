"""class_val=all: one class-conditional generator, from training to images of every class."""

from pathlib import Path

import numpy as np
from PIL import Image

import evaluate
import train_dcgan


def test_one_generator_for_all_classes(workplace, small_networks, capsys):
    config = train_dcgan.TrainConfig(
        class_val="all", data="drawn:700", iterations=12, batch_size=8, sample_interval=6
    )
    run_id, status = train_dcgan.train(config)
    assert status == 0
    resumed, status = train_dcgan.train(
        train_dcgan.TrainConfig(class_val="all", data="drawn:700", iterations=14, batch_size=8, goodrun_ref=run_id)
    )
    assert status == 0
    evaluate.main(evaluate.EvaluateConfig(class_val="all", goodrun_ref=resumed, count=2, output="made"))
    assert sorted(path.name for path in Path("made").iterdir() if path.is_dir()) == [f"{k:02d}" for k in range(43)]
    images = [np.asarray(Image.open(path)) for path in sorted(Path("made").glob("??/*.png"))]
    assert len(images) == 86 and {image.shape for image in images} == {(32, 32, 3)}
    assert len({image.tobytes() for image in images}) == 86
    report = Path("made/report.html").read_text()
    assert "42 End of no passing for trucks" in report
    assert "diversity" in capsys.readouterr().out
