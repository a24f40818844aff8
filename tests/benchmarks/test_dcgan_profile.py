from collections import Counter

from benchmarks.dcgan_profile import by_kind


def test_operations_are_summed_by_kind() -> None:
    times = Counter({
        "gradient_tape/generator_1/up_8_1/conv_transpose/Conv2DBackpropFilter:_MklNativeConv2DBackpropFilter": 2.0,
        "generator_1/up_8_1/transpose:_MklTranspose": 0.5,
        "generator_1/normal_32_1/FusedBatchNormV3:FusedBatchNormV3": 0.25,
        "gradient_tape/UnsortedSegmentSum_1:UnsortedSegmentSum": 0.125,
        "discriminator_1/down_4_1/BiasAdd:_MklNativeConv2DWithBias": 1.0,
    })  # fmt: skip
    assert by_kind(times) == {
        "convolutions": 3.0, "kernels of enlarging": 0.5, "batch normalisation": 0.25,
        "augmentation, averages and others": 0.125,
    }  # fmt: skip
