# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 7. Publish what you trained
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/amazon-ft/amazon-ft/blob/main/notebooks/07_publish.ipynb)
#
# **You will** merge your adapter into its base model, turn the result into a GGUF file for llama.cpp and Ollama, prove
# that each form answers as the trained model does, write a card that tells the truth, and publish, if you want to.
#
# **You will learn**
# - why an adapter is merged into 16-bit weights and never into 4-bit ones
# - why a model that is asked with another template is another model
# - what a quantisation costs, in answers
# - what must never be loaded from a stranger
#
# **You need** no GPU and no account for the demo. To publish: a token of the Hugging Face Hub that may write.
#
# *Em português: junte o adaptador ao modelo base, gere GGUF e Modelfile, confira as respostas e publique com um card.*

# %%
# In Colab, fetch the course and install it. Anywhere else, do nothing.
import os

INSTALL = (
    "test -d amazon-ft || git clone -q https://github.com/amazon-ft/amazon-ft"
    " && pip install -q -r amazon-ft/requirements.txt ./amazon-ft"
)
assert "COLAB_RELEASE_TAG" not in os.environ or os.system(INSTALL) == 0, "run this cell again"

# %% [markdown]
# **Your choices.** With `REALLY` switched off nothing leaves this machine: you see the list of what would be sent.

# %%
RUN = "runs/demo"  # @param {type:"string"}
RECIPE = "demo"  # @param ["demo", "llama-3.2-1b-question", "tinyllama-alpaca", "phi-3-input-output", "grounded"]
NAME = "your-name/my-products"  # @param {type:"string"}
REALLY = False  # @param {type:"boolean"}

# %%
from pathlib import Path

from amazon_ft import steps
from amazon_ft.recipes import named
from amazon_ft.runs import Run

run, recipe = Run(Path(RUN)), named(RECIPE)
page = run.page if run.page.exists() else steps.demo(run, recipe)

# %% [markdown]
# ## The adapter
# An adapter is small: only what training changed. Whoever loads it needs the base model too, and must ask with the
# prompt that it was trained on. So the tokenizer that goes with it carries that prompt as its chat template.

# %%
adapter = steps.pack_adapter(run, recipe)
sorted((file.name, file.stat().st_size) for file in adapter.iterdir())

# %%
print((adapter / "chat_template.jinja").read_text())

# %% [markdown]
# ## Merged weights
# Each layer that has an adapter becomes `W + scale · B·A`, in 32 bits, and is rounded once, to 16. The base must be in
# 16 bits as well: merged into 4-bit weights, the sum would be rounded to sixteen values a weight, and much of what was
# learned would be gone. What it takes on disk and in memory is said before anything is written.

# %%
merged = steps.merge(run, recipe)

# %% [markdown]
# ## GGUF, for llama.cpp and Ollama
# llama.cpp's own converter writes one file with weights, tokenizer and template. `q8_0` has half the size of `f16`,
# `q4_k_m` (which needs llama.cpp's quantiser) a third. Where the converter is neither here nor to be had, the cell
# says so, with the command that goes on.

# %%
files = steps.try_gguf(run, recipe, kinds=("f16", "q8_0"))

# %% [markdown]
# ## Does each form answer as the trained model does?
# The same twenty questions to all of them, each asked through its own template, greedily. Tokens of the prompt must be
# equal: a form with another template is refused when you publish. Answers may differ by a rounding; then you see where.

# %%
parity = steps.check_answers(run, recipe, questions=20)

# %%
from amazon_ft import display

display.table(parity.table())

# %% [markdown]
# ## Ollama
# The Modelfile holds the template, the stops and the decoding that the model was trained with. On your laptop:
# `ollama create my-products -f Modelfile`, then `ollama run my-products`; or `amazon-ft publish ollama --ask "..."`,
# which does both.

# %%
print(steps.write_modelfile(run, recipe).read_text() if files else "no GGUF here, no Modelfile")

# %% [markdown]
# ## A card that tells the truth
# Written from the manifest and the scores: what it can do, seen and unseen apart, with intervals; what it must not be
# used for, how to load it, the worst answers, the data and what was left out of it.

# %%
from IPython.display import Markdown

card = steps.write_card(run, recipe, "adapter", NAME)
text = card.read_text().split("---", 2)[2]
Markdown(text.replace("(images/", f"({card.parent}/images/"))

# %% [markdown]
# ## Publish
# The list first, and nothing else than the list. Private, until you say otherwise. A connection that breaks costs
# nothing: run the cell again.

# %%
steps.publish(run, recipe, "adapter", NAME, dry_run=not REALLY)

# %%
steps.publish(run, recipe, "merged", f"{NAME}-merged", dry_run=not REALLY)

# %% [markdown]
# ## What others published
# A stranger's model is a stranger's program, unless you take care: pickles run code when they are opened, and so does
# whatever `trust_remote_code` lets in. Here only safetensors are loaded, and only onto the base model that you expect.
# Yours is fine:

# %%
from amazon_ft.publishing import vetting

vetting.faults(adapter, recipe.base_model)

# %% [markdown]
# Now let it point to another base model, and lay a pickle beside it:

# %%
import shutil

stranger = Path(shutil.copytree(adapter, run.folder / "stranger", dirs_exist_ok=True))
config = stranger / "adapter_config.json"
config.write_text(config.read_text().replace(recipe.base_model, "https://example.org/model"))
(stranger / "training_args.bin").write_bytes(b"\x80\x04.")
faults = vetting.faults(stranger, recipe.base_model)
print("\n".join(faults))
shutil.rmtree(stranger)

# %% [markdown]
# ## The lesson
# What you publish is weights *and* a template *and* a warning. Leave out the template, and people ask another model
# than the one you scored; leave out the warning, and they believe its numbers.

# %% [markdown]
# ## Check
# If this cell is silent, what this notebook says is true here as well.

# %%
assert page.exists() and any(merged.glob("model*.safetensors")) and card.stat().st_size > 2_000
assert all(reading.template == "same" for reading in parity.readings) and len(faults) > 1

# %% [markdown]
# **Next:** start again at [1. Clean the catalogue](01_clean.ipynb) with a catalogue of your own.
