"""Machine descriptions: derived numbers, TOML round trip, and one clear line for each mistake."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isa.errors import UserError
from isa.machine import MACHINES, Channel, Hbm, Machine, Mesh, Tile, load_machine


@pytest.mark.parametrize("name", MACHINES)
def test_named_machines_round_trip(name, tmp_path):
    path = tmp_path / "machine.toml"
    path.write_text(MACHINES[name].to_toml())
    assert load_machine(str(path)) == MACHINES[name] == load_machine(name)


MACHINE = st.builds(
    Machine,
    name=st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=8),
    clock_ghz=st.floats(0.01, 10),
    mesh=st.builds(
        Mesh, columns=st.integers(1, 64), rows=st.integers(1, 64), fifo_depth=st.integers(2, 64)
    ),
    tile=st.builds(
        lambda latency, banks, **rest: Tile(
            matrix_columns=64 * banks // 8 // latency,
            mac_latency=latency,
            l1_banks=banks,
            link_bits=128,
            **rest,
        ),
        latency=st.sampled_from([2, 4]),
        banks=st.sampled_from([4, 8]),
        matrix_rows=st.integers(1, 64),
        vector_lanes=st.sampled_from([1, 2, 4, 8, 16]),
        l1_bytes=st.integers(8, 8064).map(lambda lines: 128 * lines),
        semaphores=st.integers(4, 32),
        semaphore_bits=st.integers(4, 16),
    ),
    hbm=st.builds(
        Hbm,
        west_pitch=st.integers(0, 4),
        east_pitch=st.integers(0, 4),
        south_pitch=st.integers(1, 70),
        bytes_per_cycle=st.integers(1, 16),
        latency=st.integers(1, 4095),
    ),
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(MACHINE)
def test_any_machine_round_trips(tmp_path, machine):
    path = tmp_path / "machine.toml"
    path.write_text(machine.to_toml(), encoding="utf-8")
    assert load_machine(str(path)) == machine


@settings(max_examples=50)
@given(MACHINE)
def test_channels_sit_on_their_edges(machine):
    channels = machine.channels
    assert [channel.index for channel in channels] == list(range(len(channels)))
    columns, rows = machine.mesh.columns, machine.mesh.rows
    for channel in channels:
        assert 0 <= channel.x < columns and 0 <= channel.y < rows
        assert {"west": channel.x == 0, "east": channel.x == columns - 1, "south": channel.y == 0}[
            channel.edge
        ]
    assert len(set(channels)) == len(channels)
    for edge, along in (("west", rows), ("east", rows), ("south", columns)):
        pitch = getattr(machine.hbm, f"{edge}_pitch")
        found = sum(channel.edge == edge for channel in channels)
        assert found == (max(1, -(-(along - pitch // 2) // pitch)) if pitch else 0)


def test_mesh4_in_numbers():
    machine = MACHINES["mesh4"]
    tile = machine.tile
    assert (
        tile.word_bytes,
        tile.line_bytes,
        tile.line_elements,
        tile.l1_words,
        tile.column_groups,
    ) == (16, 64, 32, 4096, 4)
    assert (tile.macs, machine.macs, machine.hbm_bytes_per_cycle) == (64, 1024, 64)
    assert machine.channels[0] == Channel(0, "west", 0, 0)
    assert machine.channels[7] == Channel(7, "south", 3, 0)
    assert machine.tile_index(2, 3) == 14


@pytest.mark.parametrize("spec", ["1x1", "5x3", "64x64"])
def test_mesh_override(spec):
    machine = load_machine("mesh4", spec)
    assert f"{machine.mesh.columns}x{machine.mesh.rows}" == spec
    assert machine.tile == MACHINES["mesh4"].tile


@pytest.mark.parametrize("spec", ["4", "0x4", "4x65", "4X4", "-1x4", "4x4x4", "٣x٣", "4x4\n"])
def test_bad_mesh(spec):
    with pytest.raises(
        UserError, match=r"^MESH must be COLUMNSxROWS with 1 to 64 tiles a side .*, not "
    ):
        load_machine("mesh4", spec)


def test_unknown_names_and_files(tmp_path):
    with pytest.raises(
        UserError,
        match=r"^MACHINE must be one of tiny, mesh4, .*, or a path to a \.toml file, not 'mesh5'$",
    ):
        load_machine("mesh5")
    with pytest.raises(UserError, match=r"^MACHINE file nowhere\.toml: No such file or directory$"):
        load_machine("nowhere.toml")
    path = tmp_path / "bad.toml"
    for content in (b"name = ", b"\xff\xfe"):
        path.write_bytes(content)
        with pytest.raises(
            UserError, match=rf"^MACHINE file {re.escape(str(path))}: not TOML: [^\n]+$"
        ):
            load_machine(str(path))


MISTAKES = [
    (
        "columns = 4",
        "columns = 65",
        r"mesh\.columns = 65: must be a whole number from 1 to 64 \(tiles from west to east\)",
    ),
    (
        "columns = 4",
        'columns = "4"',
        r"mesh\.columns = '4': must be a whole number from 1 .*",
    ),
    ("columns = 4", "columns = true", r"mesh\.columns = true: must be a whole number .*"),
    ("latency = 200", "latency = 1.5", r"hbm\.latency = 1\.5: must be a whole number from 1 .*"),
    (
        "columns = 4",
        "columns = 4\nspeed = 1",
        r"mesh\.speed: there is no such field: must be one of columns, .*",
    ),
    (
        "columns = 4",
        "colums = 4",
        r"mesh\.colums: there is no such field: did you mean 'columns'\?",
    ),
    ("columns = 4\n", "", r"mesh\.columns is missing: must be a whole number from 1 to 64 .*"),
    ("[hbm]", "[hbn]", r"hbn: there is no such field: did you mean 'hbm'\?"),
    ("[mesh]", "[mash.x]\n[mesh]", r"mash: there is no such field: did you mean 'mesh'\?"),
    ("clock_ghz = 1.0", "clock_ghz = -1.0", r"clock_ghz = -1\.0: must be a number above 0 .*"),
    ("[hbm]", "[other]", r"other: there is no such field: must be one of name, clock_ghz, .*"),
    ('"fp32"', "3", r"mesh\.reduce_formats = 3: must be a list of texts .*"),
    ('name = "mesh4"', 'name = ""', r"name = '': must be a text that is not empty .*"),
    ("link_bits = 128", "link_bits = 192", r"tile: link_bits must be a power of two, not 192"),
    ("l1_banks = 4", "l1_banks = 3", r"tile: l1_banks must be a power of two, not 3"),
    (
        "l1_bytes = 65536",
        "l1_bytes = 65537",
        r"tile: l1_bytes must be a multiple of the line \(64 B\), not 65537",
    ),
    (
        "l1_bytes = 65536",
        "l1_bytes = 1048640",
        r"tile: l1_bytes must be at most 1032192 \(64512 words: 16-bit .*\), not 1048640",
    ),
    (
        "matrix_columns = 8",
        "matrix_columns = 5",
        r"tile: matrix_columns must divide the 32 elements of an L1 line, not 5",
    ),
    (
        "matrix_columns = 8",
        "matrix_columns = 32",
        r"tile: matrix_columns must leave at least mac_latency=2 .*, not 1",
    ),
    (
        "vector_lanes = 8",
        "vector_lanes = 3",
        r"tile: vector_lanes must divide the 16 FP32 elements of an L1 line, not 3",
    ),
    (
        "bytes_per_cycle = 8",
        "bytes_per_cycle = 17",
        r"machine: hbm\.bytes_per_cycle must be at most the link's 16, not 17",
    ),
    (
        "channel_bytes = 8388608",
        "channel_bytes = 8388609",
        r"machine: hbm\.channel_bytes must be whole words .*, not 8388609",
    ),
    (
        "channel_bytes = 8388608",
        "channel_bytes = 8589934592",
        r"machine: hbm\.channel_bytes must be .* below 2\^28 words, .*",
    ),
]


@pytest.mark.parametrize(("old", "new", "said"), MISTAKES, ids=[new for _, new, _ in MISTAKES])
def test_a_mistake_in_a_file_names_the_field(old, new, said, tmp_path):
    text = MACHINES["mesh4"].to_toml()
    assert old in text
    path = tmp_path / "machine.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(
        UserError, match=rf"^MACHINE file {re.escape(str(path))}(, line \d+)?: {said}$"
    ):
        load_machine(str(path))


def test_a_machine_needs_hbm():
    with pytest.raises(
        ValueError,
        match="at least one of west_pitch, east_pitch, south_pitch, north_pitch must be positive",
    ):
        Hbm(bytes_per_cycle=8)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("columns = 4", "columns = 65", "columns = 65"),
        ("[hbm]", "[hbn]", "[hbn]"),
        ("latency = 200\n", "latency = 200\n'spead' = 1\n", "'spead' = 1"),
        ("columns = 4\n", "", "[mesh]"),  # of what is missing, the table
        ("l1_banks = 4", "l1_banks = 3", "l1_banks = 3"),
        ("bytes_per_cycle = 8", "bytes_per_cycle = 64", "bytes_per_cycle = 64"),
    ],
)
def test_a_mistake_in_a_file_names_the_line(old, new, line, tmp_path):
    path = tmp_path / "machine.toml"
    text = MACHINES["mesh4"].to_toml().replace(old, new)
    path.write_text(text)
    with pytest.raises(UserError, match=f", line {text.splitlines().index(line) + 1}: "):
        load_machine(str(path))
