"""What others wrote, made fit for a line of ours; and times: as the core has it."""

from deploykit.text import iso, lines, one_line

__all__ = ["iso", "lines", "one_line"]
