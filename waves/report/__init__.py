"""Inspections as a page to explore and as pictures for papers."""

from waves.report.page import write_report
from waves.report.pictures import pictures

__all__ = ["pictures", "write_report"]
