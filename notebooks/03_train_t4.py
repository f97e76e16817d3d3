# ---
# jupyter:
#   accelerator: GPU
#   colab:
#     gpuType: T4
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 3. Train
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/amazon-ft/amazon-ft/blob/main/notebooks/03_train_t4.ipynb)
#
# **You will** train a small adapter on top of a base model and read its loss curve.
#
# **You will learn**
# - what your machine can do, and how that decides the precision and the batch
# - what a recipe fixes, and what the machine decides
# - to tell learning from memorising in a loss curve
# - what an adapter is, and how small it is
#
# **You need** about a minute on a laptop for the recipe `demo`. For the other recipes you need a GPU: in Colab choose
# *Runtime → Change runtime type → T4 GPU* before you start. Each Colab notebook has its own machine, so this one
# also does the steps of notebooks 1 and 2.
#
# *Em português: este notebook treina um adaptador pequeno sobre um modelo base e explica a curva de perda.*

# %%
# In Colab, fetch the course and install it. Anywhere else, do nothing.
import os

INSTALL = (
    "test -d amazon-ft || git clone -q https://github.com/amazon-ft/amazon-ft"
    " && pip install -q -r amazon-ft/requirements.txt ./amazon-ft"
)
assert "COLAB_RELEASE_TAG" not in os.environ or os.system(INSTALL) == 0, "run this cell again"

# %% [markdown]
# **Your choices.** One run folder holds one recipe: for another recipe, choose another folder.

# %%
RUN = "runs/demo"  # @param {type:"string"}
SOURCE = "bundled"  # @param {type:"string"}
RECIPE = "demo"  # @param ["demo", "tinyllama-alpaca", "llama-3.2-1b-question", "phi-3-input-output", "grounded"]

# %%
from pathlib import Path

from amazon_ft import steps
from amazon_ft.recipes import named
from amazon_ft.runs import Run

run, recipe = Run(Path(RUN)), named(RECIPE)
steps.clean(run, SOURCE)
numbers = steps.format_rows(run, recipe)

# %% [markdown]
# ## What machine is this?
# The same notebook runs on a laptop and on a T4, because it measures first. A T4 has no bfloat16 in hardware, newer
# cards have. A processor without a GPU computes in full precision.

# %%
from dataclasses import asdict

from amazon_ft import display, hardware

machine = hardware.measure()
precision = hardware.precision(machine)
plan = hardware.batch_plan(recipe.training.effective_batch_size)
found = {**asdict(machine), **asdict(precision), **asdict(plan)}
display.table([{"found or decided": name, "value": value} for name, value in found.items()])

# %% [markdown]
# ## What the recipe fixes
# A recipe is a list of values. It names no precision and no path, so the same recipe means the same training on
# every machine.

# %%
print(f"{recipe.name}: {numbers['train']} training rows on {recipe.base_model}")
parts = {"training": recipe.training, "adapter": recipe.lora, "answers": recipe.generation}
values = {name: asdict(part).items() for name, part in parts.items()}
lists = {name: [f"{key} = {value}" for key, value in pairs] for name, pairs in values.items()}
display.table([{name: "\n".join(lines) for name, lines in lists.items()}])

# %% [markdown]
# ## Train
# The base model stays frozen. Beside some of its matrices we put two thin ones, and only those learn: that is LoRA.

# %%
log = steps.train(run, recipe)

# %%
from amazon_ft import plots

plots.loss_curve(log).figure

# %% [markdown]
# ## Read the curve
# The full line is the loss on the training rows, the dashed line is the loss on validation products that are never
# trained on.
#
# - Both fall: the model learns something general, such as how a description sounds. In the demo this lasts only for
#   the first few steps.
# - The training loss goes on to zero while the held-out loss **rises**: the model now learns the training rows by
#   heart, and gets *more sure and more wrong* about all others. This is **overfitting**, also called memorising.
#
# The demo goes that far on purpose, with many epochs over few rows, so that you can see it. In your own work,
# stop near the lowest point of the dashed line.

# %%
held_out = [line for line in log if "eval_loss" in line]
losses = [line for line in log if "loss" in line]
best, last = min(held_out, key=lambda line: line["eval_loss"]), held_out[-1]
print(f"training loss: {losses[0]['loss']:.2f} at the start, {losses[-1]['loss']:.2f} at the end")
print(f"held-out loss: {best['eval_loss']:.2f} at its best, in step {best['step']}")
print(f"held-out loss: {last['eval_loss']:.2f} at the end")

# %% [markdown]
# ## What was saved
# Not a model: an **adapter**, the small difference between the base model and the tuned one. To use it you need the
# same base model again. The tokenizer lies beside it, so that prompts are framed in the same way.

# %%
files = sorted(run.adapter.iterdir(), key=lambda file: -file.stat().st_size)
display.table([{"file": file.name, "bytes": f"{file.stat().st_size:,}"} for file in files])

# %%
from amazon_ft import models

with_adapter = models.add_adapter(models.load(recipe.base_model), recipe.lora, recipe.training.seed)
trained, every = with_adapter.model.get_nb_trainable_parameters()
print(f"{trained:,} of {every:,} parameters are trained: {trained / every:.1%}")

# %% [markdown]
# The tiny model of the demo also trains its word table, which is a large part of it. For a model of a billion
# parameters the share is about one percent.

# %% [markdown]
# ## Ask both
# A question about a product of the training rows, to the base model and to the tuned one. The weights are the same:
# for the base answer the adapter is switched off.

# %%
known = steps.rows(run, "train")[0]
question = known.input or known.instruction
answers = steps.ask(run, recipe, question)
said = {who: answer.text for who, answer in answers.items()} | {"true description": known.output}
print(question)
display.table([{"who": who, "says": text} for who, text in said.items()])

# %% [markdown]
# It looks perfect. Is it? Notebook 4 asks about products that the model has never seen.

# %% [markdown]
# ## Check
# If this cell is silent, what this notebook says is true here as well. The last two lines are about the demo on the
# bundled catalogue.

# %%
demo = (RECIPE, SOURCE) == ("demo", "bundled")
assert run.adapter.is_dir() and 0 < trained < every
batches = plan.per_device_train_batch_size * plan.gradient_accumulation_steps
assert batches == recipe.training.effective_batch_size
assert not demo or losses[-1]["loss"] < 0.2 < best["eval_loss"] < last["eval_loss"]
assert not demo or answers["tuned"].text == known.output != answers["base"].text

# %% [markdown]
# **Next:** [4. Compare](04_compare.ipynb)
