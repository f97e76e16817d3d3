# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 6. Fine-tune a hosted model
#
# **OpenAI closes new fine-tuning jobs to everybody on 6 January 2027, and shuts gpt-4o-mini-2024-07-18 down, with all
# that was fine-tuned from it, on 14 January 2027.** Organisations that had never fine-tuned were closed out on 7 May
# 2026. What you learn here outlives that: rows, checks and prices are the same wherever jobs are still made.
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/amazon-ft/amazon-ft/blob/main/notebooks/06_openai.ipynb)
#
# **You will** export training rows as chats, check them, find out what training on them would cost, see what would be
# sent, follow two chained jobs, and compare the model before and after.
#
# **You will learn**
# - what a hosted fine-tuning job wants, and what it refuses
# - how to know the price before you pay it
# - why a job must not be made twice, and how to make sure
# - that what climbs from unseen to seen was memorised, on hosted models too
#
# **You need** no GPU and no key. Without a key you see jobs and answers that were **recorded** from a stand-in, and
# they say so.
#
# *Em português: exporte, confira e orce um fine-tuning hospedado; sem chave, o notebook mostra respostas gravadas.*

# %%
# In Colab, fetch the course and install it. Anywhere else, do nothing.
import os

INSTALL = (
    "test -d amazon-ft || git clone -q https://github.com/amazon-ft/amazon-ft"
    " && pip install -q -r amazon-ft/requirements.txt ./amazon-ft"
)
assert "COLAB_RELEASE_TAG" not in os.environ or os.system(INSTALL) == 0, "run this cell again"

# %% [markdown]
# **Your choices.** The price is yours to look up, and so is the most that you want to spend: this course knows no
# prices, for they change. With `REALLY` switched off nothing is sent and nothing is paid.

# %%
RUN = "runs/demo-hosted"  # @param {type:"string"}
SOURCE = "bundled"  # @param {type:"string"}
REALLY = False  # @param {type:"boolean"}
PRICE = 0.0  # @param {type:"number"}
CURRENCY = "USD"  # @param {type:"string"}
MOST = 5.0  # @param {type:"number"}

# %%
from dataclasses import replace
from pathlib import Path

from amazon_ft import display, steps
from amazon_ft.recipes import named
from amazon_ft.runs import Run

published = named("gpt-4o-mini-chat")
recipe = replace(published, training=replace(published.training, rows_per_job=200))
run = Run(Path(RUN))

# %% [markdown]
# The published project trained `gpt-4o-mini` in two jobs of 20,000 rows, the second one on the model of the first. Our
# recipe does the same; for the small bundled catalogue it makes jobs of 200 rows.

# %%
counts = steps.clean(run, SOURCE)
numbers = steps.format_rows(run, recipe)
files = steps.hosted_export(run, recipe)

# %% [markdown]
# ## A row is a chat
# One line of JSON: what the system says, what the user says, what the assistant shall answer. Only the last is learned.
# It comes from the very function that builds the prompt for asking.

# %%
import json

first = json.loads(files.training[0].read_text().splitlines()[0])
print(json.dumps(first, indent=2, ensure_ascii=False))

# %% [markdown]
# ## Check before you send
# A provider checks a file when it has arrived, and says "line 17,204 is wrong" after minutes, or trains on rows that
# it should have refused. Here every rule is checked at once: roles, the last message, empty texts, lengths, doubles,
# and what no provider looks for: held-out products that leaked into the training rows.

# %%
report = steps.hosted_check(run, recipe)

# %% [markdown]
# Break a row, and see:

# %%
from amazon_ft.openai_jobs import checks, tokens

broken = run.hosted / "broken.jsonl"
first["messages"][-1]["role"] = "salesman"
broken.write_text(json.dumps(first) + "\n" + '{"messages": []}' + "\n")
counter, limits = tokens.counter(recipe.base_model), checks.limits(recipe.base_model)
wrong = checks.check([broken], None, counter, limits)
print("\n".join(wrong.lines()))
broken.unlink()

# %% [markdown]
# ## What would it cost?
# Tokens times epochs, per job and in all. Put the price of a million training tokens into the form above, from the
# provider's page, today. Jobs that would cost more than `MOST` are refused.

# %%
from datetime import date

from amazon_ft.openai_jobs.estimates import Budget

budget = Budget(limit=MOST, price=PRICE, currency=CURRENCY, read_on=date.today())
estimate = steps.hosted_estimate(run, recipe, budget)

# %% [markdown]
# ## What would be sent?
# The files, and this request. Nothing leaves this machine before you say so. The key comes from the environment
# (`OPENAI_API_KEY`; in Colab: the key symbol on the left), never from a cell.

# %%
hosting = steps.Hosting(steps.provider(), budget)
plan = steps.hosted_plan(run, recipe, hosting)
print(json.dumps(plan["first job"], indent=2))

# %% [markdown]
# ## Train
# With `REALLY` on, this cell uploads the files, makes the first job, follows it, makes the second job on the first
# one's model, and follows that. Interrupt it, restart the kernel, come back tomorrow: it finds its own files and jobs
# again and makes none of them twice. With `REALLY` off you see what was recorded.

# %%
made = steps.hosted_train(run, recipe, hosting, really=REALLY)

# %%
told = [(job.id, job.request["model"], job.fine_tuned_model) for job in made.jobs]
display.table([dict(zip(("job", "on", "gave"), each, strict=True)) for each in told])

# %%
from amazon_ft import plots
from amazon_ft.files import read_jsonl

plots.loss_curve(read_jsonl(run.training_log)).figure

# %% [markdown]
# ## Compare
# The same questions, the same scores, the same page as for a local model ([notebook 4](04_compare.ipynb)). Each answer
# is kept as it comes: what was paid once is not paid again.

# %%
scores = steps.compare(run, recipe, questions=12)

# %%
import pandas as pd

from amazon_ft import comparison

names = ["exact", "rouge_l", "number_precision", "invented_numbers"]
labels = {name: comparison.METRICS[name].label.en for name in names}
who = [(set_, system) for set_ in ("seen", "unseen") for system in ("base", "tuned")]
columns = {(set_, system): scores[set_][system] for set_, system in who}
pd.DataFrame(columns).loc[names].rename(index=labels).T.style.format(precision=2, na_rep="–")

# %%
from amazon_ft import panel

rows = steps.Desk(run, recipe).rows()
unseen = [row for row in rows if row["set"] == "unseen"]
panel.show(unseen[0])

# %% [markdown]
# ## Elsewhere
# The rows that you exported and checked are not tied to OpenAI:
# - any server that speaks OpenAI's fine-tuning API: `steps.provider("https://...", "NAME_OF_KEY")`
# - [Mistral](https://docs.mistral.ai/api/endpoint/fine-tuning): the same chat rows, uploaded for `fine-tune`; a job
#   takes `training_files` and a `learning_rate`, through Mistral's own client
# - [Together](https://docs.together.ai/docs/finetuning): the same chat rows; a job takes `n_epochs`, `batch_size` and a
#   `learning_rate`, through Together's own client
#
# ## The lesson
# A hosted job saves you the GPU, not the thinking. You cannot see its loss on your own questions, you cannot keep its
# weights, and on a day that somebody else chooses it is gone. So keep what is yours: the rows, the checks, the
# questions and the answers. The recipe `llama-3.2-1b-question` trains on the same products on a machine of your own.

# %% [markdown]
# ## Check
# If this cell is silent, what this notebook says is true here as well.

# %%
assert report.ok and not wrong.ok and made.model == made.job(len(files.training)).fine_tuned_model
assert len(files.training) == 1 or made.job(2).request["model"] == made.job(1).fine_tuned_model
assert not {row["source"] for row in unseen} & {row.source for row in steps.rows(run, "train")}
assert REALLY or scores["seen"]["tuned"]["exact"] > scores["unseen"]["tuned"]["exact"]
assert run.page.stat().st_size > 10_000

# %% [markdown]
# **Next:** [7. Publish what you trained](07_publish.ipynb), for a model whose weights are yours.
