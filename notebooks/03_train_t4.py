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
# **You will** see what your machine has and what a training needs, train a small adapter on top of a base model, watch
# it learn, and read its loss curve.
#
# **You will learn**
# - to find out in a second what is missing, instead of after half an hour
# - what a recipe fixes, what the machine decides, and why the result is the same training
# - how a training survives the stop button and a lost connection
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
# **Your choices.** One run folder holds one recipe: for another recipe, choose another folder. With `drive` the whole
# of AmazonTitles-1.3MM is downloaded and cleaned first.
#
# A Colab machine is deleted when you lose it, and the run folder with it. A folder on your Google Drive stays: write
# `/content/drive/MyDrive/amazon-ft/NAME`, and the second cell from here mounts your drive. The training is saved there
# every `CHECKPOINT_MINUTES`.
#
# `WANDB` sends the log to wandb.ai too, if your key is in the environment as `WANDB_API_KEY`. Without a key, what would
# be sent stays in the run folder.

# %%
RUN = "runs/demo"  # @param {type:"string"}
SOURCE = "bundled"  # @param ["bundled", "drive"] {allow-input: true}
RECIPE = "demo"  # @param ["demo", "tinyllama-alpaca", "llama-3.2-1b-question", "phi-3-input-output", "grounded"]
CHECKPOINT_MINUTES = 10  # @param {type:"number"}
WANDB = False  # @param {type:"boolean"}

# %%
# In Colab, mount Google Drive if the run folder lies on it. Anywhere else, do nothing.
from importlib import import_module

on_drive = "COLAB_RELEASE_TAG" in os.environ and RUN.startswith("/content/drive")
drive = import_module("google.colab.drive") if on_drive else None
drive and drive.mount("/content/drive")

# %% [markdown]
# ## What is here, and what is needed?
# This table asks the driver and the package list. It loads nothing heavy, so it is there in a second.

# %%
from pathlib import Path

from amazon_ft import display
from amazon_ft.hardware import doctor

display.table(doctor.table(doctor.examine(Path(RUN))))

# %% [markdown]
# Is there a **NO**? The last column says what to do about it. In Colab the usual one is a missing GPU: choose
# *Runtime → Change runtime type → T4 GPU*. That gives you a new, empty machine: run the notebook again from the top.
# A dash is only good to know. The recipe `demo` needs no GPU and no drive.

# %% [markdown]
# ## What will it take?
# Memory and time of the published recipes on the GPUs that students have, and on yours if there is one. Nothing is
# downloaded for this: it is computed from the shape of each model.

# %%
from amazon_ft import hardware
from amazon_ft.hardware.estimates import estimates
from amazon_ft.recipes import named

machine, recipe = hardware.measure(), named(RECIPE)
published = ["llama-3.2-1b-question", "tinyllama-alpaca"]
published += ["phi-3-input-output", "deepseek-r1-reasoning"]
each = {name: estimates(named(name), machine) for name in published}
cells = [{row["GPU"]: f"{row['memory']}\n{row['time']}" for row in each[name]} for name in each]
display.table([{"recipe": name} | row for name, row in zip(each, cells, strict=True)])

# %% [markdown]
# How far can you trust this?
#
# - **Memory** comes from a model that was fitted to measurements, and it was within about 15% of them. It is high on
#   purpose: memory that stays empty could have saved time.
# - **Time** is rougher: the speed in a GPU's data sheet, times an efficiency that we measured, for rows as long as
#   those of the whole catalogue. A busy or hot GPU is slower. Downloading and loading the model come on top. The small
#   bundled catalogue has far fewer rows and takes minutes.
#
# Your recipe in detail (`demo` is too small to be planned; then you see `llama-3.2-1b-question`):

# %%
shown = estimates(recipe, machine) or each["llama-3.2-1b-question"]
display.table([{name: row[name] for name in ("GPU", "plan", "memory", "time")} for row in shown])

# %% [markdown]
# ## The rows
# Notebooks 1 and 2 made them. If you did not run these here, this cell does both steps now.

# %%
from amazon_ft import steps
from amazon_ft.runs import Run

run = Run(Path(RUN))
steps.clean(run, SOURCE)
numbers = steps.format_rows(run, recipe)

# %% [markdown]
# ## What machine is this?
# The same notebook runs on a laptop and on a T4, because it measures first. A T4 has no bfloat16 in hardware, newer
# cards have. A processor without a GPU computes in full precision.

# %%
precision = hardware.precision(machine)
free = f"{machine.free / 2**30:.1f} of {machine.memory / 2**30:.1f} GiB free"
found = {"device": machine.device, "name": machine.name}
found |= {"GPU memory": free if machine.memory else "no GPU"}
found |= {"precision": precision.dtype, "because": precision.reason}
display.table([{"found or decided": name, "value": value} for name, value in found.items()])

# %% [markdown]
# ## What the recipe fixes
# A recipe is a list of values. It names no precision and no path, so the same recipe means the same training on
# every machine.

# %%
from dataclasses import asdict

print(f"{recipe.name}: {numbers['train']} training rows on {recipe.base_model}")
parts = {"training": recipe.training, "adapter": recipe.lora, "answers": recipe.generation}
values = {name: asdict(part).items() for name, part in parts.items()}
lists = {name: [f"{key} = {value}" for key, value in pairs] for name, pairs in values.items()}
display.table([{name: "\n".join(lines) for name, lines in lists.items()}])

# %% [markdown]
# `effective_batch_size` says how many rows the model sees before its weights change once. Such a change is a **step**.

# %%
from amazon_ft.hardware import planning

size, number = recipe.training.effective_batch_size, numbers["train"]
planned = planning.steps(number, recipe.training)
print(f"{planned} steps of {size} rows each: every row {planned * size / number:.1f} times")

# %% [markdown]
# ## What the machine decides
# Only how a step is computed, not what is learned:
#
# - **Accumulation.** If 8 rows do not fit, 2 rows are computed four times and their gradients are added up: `4 x 2`.
#   The step is the same. One large piece keeps a GPU busy, so the largest piece that helps is chosen.
# - **Padding-free.** Rows have different lengths. Usually the short ones are filled up with pads, and the GPU computes
#   them for nothing. Here, with Unsloth, rows lie one behind the other, and no row sees its neighbour.
# - **Gradient checkpointing.** To learn, a layer needs what it computed on the way forward. If there is no room to
#   keep that, it is **recomputed**: less memory, more time. So only as many layers as necessary do it.
# - **Unpacked weights.** The base model is stored in 4 bits a weight, and each use must unpack it. If there is room,
#   that is done once: the same values, faster.
#
# The plan is made from your rows and your free memory, and `train` prints it. This is the plan of the largest recipe,
# a model of eight billion parameters, on a T4:

# %%
from amazon_ft.hardware.estimates import CARDS, typical
from amazon_ft.hardware.memory import PUBLISHED

large, t4 = named("deepseek-r1-reasoning"), CARDS["T4"].machine
model = PUBLISHED[large.base_model], large.lora
plan = planning.plan(*model, large.training, typical(large), t4, "unsloth", four_bit=True)
print("\n".join(planning.reasons(plan)))

# %% [markdown]
# **Packing** is something else, so no machine chooses it for you. It fills every row up to `max_length` with further
# rows. On a GPU that is much faster, but a step then learns from many more rows: an epoch has fewer, larger steps, and
# the result cannot be compared with that of the recipe. If you want it, say so, and choose a run folder of its own:
#
# ```python
# from dataclasses import replace
#
# recipe = replace(recipe, training=replace(recipe.training, packing=True))
# ```

# %% [markdown]
# ## Train
# The base model stays frozen. Beside some of its matrices we put two thin ones, and only those learn: that is LoRA.
#
# The picture shows the loss and is drawn anew while it falls. You may press the **stop button**: the step is finished
# and saved, and one line says which one it was. Run the cell again, and the training goes on from there. After a
# **lost connection**, run the notebook again from the top: it goes on from the newest checkpoint that
# is whole. Without a GPU the adapter is then the same to the last bit as without the break.
#
# Another recipe or other rows in the same run folder are **refused**: half of one training and half of another would
# be a model that nobody can explain.

# %%
options = steps.Options(checkpoint_minutes=CHECKPOINT_MINUTES, wandb=WANDB)
log = steps.train(run, recipe, options)

# %% [markdown]
# A training that was done before is not done again. Its log stays, and here is its curve:

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
# stop near the lowest point of the dashed line: `early_stopping_patience` in the recipe does it for you.

# %%
held_out = [line for line in log if line.get("eval_loss") is not None]
losses = [line for line in log if line.get("loss") is not None]
best, last = min(held_out, key=lambda line: line["eval_loss"]), held_out[-1]
first, end = losses[0]["loss"], losses[-1]["loss"]
print(f"training loss: {first:.2f} at the start, {end:.2f} at the end")
print(f"held-out loss: {best['eval_loss']:.2f} at its best, in step {best['step']}")
print(f"held-out loss: {last['eval_loss']:.2f} at the end")

# %% [markdown]
# In the log a loss that is no number stands as null. On the training rows it ends the training with an error that
# names the rows of its step, before it can spoil a checkpoint.

# %% [markdown]
# ## What was saved
# Not a model: an **adapter**, the small difference between the base model and the tuned one. To use it you need the
# same base model again. The tokenizer lies beside it, so that prompts are framed in the same way, and so do
# `recipe.json` and `manifest.json`, which say what it is and where it came from.

# %%
files = sorted(run.adapter.iterdir(), key=lambda file: -file.stat().st_size)
display.table([{"file": file.name, "bytes": f"{file.stat().st_size:,}"} for file in files])

# %% [markdown]
# How it was trained, from `manifest.json`. With a GPU, compare the predicted peak of its memory with the measured one.

# %%
import json

about = json.loads((run.adapter / "manifest.json").read_text(encoding="utf-8"))["training"]
about |= {"machine": about["machine"]["name"], "precision": about["precision"]["dtype"]}
about |= {"plan": "\n".join(about["plan"])}
display.table([{"recorded": name, "value": value or "–"} for name, value in about.items()])

# %% [markdown]
# How much was trained? Count the numbers in the file of the adapter, without loading the model again. A pair, `lora_A`
# and `lora_B`, stands beside one frozen matrix: their product has its shape.

# %%
from math import prod

from safetensors import safe_open

with safe_open(run.adapter / "adapter_model.safetensors", "numpy") as file:
    names = [name for name in sorted(file.keys()) if ".lora_" in name]
    thin = {name: file.get_slice(name).get_shape() for name in names}
some = [(name, " x ".join(map(str, thin[name]))) for name in names[:4]]
display.table([{"matrix": name, "rows x columns": shape} for name, shape in some])

# %%
ups = {name.replace("lora_B", "lora_A"): shape for name, shape in thin.items()}
beside = sum(ups[name][0] * thin[name][1] for name in thin if "lora_A" in name)
trained = sum(map(prod, thin.values()))
print(f"{trained:,} numbers are trained beside {beside:,} frozen ones: {trained / beside:.1%}")

# %% [markdown]
# The matrices of the tiny model are so small that 16 rows are not thin. For a model of a billion parameters the share
# is about one percent. The demo also trains its word table, in full, because so small a model does not learn
# without it. Reading and writing share that table, and the file holds it twice.

# %% [markdown]
# ## Ask both
# A question about a product of the training rows, to the base model and to the tuned one. The weights are the same:
# for the base answer the adapter is switched off.

# %%
known = steps.rows(run, "train")[0]
question = known.input or known.instruction
reply = steps.Desk(run, recipe).ask(question, cells=("base", "tuned"))
said = {who: one.text for who, one in reply.answers.items()} | {"true description": known.output}
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
assert (run.adapter / "recipe.json").is_file() and 0 < trained < beside
assert 0 < losses[-1]["step"] <= planned and plan.peak <= plan.budget
assert not demo or end < 0.2 < best["eval_loss"] < last["eval_loss"]
assert not demo or said["tuned"] == known.output != said["base"]

# %% [markdown]
# **Next:** [4. Compare](04_compare.ipynb)
