"""Every legal form of a VCD reads like the plain one, by either reader."""

import gzip
import os
import re
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from isa.errors import UserError
from tests.waves.rebuild.build import vcd
from tests.waves.rebuild.test_vcd import same
from waves.read.plain import plain
from waves.read.size import cycles_of, header_bytes, most_bytes_per_cycle
from waves.read.vcd import read
from waves.views.header import read_header

EAST = "tile_0_0.data_east"
WAVE = [{}, {f"{EAST}.valid": 1, f"{EAST}.addr": 3}, {f"{EAST}.ready": 1}, {f"{EAST}.valid": 0}]
TEXT = vcd(WAVE, first=7)
CAFE = TEXT.replace("$enddefinitions", "$comment café $end\n$enddefinitions")
VARIANTS = {
    "no final newline": TEXT.rstrip("\n").encode(),
    "a value in the line of its time": re.sub(r"(?m)^(#\d+)\n(?!\$)", r"\1 ", TEXT).encode(),
    "all values in the line of their time": re.sub(r"\n(?=[01b])", " ", TEXT).encode(),
    "a comment in Latin-1": CAFE.encode("latin-1"),
    "a comment in UTF-8": CAFE.encode(),
    "a byte order mark": TEXT.encode("utf-8-sig"),
    "CRLF": TEXT.replace("\n", "\r\n").encode(),
    "gzip": gzip.compress(TEXT.encode()),
    "gzip of all of it": gzip.compress(CAFE.replace("\n", "\r\n").rstrip().encode("utf-8-sig")),
}


@pytest.fixture
def written(tmp_path):
    """Writes the bytes of a VCD."""

    def write(content: bytes, name: str = "waves.vcd") -> Path:
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


@pytest.fixture
def original(written):
    return written(TEXT.encode(), "original.vcd")


@pytest.mark.parametrize("content", VARIANTS.values(), ids=VARIANTS)
def test_every_variant_reads_alike(reader, original, written, content):
    path = written(content)
    assert same(read(path, reader=reader), read(original))
    assert cycles_of(path) == (7, 10) and header_bytes(path) == pytest.approx(
        header_bytes(original), abs=40
    )
    assert most_bytes_per_cycle(path) == most_bytes_per_cycle(original)
    header, expected = read_header(path), read_header(original)
    assert (header.scopes, header.first, header.last) == (
        expected.scopes,
        expected.first,
        expected.last,
    )
    assert header.path == path


def test_a_pipe(reader, original, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for content in (TEXT.encode(), gzip.compress(TEXT.encode())):
        writer = Thread(target=pipe.write_bytes, args=(content,))
        writer.start()
        assert same(read(pipe, reader=reader), read(original))
        writer.join()


def test_standard_input(original):
    code = "from waves.read.vcd import read; print(read('/dev/stdin').flits)"
    for source in (original.read_bytes(), gzip.compress(original.read_bytes())):
        done = subprocess.run([sys.executable, "-c", code], input=source, capture_output=True)
        assert done.stdout == b"1\n", done.stderr


def test_a_plain_file_is_not_copied(original, written):
    for path in (original, written(VARIANTS["no final newline"]), written(b"", "waves.fst")):
        with plain(path) as file:
            assert file == path
    with plain(written(VARIANTS["CRLF"])) as file:
        assert file != original and file.read_bytes() == original.read_bytes()
    assert not file.exists()


def test_where_a_piece_ends_makes_no_difference(original, written, monkeypatch):
    path = written(VARIANTS["all values in the line of their time"])
    longest = max(map(len, path.read_bytes().splitlines()))
    for size in range(longest, longest + 300, 60):
        monkeypatch.setattr("waves.read.plain._PIECE", size)
        with plain(path) as file:
            assert file != path and same(read(file), read(original))


@pytest.mark.parametrize("wanted", ["#13", "#16", f"0{TEXT[-2]}"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_cut_is_called_truncated_wherever_it_is(reader, written, wanted, packed):
    end = TEXT.rindex(f"\n{wanted}\n") + 1
    for cut in range(len(wanted)):
        content = TEXT[: end + cut].encode()
        path = written(gzip.compress(content) if packed else content)
        with pytest.raises(UserError, match="truncated: it ends"):
            read(path, reader=reader)


def test_a_damaged_gzip_file(reader, written):
    packed = gzip.compress(TEXT.encode())
    with pytest.raises(UserError, match="truncated: the gzip file ends too early"):
        read(written(packed[:-20]), reader=reader)
    damaged = packed[:200] + bytes(100) + packed[300:]
    with pytest.raises(UserError, match="a damaged gzip file"):
        read(written(damaged), reader=reader)
    with pytest.raises(UserError, match=r"waves\.vcd: a damaged gzip file"):
        read_header(written(damaged))


def test_no_vcd_in_a_pipe_without_an_end():
    with pytest.raises(UserError, match="not a VCD: it starts with"):
        read(Path("/dev/zero"))
