"""Pictures of `make wafer`."""

import io

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from publish.wafer.sweep import paper_point, points_of

__all__ = ["pictures"]


def pictures(result: dict) -> dict[str, bytes]:
    """Pictures by name, as PNG."""
    return {"wafer_curves": _curves(result), "wafer_fabric": _fabric(result)}


def _drawn(figure: Figure) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120, bbox_inches="tight", metadata={"Software": ""})
    plt.close(figure)
    return content.getvalue()


def _curves(result: dict) -> bytes:
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    for curve in ("flat", "flash", "overlap"):
        rows = [row for row in points_of(result, curve) if row["copies"] == "expert"]
        name = {"overlap": "flat, two micro-batches"}.get(curve, curve)
        x, y = ([r[key] for r in rows] for key in ("tpot_ms", "tokens_per_second_per_chip"))
        low, high = ([r[f"tokens_per_second_per_chip_{e}"] for r in rows] for e in ("low", "high"))
        (drawn,) = left.plot(x, y, "o-", label=name)
        left.fill_between(x, low, high, alpha=0.2, color=drawn.get_color())
    left.plot(35.8, 6940, "k*", label="arXiv 2604.02110")
    left.set(xlabel="TPOT, ms", ylabel="tokens/s per chip")
    left.legend(fontsize=8)
    bottoms = [0.0, 0.0]
    rows = [paper_point(result, curve) for curve in ("flat", "flash")]
    for part in sorted({part for row in rows for part in row["parts"]}):
        shares = [row["parts"].get(part, 0.0) * row["tpot_ms"] for row in rows]
        right.bar(("flat", "flash"), shares, bottom=bottoms, label=part)
        bottoms = [a + b for a, b in zip(bottoms, shares, strict=True)]
    right.set(ylabel="ms of TPOT")
    right.legend(fontsize=8)
    return _drawn(figure)


def _fabric(result: dict) -> bytes:
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    rows = points_of(result, "expert")
    left.bar([row["plan"] for row in rows], [100 * row["d2d_share"] for row in rows])
    left.set(ylabel="share of transfers between dies, %")
    rows = points_of(result, "links")
    y = [row["tokens_per_second_per_chip"] for row in rows]
    right.plot([f"{row['gb_per_s']:g}" for row in rows], y, "o-")
    right.set(xlabel="GB/s of a link", ylabel="tokens/s per chip")
    return _drawn(figure)
