"""Inspections as a page to explore and as pictures for papers."""

from tb.report.page import write_report

__all__ = ["write_report"]
