"""Inspections as a page to explore and as pictures for papers."""

from tb.report.page import write_report
from tb.report.pictures import pictures

__all__ = ["pictures", "write_report"]
