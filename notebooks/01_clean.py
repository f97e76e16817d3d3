# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 1. Clean the catalogue
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/amazon-ft/amazon-ft/blob/main/notebooks/01_clean.ipynb)
#
# **You will** turn a catalogue as it was scraped from web pages into a table of products that a model can learn from.
#
# **You will learn**
# - to look at raw rows before you write a rule
# - to undo the dirt of web pages rule by rule, and to keep what is not dirt
# - to count every row, kept or refused
# - to set products aside for the test before anything is trained
#
# **You need** nothing else: no GPU, no account, no download. It takes a few seconds.
#
# *Em português: este notebook limpa o catálogo de produtos, regra por regra, e mostra o que aconteceu com cada linha.*

# %%
# In Colab, fetch the course and install it. Anywhere else, do nothing.
import os

INSTALL = (
    "test -d amazon-ft || git clone -q https://github.com/amazon-ft/amazon-ft"
    " && pip install -q -r amazon-ft/requirements.txt ./amazon-ft"
)
assert "COLAB_RELEASE_TAG" not in os.environ or os.system(INSTALL) == 0, "run this cell again"

# %% [markdown]
# **Your choices.** `bundled` is a small invented catalogue that comes with the course. It has the dirt of the real
# one. To use your own, write the path of a `trn.json` or `trn.json.gz` and choose another run folder.

# %%
RUN = "runs/demo"  # @param {type:"string"}
SOURCE = "bundled"  # @param {type:"string"}

# %% [markdown]
# ## Look first
# The catalogue is a text file with one product a line. A line is a JSON object: the product's number `uid`, its
# `title`, its description `content`, and the places of related products, which we do not use.

# %%
import gzip
from pathlib import Path

from amazon_ft.sample import catalogue

path = catalogue.cached() if SOURCE == "bundled" else Path(SOURCE)
with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as file:
    print(file.readline())

# %% [markdown]
# That one is clean. It is easy to stop here, and that is how dirt gets into a model. Let us look for rows that need
# work: one for each rule that we are going to use.

# %%
from itertools import islice

from amazon_ft import cleaning, display, products

rows = [row for row in islice(products.read(path), 20_000) if isinstance(row, products.Product)]
traces = [(row.content, cleaning.trace(row.content)) for row in rows if 60 < len(row.content) < 400]
dirty = {trace[0][0]: text for text, trace in reversed(traces) if len(trace) in (1, 2)}
display.table([{"needs the rule": rule, "description": text} for rule, text in dirty.items()])

# %% [markdown]
# `&#248;` is the letter ø, `<br>` is a line break, and the notes at the end speak about another edition or about the
# owner of the text. A model that learns from these rows may write `<br>` to your customers.

# %% [markdown]
# ## The head of the file is a bad sample
# It is tempting to work with the first 100 rows. Look at how their numbers begin. Books have an ISBN, which begins
# with a digit. Other products begin with `B`. The letter `n` marks rows that had no number, so we gave them one.

# %%
from collections import Counter

letters = [row.uid[0] for row in products.read(path) if isinstance(row, products.Product)]
head, whole = Counter(letters[:100]), Counter(letters)
shares = [(letter, head[letter] / 100, number / len(letters)) for letter, number in whole.items()]
display.table([{"begins": uid, "first 100": f"{a:.0%}", "all": f"{b:.0%}"} for uid, a, b in shares])

# %% [markdown]
# The file begins with books. A model trained on its head would know books and nothing else. So we clean the whole
# file, and notebook 2 takes its sample over all of it.

# %% [markdown]
# ## One dirty text, rule by rule
# The rules run in a fixed order, again and again, until no rule changes anything. `trace` shows each step.

# %%
worst = max(rows, key=lambda row: len(cleaning.trace(row.content)))
trace = [("as it was scraped", worst.content), *cleaning.trace(worst.content)]
display.table([{"rule": rule, "text after it": text} for rule, text in trace])

# %% [markdown]
# Too much cleaning is also a mistake. Accents, prices, hyphens and the signs of arithmetic are not dirt: a rule
# that keeps only letters would turn `R$ 1.299,00` into nothing. These four stay as they are.

# %%
good = ["Pão de queijo, 5 < 6", "R$ 1.299,00 (-20%)", "AT&T – 2ª edição", "if x<y and z>1"]
display.table([{"before": text, "after": cleaning.clean_text(text)} for text in good])

# %% [markdown]
# ## Clean the whole catalogue

# %%
from amazon_ft import steps
from amazon_ft.runs import Run

run = Run(Path(RUN))
counts = steps.clean(run, SOURCE)

# %% [markdown]
# Every row has an end: it is kept, or it is refused for a reason that has a name and a number.

# %%
from amazon_ft import plots

plots.funnel(counts).figure

# %%
refused = sum(counts["rejected"].values())
print(f"{counts['kept']} kept + {refused} refused = {counts['read']} read")

# %% [markdown]
# Many rows have no description at all. No rule can repair that, and a model can learn nothing from them.
# Three of the rows that could be repaired:

# %%
raw = {row.uid: row.content for row in rows}
kept = list(islice(products.load(run.products), 20_000))
repaired = [row for row in kept if raw.get(row.uid, row.content) != row.content]
display.table([{"before": raw[row.uid], "after": row.content} for row in repaired[:3]])

# %% [markdown]
# Some damage stays. When the file says `byMarta` or has `A` where a dash was, the right characters are gone. A rule
# that guesses them would also break good words.

# %% [markdown]
# ## Set products aside, by the hash of the title
# To know later what the model really learned, some products must stay unseen. Which ones? A hash turns the title into
# a number that looks random but is always the same. The number decides: about 80% training, 10% validation, 10% test.

# %%
splits = Counter(products.split_of(product.title) for product in products.load(run.products))
display.table([{"split": name, "products": number} for name, number in splits.most_common()])

# %% [markdown]
# Only the title decides. The place in the file, the number of rows and the other products play no part. **When the
# catalogue grows, no old product moves from one split to another.** Titles that differ only in capitals, accents or
# punctuation fall on the same side, so that no test product has a twin in the training rows.

# %%
title = kept[0].title
variants = [title, title.upper(), f"  {title}!"]
display.table([{"title": variant, "split": products.split_of(variant)} for variant in variants])

# %% [markdown]
# ## Check
# If this cell is silent, what this notebook says is true on your data as well.

# %%
assert counts["read"] == counts["kept"] + refused
assert sum(splits.values()) == counts["kept"]
assert all(cleaning.clean_text(product.content) == product.content for product in kept)
assert len({(product.title, product.content) for product in kept}) == len(kept)
assert products.split_of("Clock Repair") == products.split_of("clock  repair!")
assert [cleaning.clean_text(text) for text in good] == good

# %% [markdown]
# **Next:** [2. Make training rows](02_format_alpaca.ipynb)
