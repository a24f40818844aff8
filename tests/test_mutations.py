"""The campaign of mutated inputs: a seed says which they are, and what is changed within a format is whole again."""

import io
import json
import random
import zipfile

import numpy as np
import pytest
from PIL import Image

from gan.data.untrusted_images import check_png
from tests.campaigns.mutated import mutations


def png() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.zeros((3, 4, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


def packed(**files: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize("data", [b"plain", png(), packed(a=png()), b'{"a": [1]}', b"a,b\n1,2\n"], ids=range(5))
def test_a_seed_says_what_is_changed(data):
    changed = [[mutations.of_any(data, random.Random(seed)) for seed in range(20)] for _ in range(2)]
    assert changed[0] == changed[1] and len(set(changed[0])) > 10


def test_what_is_changed_within_a_format_is_whole_again():
    text = [mutations.of_json(b'{"a": [1, {"b": "c"}]}', random.Random(seed)) for seed in range(20)]
    assert sum(isinstance(json.loads(each), dict) for each in text) > 10
    sound = 0
    for seed in range(20):
        data = mutations.of_png(png(), random.Random(seed))
        sound += data.endswith(b"IEND\xaeB`\x82")
        if data.endswith(b"IEND\xaeB`\x82") and data.count(b"IEND") == 1:
            check_png(data, "it")
    assert sound > 10
