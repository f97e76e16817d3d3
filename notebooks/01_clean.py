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
# **You will** turn a catalogue as it was scraped from web pages into a table of products that a model can learn from:
# the small one that comes with the course, or all 2.2 million rows of AmazonTitles-1.3MM.
#
# **You will learn**
# - to look at raw rows before you write a rule
# - to undo the dirt of web pages rule by rule, and to keep what is not dirt
# - to count every row, kept or refused, and to see what other rules would destroy
# - why the head of a file is a bad sample
# - to set products aside for the test before anything is trained
#
# **You need** nothing else: no GPU, no account, no download. It takes a few seconds; the whole catalogue takes a
# download of 890 MB, and then about a minute and less than 1 GB of memory.
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
# one. For the whole of AmazonTitles-1.3MM choose `drive`, for a catalogue of your own write its path (JSON lines,
# CSV or Parquet, packed or not), and choose another run folder for each.

# %%
RUN = "runs/demo"  # @param {type:"string"}
SOURCE = "bundled"  # @param ["bundled", "drive"] {allow-input: true}

# %% [markdown]
# ## Look first
# A row has the product's number `uid`, its `title` and its description `content`. These are the first three. A file
# on Google Drive is downloaded now, once; if the download breaks, run the cell again and it goes on.

# %%
from itertools import islice

from amazon_ft import display
from amazon_ft.products import Product
from amazon_ft.sources import reading

rows = [row for row in islice(reading.read(SOURCE), 20_000) if isinstance(row, Product)]
display.table([row.as_dict() for row in rows[:3]])

# %% [markdown]
# They look clean, or they are empty. It is easy to stop here, and that is how dirt gets into a model. Let us look for
# rows that need work: one for each rule that we are going to use.

# %%
from amazon_ft.cleaning.rules import OURS

traces = [(row.content, OURS.trace(row.content)) for row in rows if 60 < len(row.content) < 400]
dirty = {trace[0][0].name: text for text, trace in reversed(traces) if len(trace) in (1, 2)}
display.table([{"needs the rule": rule, "description": text} for rule, text in dirty.items()])

# %% [markdown]
# `&#248;` is the letter ø, `<br>` is a line break, and the notes at the end speak about another edition or about the
# owner of the text. A model that learns from these rows may write `<br>` to your customers.

# %% [markdown]
# ## One dirty text, rule by rule
# The rules run in a fixed order, again and again, until no rule changes anything. `trace` shows each step.

# %%
worst = max(rows, key=lambda row: len(OURS.trace(row.content)))
trace = [(rule.name, text) for rule, text in OURS.trace(worst.content)]
steps_shown = [("as it was scraped", worst.content), *trace]
display.table([{"rule": rule, "text after it": text} for rule, text in steps_shown])

# %% [markdown]
# ## Too much cleaning is also a mistake
# Accents, prices, hyphens and the signs of arithmetic are not dirt. These four stay as they are.

# %%
good = ["Pão de queijo, 5 < 6", "R$ 1.299,00 (-20%)", "AT&T – 2ª edição", "if x<y and z>1"]
display.table([{"before": text, "after": OURS.clean(text)} for text in good])

# %% [markdown]
# Published projects cleaned the same catalogue by other rules. `letters-only` keeps letters, digits, commas and
# periods; `strip-tags` deletes whatever stands between `<` and `>`. We apply each of them to the same rows and count
# the rows in which it destroys something that a customer asks for.

# %%
from amazon_ft.cleaning.policies import KINDS, destroyed

table = destroyed([f"{row.title} {row.content}" for row in rows[:1000]])
lost = {kind: {name: table[name][kind]["lost"] for name in table} for kind in KINDS}
had = {kind: table["ours"][kind]["had"] for kind in KINDS}
display.table([{"lost": kind, "rows that have it": had[kind], **lost[kind]} for kind in KINDS])

# %% [markdown]
# ## Clean the whole catalogue
# One pass over the file, a few thousand rows at a time: the memory does not grow with the file. The bar shows how
# much is read, the time left, and the rows a second.

# %%
import os
from pathlib import Path

from amazon_ft import steps
from amazon_ft.runs import Run

run = Run(Path(RUN))
counts = steps.clean(run, SOURCE, workers=min(os.cpu_count(), 4))

# %% [markdown]
# Every row has an end: it is kept, or it is refused for a reason that has a name and a number.

# %%
from amazon_ft import plots

plots.funnel(counts).figure

# %%
refused = sum(counts["rejected"].values())
print(f"{counts['kept']:,} kept + {refused:,} refused = {counts['read']:,} read")

# %% [markdown]
# Many rows have no description at all. No rule can repair that, and a model can learn nothing from them. The refused
# rows are kept too, in `rejected.parquet`, with the reason and their place in the file.

# %%
from pyarrow import parquet

rejected = parquet.read_table(run.rejected).to_pandas()
rejected.drop_duplicates("reason")

# %% [markdown]
# ## The whole report
# The page `cleaning.html` in the run folder shows it all: three examples for each rule, how long the texts are, and
# what each set of rules would have destroyed in these very rows.

# %%
display.framed(run.cleaning_page.read_text(encoding="utf-8"))

# %% [markdown]
# Some damage stays. When the file says `byMarta` or has `A` where a dash was, the right characters are gone. A rule
# that guesses them would also break good words.

# %% [markdown]
# ## The head of the file is a bad sample
# It is tempting to work with the first 100 rows. Look at how their numbers begin. Books have an ISBN, which begins
# with a digit. Most other products begin with `B`.

# %%
heads = counts["prefixes"]
numbers = {name: sum(head.values()) for name, head in heads.items()}
books = {name: sum(head[uid] for uid in head if uid[0].isdigit()) for name, head in heads.items()}
display.table([{"products": name, "books": f"{books[name] / numbers[name]:.0%}"} for name in heads])

# %% [markdown]
# The file begins with books. A model trained on its head would know books and nothing else. A sample must be taken
# over the whole file: we sort the products by a hash of their number, which looks like chance but is always the same,
# and take the first ones.

# %%
from amazon_ft import products

few = products.sample(products.load(run.products), {"train": 100, "validation": 0, "test": 0})
share = sum(row.uid[0].isdigit() for row in few["train"]) / len(few["train"])
print(f"books in a sample of {len(few['train'])}: {share:.0%}")

# %% [markdown]
# ## Set products aside, by the hash of the title
# To know later what the model really learned, some products must stay unseen. Which ones? A hash turns the title into
# a number that looks random but is always the same. The number decides: about 80% training, 10% validation, 10% test.

# %%
from collections import Counter

kept = list(islice(products.load(run.products), 20_000))
splits = Counter(products.split_of(product.title) for product in kept)
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
# Twins can also have two titles and nearly one description: editions of a book, colours of a lamp. A model that
# learned one of them has seen the other. We look for such near duplicates; where their titles fall on both sides, only
# one side keeps its products, training before test, and the others are withheld: nothing trains on them or tests them.

# %%
near = counts["near_duplicates"]
print("{products:,} products in {clusters:,} clusters, {withheld:,} withheld".format_map(near))
pairs = [cluster[:2] for cluster in near["examples"]]
display.table([{"cluster": n, **row} for n, pair in enumerate(pairs) for row in pair])

# %% [markdown]
# ## In pieces, if you need them
# The published projects worked with files of 20,000 or 100,000 rows, which fit into an editor and into an upload. A
# folder of such shards can be a `SOURCE` too.

# %%
paths = products.write_shards(run.shards, products.load(run.products), 20_000)
print(f"{len(paths)} of {paths[0].name}")

# %% [markdown]
# ## Check
# If this cell is silent, what this notebook says is true on your data as well.

# %%
assert counts["read"] == counts["kept"] + refused
assert len(rejected) == refused
assert all(OURS.clean(product.content) == product.content for product in kept)
assert len({(product.title, product.content) for product in kept}) == len(kept)
assert products.split_of("Clock Repair") == products.split_of("clock  repair!")
assert [OURS.clean(text) for text in good] == good
assert list(islice(reading.read(run.shards), 20_000)) == kept

# %% [markdown]
# **Next:** [2. Make training rows](02_format_alpaca.ipynb)
