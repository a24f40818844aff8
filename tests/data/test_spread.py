from gan.data.spread import spread_over


def test_so_many_are_spread_evenly_over_all():
    assert spread_over(5, 8).tolist() == [0, 1, 2, 3, 4] and spread_over(9, 3).tolist() == [0, 4, 8]
    assert spread_over(0, 3).tolist() == [] and spread_over(1, 3).tolist() == [0]
