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
# # 4. Compare
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/amazon-ft/amazon-ft/blob/main/notebooks/04_compare.ipynb)
#
# **You will** ask the base model and the tuned model the same questions, and find out what fine-tuning gave.
#
# **You will learn**
# - why products that were trained on and products that were not must be scored apart
# - what the scores mean, and what they hide
# - why a fine-tuned model is not a database, and what to do instead: find the product, read it, quote it
#
# **You need** one or two minutes on a laptop. What is not there yet (clean rows, training rows, the adapter) is made
# on the way.
#
# *Em português: este notebook compara o modelo antes e depois do treino, com produtos vistos e não vistos.*

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

# %% [markdown]
# Each step says what it did. A step that was done before is not done again.

# %%
from pathlib import Path

from amazon_ft import steps
from amazon_ft.recipes import named
from amazon_ft.runs import Run

run, recipe = Run(Path(RUN)), named(RECIPE)
steps.clean(run, SOURCE)
steps.format_rows(run, recipe)
log = steps.train(run, recipe)

# %% [markdown]
# ## Ask and score
# Four sets of questions, never mixed:
# - **seen**: products of the training rows
# - **variant**: not trained on, but the same thing as a trained product in another size or colour
# - **unseen**: products that were set aside before training
# - **general**: nothing to do with the catalogue, to see what was forgotten
#
# Each question about a product is answered in many ways:
# - `base` and `tuned`: from memory alone, like an exam without books ("closed book")
# - `base with source` and `tuned with source`: the product is looked up in the catalogue by the words of the question,
#   and the model may read its entry
# - `extractive`: no model at all, only the words of the entry
# - what must be beaten: the description of the product with the nearest other title, and that of a wrong product
#
# Base and tuned are one model in memory: base is the adapter switched off. An interrupted run keeps its answers.

# %%
scores = steps.compare(run, recipe)

# %%
import json

from amazon_ft import comparison, plots

intervals = json.loads(run.intervals.read_text(encoding="utf-8"))
plots.paired_scores(scores, intervals).figure

# %% [markdown]
# Other products would have given other figures. The whiskers say how other: drawn again 10,000 times from these
# products (near duplicates together), 95 of 100 such draws fall inside. A difference whose interval holds 0 may be
# chance. Where all answers score the same, the interval has no width: that is no proof, only all that these rows tell.
#
# What climbs from unseen to seen was memorised:

# %%
plots.seen_unseen(scores, intervals).figure

# %% [markdown]
# The same as numbers:

# %%
import pandas as pd

labels = {name: metric.label.en for name, metric in comparison.METRICS.items()}
columns = {(set_, who): scores[set_][who] for set_ in scores for who in scores[set_]}
table = pd.DataFrame(columns).drop("n").rename(index=labels)
table.T[[labels[name] for name in comparison.HEADLINES]].style.format(precision=2, na_rep="–")

# %% [markdown]
# - **Exact match** asks for every word. A model that may not look into the catalogue can reach 100% only by memory.
# - **ROUGE-L** counts words in the same order. A description in the right style but about another product gets some
#   points, so a small gain is a gain in style: compare it with "nearest other title".
# - **Number precision** is the honest one here: is a price, a size or a year in the answer, with its unit, really true?
# - **Invented numbers** counts the numbers and codes of an answer that stand nowhere in the entry of the product asked
#   about.
# - **Copied words**: how much of an answer stands word for word in the true description, five words or more in a row.
#
# In words:

# %%
from IPython.display import Markdown

Markdown("\n".join(f"- {finding}" for finding in comparison.findings(scores, intervals)))

# %% [markdown]
# ## Look, ask, vote
# Scores hide what answers show. The panel shows them side by side; words that differ from the truth are marked, and
# so is every number: found in the source, or **invented**. Three things to do:
# - **Look**: go through the products, or take the worst answers first.
# - **Ask**: type a question in your own words, in English or Portuguese. The answers come as they are written.
# - **Vote**: which answer is better? You are not told whose it is. Votes are kept; come back whenever you like.

# %%
from amazon_ft import panel

desk = steps.Desk(run, recipe)
panel.Panel(desk)

# %% [markdown]
# Without widgets, a row is shown by a call:

# %%
rows = desk.rows()
unseen = [row for row in rows if row["set"] == "unseen"]
panel.show(unseen[0])

# %% [markdown]
# ## Where it goes wrong
# The least faithful answers of the tuned model, and why. A true answer and an invented one have the same shape and the
# same sure tone: nothing in the text tells you which is which. The tiny model stumbles now and then. A large model
# invents in perfect sentences.

# %%
from amazon_ft import display, evaluation

worst = evaluation.failures(rows, "tuned", 5)
display.table(
    [
        {"title": rows[one.place]["title"], "tuned": rows[one.place]["tuned"]["text"]}
        | {"why": "; ".join(evaluation.why(reason, "en") for reason in one.reasons)}
        for one in worst
    ]
)

# %% [markdown]
# ## Ask your own question
# What the panel does, by a call. In your own words, in English or Portuguese, with typing mistakes: the words that ask
# are told apart from the title, and the title is looked up in an index of all titles. Then every number and every
# quote of an answer is checked against the entry by plain search. Nothing that a model says about itself is believed.

# %%
QUESTION = "quanto custa o Woolhythe 70% hemp 3/4 sleeve shirt, red"  # @param {type:"string"}
reply = desk.ask(QUESTION)
print(reply)

# %% [markdown]
# The same question in all five ways. The tiny model cannot read: with the entry before its eyes, it still invents.
# A model of a billion parameters can, and the recipe `grounded` trains it to quote.

# %%
display.table(reply.table())

# %% [markdown]
# This teapot does not exist. A model that answers from memory describes it all the same; the catalogue does not.
# Change the question and run the cell again: a title from above, a title with one word changed, something from your
# kitchen. Where several products may be meant, ask again with `uid="..."`.

# %%
QUESTION = "What is the description of product Quarrent Glass Teapot, 3 l?"  # @param {type:"string"}
invented = desk.ask(QUESTION)
print(invented)
display.table(invented.table())

# %% [markdown]
# ## What you take home
# All answers and scores stand in one HTML file, to be sorted, filtered and searched. It needs no network and no server:
# send it, or open it in any browser. In Colab you find it behind the folder symbol on the left. Beside it lie the same
# answers as tables (Parquet, CSV) and in the format of LLM Comparator. Your own questions and votes go with them.

# %%
steps.export(run, recipe)

# %%
display.framed(run.page.read_text(encoding="utf-8"))

# %% [markdown]
# ## The lesson
# Fine-tuning teaches a model **how to answer**: the form, the tone, when to stop. It does not make a dependable
# memory of **facts**. For the products it saw it can repeat them, and for the others it makes up something that sounds
# true. If the facts matter, find the catalogue entry first, let the model read it, and check what it says against it.
# The recipe `grounded` is made for that, and `amazon-ft ask` does it on the command line.

# %% [markdown]
# ## Check
# If this cell is silent, what this notebook says is true here as well. The last lines are about the demo on the bundled
# catalogue.

# %%
demo = (RECIPE, SOURCE) == ("demo", "bundled")
tuned = {name: systems["tuned"] for name, systems in scores.items() if "tuned" in systems}
assert run.page.stat().st_size > 10_000 and run.answers_csv.stat().st_size > 1_000
assert reply.source is None or reply.answer.holds
trained = {row["source"] for row in rows if row["set"] == "seen"}
assert not trained & {row["source"] for row in unseen}

# %%
assert not demo or invented.source is None
assert not demo or tuned["seen"]["exact"] > 0.9 > 0.1 > tuned["unseen"]["exact"]
assert not demo or tuned["unseen"]["number_precision"] < 0.5
assert not demo or scores["unseen"]["extractive"]["invented_numbers"] == 0
assert not demo or tuned["general"]["loss"] > scores["general"]["base"]["loss"]

# %% [markdown]
# **Next:** [5. Reasoning rows](05_reasoning.ipynb), or start again at [1. Clean the catalogue](01_clean.ipynb) with a
# catalogue of your own.
