"""`make accuracy`: error of the hardware's exponential over every input, next to the correctly
rounded floor.
"""

from golden.accuracy import exp_error
from isa.instructions import Format
from publish.output import Table, wide_console, write_result
from scripts.front import main
from scripts.options import target_parser
from tb.runner import ROOT

HEADS = (
    *("format", "inputs x <= 0", "largest error", "at x"),
    *("correctly rounded", "not correctly rounded"),
)


def run() -> int:
    """Compare in all storage formats."""
    target_parser("accuracy", __doc__).parse_args()
    rows = []
    result: dict = {}
    for fmt in (Format.FP16, Format.BF16, Format.E4M3, Format.E5M2):
        seen = exp_error(fmt)
        name = fmt.name.lower()
        rows.append(
            (
                name,
                f"{seen.inputs:,}",
                f"{seen.worst:.4f} ulp",
                f"{seen.worst_input:g}",
                f"{seen.floor:.4f} ulp",
                f"{seen.misrounded:,}",
            )
        )
        result |= {
            f"exp_{name}_{key}": getattr(seen, key)
            for key in ("inputs", "worst", "worst_input", "floor", "misrounded")
        }
    Table("error of the exponential", HEADS, rows).show(wide_console())
    print(f"result: {write_result('accuracy', result).relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    main(run)
