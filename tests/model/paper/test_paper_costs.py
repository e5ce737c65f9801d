"""The papers' costs against what is published of each."""

import pytest

from model.paper.costs import PaperCosts

COSTS = PaperCosts()


@pytest.mark.parametrize(("slice_", "published"), [(128, 98), (64, 90), (32, 63), (16, 23)])
def test_matrix_engine_by_slice(slice_, published):
    """arXiv 2505.18824, Fig. 4: within three points."""
    taken = COSTS.product(slice_, slice_, 128) + COSTS.product(slice_, 128, slice_)
    assert 100 * 2 * slice_ * slice_ * 128 / 512 / taken == pytest.approx(published, abs=3)


def test_a_product_by_hand():
    """16 passes of 2 * 128 / 32 * 32 cycles, 33 before and 64 after."""
    assert COSTS.product(128, 128, 128) == 16 * 256 + 33 + 64


def test_a_product_deeper_than_a_pass():
    """256 + 64: 512 and 128 cycles."""
    assert COSTS.product(32, 32, 320) == 512 + 128 + 33 + 64


@pytest.mark.parametrize(
    ("software", "network", "tiles", "published"),
    [
        (COSTS.software_multicast, COSTS.multicast, 32, 30.7),
        (COSTS.software_reduction, COSTS.sum, 32, 67.3),
    ],
)
def test_software_against_the_network(software, network, tiles, published):
    """arXiv 2604.02110 for large transfers; a sum in software is dearer here than published."""
    size = 64 << 20
    ratio = software(tiles, size) / network(tiles, size)
    assert ratio == pytest.approx(published, rel=0.4)
    assert ratio >= 0.99 * published


def test_lines_end_where_they_are_published():
    assert COSTS.multicast(32, 128) == 301
    assert COSTS.maximum(32, 256) == 254
    assert COSTS.multicast(1, 4096) == COSTS.sum(1, 4096) == COSTS.maximum(1, 256) == 0


def test_twelve_barriers_of_the_whole_mesh():
    """arXiv 2505.18824 implies 1755 cycles a block, with control."""
    assert 12 * COSTS.barrier(32, 32) == pytest.approx(1755, abs=12)
    assert COSTS.barrier(1, 1) == 0


def test_one_stream_finds_its_rows_open():
    alone, many = COSTS.burst_cycles(4096, 1), COSTS.burst_cycles(4096, 64)
    assert alone == pytest.approx(64 * 3900 / 3680)
    assert alone < many < (64 + 12) * 3900 / 3680
