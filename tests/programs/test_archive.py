"""Files as NumPy writes them, also of arrays of ml_dtypes, and one clear line for the others."""

import io
import zipfile

import numpy as np
import pytest

from isa.errors import UserError
from isa.formats import decode, encode
from isa.instructions import Format
from programs.tensors import converted, load_workload

VALUES = np.linspace(-3, 3, 64, dtype=np.float32).reshape(2, 8, 4)


def saved(path, fmt: Format, descr: bytes) -> str:
    """What NumPy saves of arrays of ml_dtypes: their bits, with a type that says little."""
    bits = encode(VALUES, fmt)
    content = io.BytesIO()
    np.lib.format.write_array(content, bits.view(f"V{bits.itemsize}"))
    whole = content.getvalue().replace(f"'|V{bits.itemsize}'".encode(), descr, 1)
    with zipfile.ZipFile(path, "w") as archive:
        for name in "qkv":
            archive.writestr(f"{name}.npy", whole)
    return str(path)


@pytest.mark.parametrize(
    ("fmt", "descr", "dtype"),
    [
        (Format.BF16, b"'<V2'", "bf16"),
        (Format.E4M3, b"'<V1'", "e4m3"),
        (Format.E5M2, b"'<V1'", "e5m2"),
        (Format.E5M2, b"'<f1'", "fp16"),  # the file says which, and FP16 holds them all
    ],
)
def test_ml_dtypes(tmp_path, fmt, descr, dtype):
    tensors = load_workload(saved(tmp_path / "w.npz", fmt, descr), dtype, 1)
    assert np.array_equal(tensors.q, decode(encode(VALUES, fmt), fmt))
    assert not any(cost.changed for cost in tensors.rounding.values())


def test_fp8_has_to_be_told(tmp_path):
    path = saved(tmp_path / "w.npz", Format.E4M3, b"'<V1'")
    with pytest.raises(UserError, match="DTYPE must say which, e4m3 or e5m2, not fp16"):
        load_workload(path, "fp16", 1)
    with pytest.raises(UserError, match="DTYPE must say which, e4m3 or e5m2, not be empty"):
        load_workload(path, "", 1)


def test_float64_is_rounded_and_counted(tmp_path):
    q = VALUES.astype(np.float64) / 3
    np.savez(tmp_path / "w.npz", q=q, k=VALUES.astype(np.longdouble), v=VALUES * np.float32(1e7))
    tensors = load_workload(str(tmp_path / "w.npz"), "fp16", 1)
    assert np.array_equal(tensors.q, q.astype(np.float16))
    assert tensors.rounding["q"].changed and tensors.rounding["v"].infinity == 64


def test_the_result_has_the_axes_of_the_file(tmp_path):
    x = np.ones((3, 2, 8, 4), np.float16)
    np.savez(tmp_path / "w.npz", q=x, k=x, v=x)
    tensors = load_workload(str(tmp_path / "w.npz"), "fp16", 1)
    assert tensors.shaped(tensors.v).shape == x.shape


def test_an_array_that_cannot_be_used_is_refused_by_name(tmp_path):
    np.savez(tmp_path / "w.npz", q=VALUES, k=VALUES, v=VALUES, mask=np.ones((8, 8), bool))
    with pytest.raises(UserError, match="cannot use an array 'mask'; it may hold causal, scale"):
        load_workload(str(tmp_path / "w.npz"), "fp16", 1)


@pytest.mark.parametrize(
    ("fmt", "descr", "asked", "told", "runs_in", "said"),
    [
        (Format.BF16, b"'<V2'", "", "bf16", "bf16", ""),
        (Format.BF16, b"'<V2'", "fp16", "bf16", "fp16", "file's bf16; DTYPE=bf16 keeps them"),
        (Format.E5M2, b"'<f1'", "", "e5m2", "e5m2", ""),
        (Format.E4M3, b"'<V1'", "e4m3", "e4m3", "e4m3", ""),
    ],
)
def test_the_run_has_the_format_of_the_file(tmp_path, fmt, descr, asked, told, runs_in, said):
    tensors = load_workload(saved(tmp_path / "w.npz", fmt, descr), asked, 1)
    assert (tensors.file_formats, tensors.dtypes["dtype"]) == (told, runs_in)
    assert tensors.dtypes["p_dtype"] == tensors.dtypes["o_dtype"] == runs_in
    assert converted(told, runs_in) == (f"rounded from the {said}" if said else "")


@pytest.mark.parametrize(
    ("types", "told"),
    [
        ((np.float16,) * 3, "fp16"),
        ((np.float64,) * 3, "fp64"),
        ((np.float16, np.float32, np.float16), "q fp16, k fp32, v fp16"),
        ((np.longdouble,) * 3, np.dtype(np.longdouble).name),
    ],
)
def test_other_formats_are_told(tmp_path, types, told):
    arrays = {name: VALUES.astype(one) for name, one in zip("qkv", types, strict=True)}
    np.savez(tmp_path / "w.npz", **arrays)
    tensors = load_workload(str(tmp_path / "w.npz"), "", 1)
    assert (tensors.file_formats, tensors.dtypes["dtype"]) == (told, "fp16")
    assert bool(converted(told, "fp16")) == (told != "fp16")
    assert load_workload("mha:S=16,D=16,H=1", "", 1).file_formats == ""
