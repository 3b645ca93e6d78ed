"""thresher: which data to keep for a training budget, how often to repeat it, and how sure we are."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
