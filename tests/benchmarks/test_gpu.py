import pytest
import tensorflow as tf

from benchmarks import gpu
from tests.conftest import refused
from tests.dcgan import test_gan as signs


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="there is a GPU")
def test_without_a_gpu_it_says_so(capfd, tmp_path):
    words = refused(capfd, gpu.GpuConfig, gpu.main, output=tmp_path)
    assert words == "error: TensorFlow finds no GPU here; start it on a machine with one.\n"


def test_what_is_measured_on_a_gpu_can_be_measured():
    found = gpu.timed(signs.build(signs.THREE, [0, 1, 2, 2, 1]), {}, gpu.GpuConfig(seconds=0.01), 64)
    assert found["images_per_second"] > 0 and found["share_of_peak"] > 0
