"""Published runs, with their sources."""

from thresher.examples.published import example_path, list_examples, load_example

__all__ = ["example_path", "list_examples", "load_example"]
