"""The side road before `format`: reasoning rows written about sampled products, sifted, reviewed, made a data set."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amazon_ft import products
from amazon_ft.files import InputError, digest, read_jsonl, write_jsonl
from amazon_ft.products import Product
from amazon_ft.reasoning import gate, rules
from amazon_ft.reasoning.authors import FIELDS, Author
from amazon_ft.reasoning.ledger import WRITTEN, Ledger, key
from amazon_ft.reasoning.reviews import Reviews
from amazon_ft.recipes import RECIPES, RULES, Reasoning, Recipe
from amazon_ft.runs import SPLITS, Run, claim, differences, hashed, manifest, record_step, say
from amazon_ft.sample import catalogue
from amazon_ft.steps.sampling import check_cleaned, spread

if TYPE_CHECKING:
    from amazon_ft.reasoning.asking import Pace
    from amazon_ft.reasoning.dialects import Options

STEP = "reasoning"


@dataclass(frozen=True)
class Wanted:
    """Hold of how many products rows are wanted, by which model where, how it is asked and how fast.

    What is left out is the recipe's own: as many products as it has rows, its server, its teacher.
    """

    products: int | None = None
    server: str = ""
    model: str = ""
    options: Options | None = None
    pace: Pace | None = None
    retry_failed: bool = False


AS_THE_RECIPE_SAYS = Wanted()


def write_reasoning(run: Run, recipe: Recipe, wanted: Wanted = AS_THE_RECIPE_SAYS) -> dict[str, Any]:
    """Have a row written about each product sampled for the recipe, as far as it is not there, and sift all of them.

    Goes on where an earlier session stopped. Returns the counts: kept, rejected and failed by reason.
    Raises InputError if the rows there were written otherwise, if training rows were made from them already, or if
    another session is at it.
    """
    from amazon_ft.reasoning.asking import write_rows

    style = style_of(recipe)
    check_cleaned(run)
    claim(run, recipe.as_dict())
    chosen = spread(run, recipe, wanted.products)
    author = _author(style, wanted)
    identity, ledger = json.loads(json.dumps(author.identity)), Ledger(run.reasoning_ledger)
    with ledger.alone():
        known = set(ledger.read())
        if known:
            _refuse_other_author(run, identity)
        missing = [product for product in chosen if key(product, identity) not in known]
        if missing or wanted.retry_failed:
            _refuse_late(run)
            _record(run, {"author": identity, "products": len(chosen)}, [])
        finished = write_rows(author, chosen, ledger, wanted.pace, retry_failed=wanted.retry_failed)
        if finished.written or finished.failed:  # only now is it known how the server takes what it is asked
            _record(run, {**manifest(run)["steps"][STEP], "told": dict(author.told)}, [])
        counts = sift(run, recipe)
    is_done = finished.reason == "done" and not (finished.written or finished.failed)
    say(STEP, not is_done, _told(counts, finished.reason, run))
    return counts


def try_teacher(run: Run, recipe: Recipe, wanted: Wanted) -> list[dict[str, Any]]:
    """Have rows written if somebody is there to write them, else say why nobody is; return what was written so far."""
    try:
        write_reasoning(run, recipe, wanted)
    except InputError as nobody:
        print(nobody)
    return [line for line in Ledger(run.reasoning_ledger).read().values() if line["outcome"] == WRITTEN]


def sift(run: Run, recipe: Recipe) -> dict[str, Any]:
    """Write the rows that the gate and the reviewers let through, and those that they do not; return the counts.

    Once training rows were made from them they stay as they are, and what was decided since then is said.
    """
    style, (lines, known), decided = style_of(recipe), _written(run), Reviews(run.reasoning_reviews).read()
    sifted = gate.sift(lines, known, style, decided)
    rows, about = [{name: row[name] for name in ("uid", *FIELDS)} for row in sifted.kept], manifest(run)["steps"]
    if "format" in about and run.reasoning.exists():
        if rows != _let_through(run):
            print("what was decided after training rows were made stays out of this run: choose another run folder")
        return dict(about[STEP]["counts"])
    write_jsonl(run.reasoning, rows)
    write_jsonl(run.reasoning_rejected, [*sifted.rejected, *sifted.failed])
    cost = asdict(Ledger(run.reasoning_ledger).spent())
    reviewed = dict(Counter(decided[line["key"]].decision for line in lines if line["key"] in decided))
    told = {"counts": sifted.counts, "cost": cost, "reviewed": reviewed}
    _record(run, {**about[STEP], **told}, [run.reasoning, run.reasoning_rejected])
    return sifted.counts


@dataclass(frozen=True)
class Drafts:
    """Hold what a review needs: rows as they were written, where decisions are kept, and what the gate would say."""

    rows: list[dict[str, Any]]
    reviews: Reviews
    faults: Callable[[Mapping[str, str], Mapping[str, Any]], list[str]]


def drafts(run: Run, recipe: Recipe) -> Drafts:
    """Give the rows that the gate lets through, to be reviewed; `format_rows` heeds what was decided until then."""
    style, (lines, known) = style_of(recipe), _written(run)
    kept = gate.sift(lines, known, style).kept
    rows = [{**row, "title": known[row["uid"]].title, "content": known[row["uid"]].content} for row in kept]

    def faults(texts: Mapping[str, str], row: Mapping[str, Any]) -> list[str]:
        return gate.faults({**row, **texts}, known[row["uid"]], style)

    return Drafts(rows, Reviews(run.reasoning_reviews), faults)


def reasoning_data(run: Run, recipe: Recipe) -> list[Path]:
    """Sift, write the rows that are let through as a data set with its card, split by title, and name the files.

    Raises InputError before there are any.
    """
    from amazon_ft.reasoning import card

    sift(run, recipe)  # with what was decided in review, and what a session that was killed had not sifted
    kept = read_jsonl(run.reasoning)
    known = _products(run, kept)
    splits: dict[str, list[dict[str, Any]]] = {split: [] for split in SPLITS}
    for row in kept:
        splits[products.split_of(known[row["uid"]].title)].append(row)
    return card.write_dataset(run.dataset, splits, _about(run, recipe))


def style_of(recipe: Recipe) -> Reasoning:
    """Give how a recipe's reasoning rows are asked for.

    Raises InputError for a recipe that trains on none.
    """
    if recipe.reasoning is None:
        others = ", ".join(name for name, other in RECIPES.items() if other.reasoning)
        raise InputError(f"recipe {recipe.name!r} trains on no reasoning rows: choose one that does ({others}).")
    return recipe.reasoning


def _author(style: Reasoning, wanted: Wanted) -> Author:
    address = wanted.server or style.server
    if address == RULES:
        return rules.RuleMade(style)
    from amazon_ft.reasoning import servers
    from amazon_ft.reasoning.dialects import Options

    return servers.connected(address, wanted.model or style.teacher, style, wanted.options or Options())


def _refuse_other_author(run: Run, identity: Mapping[str, Any]) -> None:
    before = manifest(run)["steps"].get(STEP)
    if before and (changes := list(differences(before["author"], identity))):
        raise InputError(
            f"the reasoning rows of run folder {run.folder} were written otherwise ({'; '.join(changes)}): "
            "go on as before, or choose another run folder."
        )


def _refuse_late(run: Run) -> None:
    if "format" in manifest(run)["steps"]:
        raise InputError(
            f"the training rows of run folder {run.folder} were made from the reasoning rows there are: "
            "choose another run folder for more of them."
        )


def _let_through(run: Run) -> list[dict[str, Any]]:
    """Read the rows that were let through, unless somebody has changed them."""
    hashed(run, [run.reasoning])
    return read_jsonl(run.reasoning)


def _written(run: Run) -> tuple[list[dict[str, Any]], dict[str, Product]]:
    """Give the ledger's lines about products as they are in the catalogue now, and these products."""
    identity = manifest(run)["steps"].get(STEP, {}).get("author")
    if identity is None or not run.reasoning_ledger.exists():
        raise InputError(f"{run.reasoning_ledger} is missing: do the step {STEP!r} first.")
    check_cleaned(run)
    lines = list(Ledger(run.reasoning_ledger).read().values())
    known = _products(run, lines)
    fitting = [line for line in lines if line["uid"] in known and line["key"] == key(known[line["uid"]], identity)]
    return fitting, known


def _products(run: Run, rows: Sequence[Mapping[str, Any]]) -> dict[str, Product]:
    uids = {row["uid"] for row in rows}
    return {product.uid: product for product in products.load(run.products) if product.uid in uids}


def _record(run: Run, about: Mapping[str, Any], outputs: Sequence[Path]) -> None:
    record_step(run, STEP, {**about, "inputs": hashed(run, [run.products])}, outputs)


def _told(counts: Mapping[str, Any], reason: str, run: Run) -> str:
    rejected, failed = (sum(counts[outcome].values()) for outcome in ("rejected", "failed"))
    ended = "" if reason == "done" else f" (stopped: {reason})"
    return f"{counts['kept']:,} rows kept, {rejected:,} rejected, {failed:,} failed{ended}, in {run.reasoning}"


def _about(run: Run, recipe: Recipe) -> dict[str, Any]:
    """Tell what the card of the data set says."""
    done, cleaned = manifest(run)["steps"], json.loads(run.cleaning.read_text(encoding="utf-8"))
    style, author, inputs = style_of(recipe), done[STEP]["author"], done["clean"]["inputs"]
    return {
        **{name: author[name] for name in ("model", "digest", "options")},
        "server": f"{author['server']} {done[STEP].get('told', {}).get('version', '')}".strip(),
        **{name: done[STEP][name] for name in ("counts", "cost", "reviewed") if name in done[STEP]},
        "style": style.style,
        "prompts": {f"prompt {number}": text for number, text in enumerate(author["prompts"], 1)},
        "language": style.language,
        "catalogue": {"rows read": cleaned["read"], "products kept": cleaned["kept"]},
        "source": ", ".join(inputs),
        "version": done[STEP]["versions"]["amazon-ft"],
        "by_rules": author["model"] == rules.MODEL,
        "invented": digest(catalogue.cached()) in inputs.values(),
    }
