"""Take a product catalogue to a fine-tuned language model and an honest before/after comparison."""

import os
import warnings

__version__ = "0.1.0"

# Threads that spin while they wait make a small model ten times slower as soon as anything else wants a core.
# OpenMP reads this once, when torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# tqdm says so in red wherever a notebook has no ipywidgets; its plain bar does as well.
warnings.filterwarnings("ignore", message="IProgress not found")
