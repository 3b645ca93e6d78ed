"""Print the oldest release that pyproject.toml allows of every dependency, as constraints for pip."""

import re
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
for requirement in (*project["dependencies"], *project["optional-dependencies"]["test"]):
    found = re.match(r"([\w-]+)(?:\[.*?\])?>=([\d.]+)", requirement)
    if found:
        print(f"{found[1]}=={found[2]}")
