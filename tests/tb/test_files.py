"""Files are written in one step, or not at all."""

import json

import pytest

from tb.files import write, write_json


def test_a_file_is_replaced_and_readable_by_all(tmp_path):
    path = tmp_path / "new" / "file"
    for content in ("older and longer: ü", b"new"):
        write(path, content)
    assert path.read_bytes() == b"new" and path.stat().st_mode & 0o777 == 0o644
    assert list(path.parent.iterdir()) == [path]


def test_what_cannot_be_written_leaves_what_was_there(tmp_path):
    path = tmp_path / "file.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(IsADirectoryError):
        write(folder, "text")
    assert json.loads(path.read_text()) == {"a": 1}
    assert sorted(tmp_path.iterdir()) == [path, folder]
