"""Images as arrays are the images."""

import pytest

from isa.instructions import Queue
from isa.machine import load_machine
from programs.common.images import image_table
from programs.compiler import compile_workload, parse_workload


@pytest.mark.parametrize("spec", ["mha:S=100,D=24,H=3", "gemm:M=100,N=77,K=130"])
def test_the_table_holds_every_word_of_every_image(spec):
    made = compile_workload(load_machine("mesh4", "5x3"), parse_workload(spec))
    table = image_table(made.programs)
    assert table.tiles == tuple(made.programs)
    assert len(table.words) < sum(map(len, made.programs.values())) / 2
    for tile, slots, starts in zip(table.tiles, table.slots, table.starts, strict=True):
        image = made.programs[tile].words()
        found = [
            sum(int(part) << 64 * i for i, part in enumerate(table.words[slot]))
            for slot in slots[1 : len(image)]
        ]
        assert slots[0] == -1 and (slots[len(image) :] == -1).all()
        assert found == image[1:]
        assert [image[0] >> 96 + 16 * queue & 0xFFFF for queue in Queue] == starts.tolist()
