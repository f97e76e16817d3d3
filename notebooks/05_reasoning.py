# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 5. Reasoning rows from a local model
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/amazon-ft/amazon-ft/blob/main/notebooks/05_reasoning.ipynb)
#
# **You will** have a language model on your own machine write questions, thoughts and answers about products, throw
# away what is not fit for training, read twenty rows yourself, and train a model that thinks before it answers.
#
# **You will learn**
# - what a reasoning row is, and how a local model is asked for one
# - why a thought that says "the description mentions..." teaches a model to lie
# - how a night's work survives a server that restarts, a battery that dies, and you
# - that a thought in front of an answer is no proof of it
#
# **You need** no GPU. With [Ollama](https://ollama.com) running on this machine, a real model writes a few rows;
# without it, rows **made by rules** stand in, and say so.
#
# *Em português: um modelo local escreve perguntas, raciocínios e respostas; outro aprende a pensar antes de responder.*

# %%
# In Colab, fetch the course and install it. Anywhere else, do nothing.
import os

INSTALL = (
    "test -d amazon-ft || git clone -q https://github.com/amazon-ft/amazon-ft"
    " && pip install -q -r amazon-ft/requirements.txt ./amazon-ft"
)
assert "COLAB_RELEASE_TAG" not in os.environ or os.system(INSTALL) == 0, "run this cell again"

# %% [markdown]
# **Your choices.** One run folder holds one recipe: for another recipe, choose another folder. `demo-reasoning` walks
# the whole road on the tiny model with rows made by rules. The other two want a model that can think, and a GPU.

# %%
RUN = "runs/demo-reasoning"  # @param {type:"string"}
SOURCE = "bundled"  # @param {type:"string"}
RECIPE = "demo-reasoning"  # @param ["demo-reasoning", "deepseek-r1-reasoning", "deepseek-r1-grounded"]
TEACHER = "deepseek-r1:1.5b"  # @param {type:"string"}

# %%
from pathlib import Path

from amazon_ft import display, steps
from amazon_ft.recipes import named
from amazon_ft.runs import Run

run, recipe = Run(Path(RUN)), named(RECIPE)
counts = steps.clean(run, SOURCE)

# %% [markdown]
# ## How a model is asked
# A large model, the **teacher**, sees a product and writes one row: a question, a chain of thought, an answer. From
# many such rows a smaller model, the **student**, learns to think in that way. The prompt is a value of the recipe:

# %%
style = named("deepseek-r1-reasoning").reasoning
print(style.prompt)

# %% [markdown]
# The teacher reads the description. The student will not: it gets the question alone. So a thought that leans on "the
# description" would teach the student to claim a source that it does not have. It is an easy mistake to make: a
# published project's model says "the context mentions that it is a VHS tape" where there is no context at all.
#
# There are two honest **styles**:
# - `closed`: the student sees the question alone, and the thought may only remember
# - `grounded`: the student reads the catalogue entry too, and then the thought may quote it

# %%
from amazon_ft.evaluation import claims

thought = "The product title is 'Worship', and the context mentions that it is a VHS tape."
print(claims(thought))

# %% [markdown]
# ## A real teacher, if one is here
# This cell looks for Ollama on this machine. If it answers and has the model, it writes about three products: in a
# minute or ten, depending on your machine. To have it: install Ollama, then `ollama pull deepseek-r1:1.5b`.
# Any OpenAI-compatible server will do as well, by its address.

# %%
trial = Run(Path(f"{RUN}-trial"))
steps.clean(trial, SOURCE)
wanted = steps.Wanted(products=3, server="ollama", model=TEACHER)
real = steps.try_teacher(trial, named("deepseek-r1-reasoning"), wanted)

# %%
shown = ("model", "Question", "Complex_CoT", "Response")
display.table([{name: row[name] for name in shown} for row in real])

# %% [markdown]
# ## Rows for the demo, made by rules
# The tiny model of this course cannot think, and your machine may have no teacher. So for the demo a program of ours
# fills patterns with facts. Its rows have the same format and go the same way, and each says that it was **made by
# rules**. One in ten is spoiled on purpose, in the ways in which real models fail.
#
# With a real teacher, the command below runs for a night. Every row is on disk before the next one is asked for. Stop
# it, lose the network, close the laptop: the same command goes on, and no product is asked for twice.
# ```
# amazon-ft reasoning --recipe deepseek-r1-reasoning --run runs/r1 --products 2400
# ```

# %%
counts = steps.write_reasoning(run, recipe)

# %% [markdown]
# ## The gate
# Not every row is fit for training. A gate of plain rules, without any model, looks at all of them:

# %%
reasons = {"kept": counts["kept"], **counts["rejected"], **counts["failed"]}
display.table([{"rows": number, "what became of them": why} for why, number in reasons.items()])

# %% [markdown]
# Rejected rows are kept in a file of their own. Look at them: a rule that throws away good rows is a bad rule.

# %%
from amazon_ft.files import read_jsonl

texts = ("reason", "Question", "Complex_CoT", "Response")
rejected = read_jsonl(run.reasoning_rejected)
by_reason = {row["reason"]: {name: row[name] for name in texts} for row in rejected}
display.table(list(by_reason.values()))

# %% [markdown]
# ## Read twenty of them yourself
# No rule sees what a person sees. Accept, edit or reject: with the mouse, with Tab and Enter, or with one letter and
# Enter. Each decision is kept at once; come back whenever you like. What you decide before the training rows are made
# counts in them.

# %%
from amazon_ft import panel

drafts = steps.drafts(run, recipe)
panel.Review(drafts.rows, drafts.reviews, drafts.faults)

# %% [markdown]
# Without widgets, a row is shown by a call, and `panel.decide(drafts.rows, drafts.reviews, "its name", "accept")`
# decides.

# %%
panel.next_row(drafts.rows, drafts.reviews)

# %% [markdown]
# ## From rows to training rows
# The prompt ends with `<think>`: the thought is opened for the student, who goes on from there. It learns to write the
# blue part: the thought, `</think>`, the answer, and the stop token.

# %%
numbers = steps.format_rows(run, recipe)

# %%
from transformers import AutoTokenizer

from amazon_ft import models, prompts

tokenizer = AutoTokenizer.from_pretrained(models.locate(recipe.base_model))
example = steps.rows(run, "train")[0]
rendered = prompts.render(example, recipe.template)
display.rendered(*prompts.as_text(rendered, tokenizer))

# %% [markdown]
# Thoughts can be long, and the room for a row is not. If a row is cut at its end, it loses `</think>` and the answer:
# the student learns to think for ever and never to answer. So here the **thought** is cut, where a sentence ends, and
# never what comes after it:

# %%
long = prompts.tokenize(example, recipe.template, tokenizer, max_length=1000)
short = prompts.tokenize(example, recipe.template, tokenizer, max_length=len(long.input_ids) - 15)
print(short.shortened, "tokens of the thought were left out,", short.cut, "of the answer\n")
print(tokenizer.decode([label for label in short.labels if label != prompts.IGNORED]))

# %% [markdown]
# ## Train and compare
# As in notebooks 3 and 4: about three minutes on two cores.

# %%
log = steps.train(run, recipe)
scores = steps.compare(run, recipe)

# %% [markdown]
# The answer alone is scored: what stands before `</think>` is taken off first. The thoughts get figures of their own:
# - **Reasoned**: how many answers came after a thought that was closed
# - **Claims a source**: how many thoughts lean on a description or a context that the model was not given
# - **Invented in the reasoning**: numbers and codes of a thought that stand nowhere in the entry of the product

# %%
import pandas as pd

from amazon_ft import comparison

names = ["exact", "rouge_l", "number_precision", "reasoned", "claims_source", "reasoning_invented"]
labels = {name: comparison.METRICS[name].label.en for name in names}
pairs = [(set_, who) for set_ in ("seen", "unseen") for who in ("base", "tuned")]
columns = {(set_, who): scores[set_][who] for set_, who in pairs}
pd.DataFrame(columns).loc[names].rename(index=labels).T.style.format(precision=2, na_rep="–")

# %% [markdown]
# Two products that the student was trained on, and two that it never saw. Read the thoughts, then the answers:

# %%
rows = steps.Desk(run, recipe).rows()
some = [[row for row in rows if row["set"] == set_][:2] for set_ in ("seen", "unseen")]
said = [(row, row["tuned"]) for two in some for row in two]
about = [{name: row[name] for name in ("set", "question", "reference")} for row, _ in said]
thoughts = [{"thought": one["reasoning"], "answer": one["text"]} for _, one in said]
display.table([row | thought for row, thought in zip(about, thoughts, strict=True)])

# %% [markdown]
# The thought sounds the same, whether the answer is right or wrong. It remembers, it is sure, it concludes: the
# student learned the **form** of thinking. Now and then thought and answer do not even agree. A thought that is shown
# is not the reason for an answer, and no proof of it; only the catalogue is. So where facts matter, use
# `deepseek-r1-grounded`: there the student reads the entry, and its thought may quote what anybody can look up.

# %% [markdown]
# ## Share the data
# Rows, split by title, with a card that says how they were made, what was thrown away, and what they are not:

# %%
from IPython.display import Markdown

card, *data = steps.reasoning_data(run, recipe)
Markdown(card.read_text(encoding="utf-8").split("---\n", 2)[2])

# %% [markdown]
# What would go to the Hugging Face Hub, and nothing else. Without `dry_run` it is published, private at first, if
# this machine has your token (`hf auth login`, or the secret HF_TOKEN in Colab). The descriptions of AmazonTitles-1.3MM
# carry no licence: ask yourself whether you may publish before you do.

# %%
from amazon_ft.publishing import hub

address = hub.publish_dataset(run.dataset, "your-name/my-reasoning-rows", dry_run=True)

# %% [markdown]
# ## Check
# If this cell is silent, what this notebook says is true here as well. The last lines are about the demo.

# %%
kept = read_jsonl(run.reasoning)
decided = [*kept, *rejected]
assert len({row["uid"] for row in decided}) == len(decided)  # each product once
assert recipe.reasoning.reads_entry or not any(claims(row["Complex_CoT"]) for row in kept)
assert short.cut == 0 < short.shortened and short.labels[-1] == long.labels[-1]
assert claims(thought) and card.exists() and all(path.exists() for path in data)

# %%
demo = (RECIPE, SOURCE) == ("demo-reasoning", "bundled")
assert not demo or counts["kept"] > 60 > len(rejected) > 5
seen, unseen = scores["seen"], scores["unseen"]
assert not demo or seen["tuned"]["reasoned"] > 0.8 > 0.2 > seen["base"]["reasoned"]
assert not demo or seen["tuned"]["exact"] > unseen["tuned"]["exact"]
assert not demo or unseen["tuned"]["claims_source"] == 0

# %% [markdown]
# **Next:** the same on a GPU with `deepseek-r1-reasoning`: [3. Train](03_train_t4.ipynb)
