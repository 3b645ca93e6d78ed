"""Icons with their names, from two sources, drawn, split by family and checked for leaks."""

from thresher.lab.icons.gathering import SOURCES, make_lab_data
from thresher.lab.icons.likeness import resemble_any
from thresher.lab.icons.split import LICENCES, Split, read_split

__all__ = ["LICENCES", "SOURCES", "Split", "make_lab_data", "read_split", "resemble_any"]
