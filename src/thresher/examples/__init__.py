"""Published runs, with their sources."""

from thresher.examples.published import list_examples, load_example

__all__ = ["list_examples", "load_example"]
