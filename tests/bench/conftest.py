"""The programs of bench/ import each other by their bare names, as their scripts do."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))
