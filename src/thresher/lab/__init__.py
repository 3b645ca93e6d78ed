"""Real CLIP pilot and joint runs on this machine: icons with their names, from rendering to report."""
