"""Watch a training: a log on disk, one bar or one picture updated in place, Weights & Biases when asked."""

from amazon_ft.watching.log import Log
from amazon_ft.watching.picture import Picture, in_notebook
from amazon_ft.watching.wandb_log import Wandb

__all__ = ["Log", "Picture", "Wandb", "in_notebook"]
