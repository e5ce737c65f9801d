import json

import numpy as np

from hw.emit import emit, port_names
from hw.memory.channel import HbmChannel
from isa.machine import MACHINES
from tb.memory_files import hex_lines
from tb.runner import ROOT, build, run
from tb.units.channel import WORDS, word


def test_channel(tmp_path):
    machine = MACHINES["mesh4"]
    machine = machine.model_copy(
        update={"hbm": machine.hbm.model_copy(update={"channel_bytes": WORDS * 16})}
    )
    channel = HbmChannel(machine=machine, index=3)
    sources = {
        "channel.v": emit(channel, "channel"),
        "hbm_memory.v": (ROOT / "hw/sim/hbm_memory.v").read_text(),
    }
    compiled = build(sources, "channel", public={"channel": ["clk", "rst", *port_names(channel)]})
    content = b"".join(word(address).to_bytes(16, "little") for address in range(WORDS))
    (tmp_path / "hbm_3.hex").write_bytes(hex_lines(np.frombuffer(content, np.uint8), 16))
    seen = tmp_path / "seen.json"
    run(
        compiled,
        "tb.units.channel",
        environment={"FLATMESH_SEEN": str(seen)},
        plusargs=[f"+hbm_dir={tmp_path}"],
        workdir=tmp_path,
    )
    assert json.loads(seen.read_text()) == {"error": 1}
