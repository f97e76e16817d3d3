from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from amazon_ft.files import InputError
from amazon_ft.reasoning import card
from amazon_ft.reasoning.card import write_dataset

ABOUT: dict[str, Any] = {
    "model": "deepseek-r1:8b",
    "digest": "28f8fd6cdc67",
    "server": "Ollama 0.12.6",
    "options": {"temperature": 0.6, "max_tokens": 2048},
    "style": "closed",
    "prompts": {"prompt": "Ask one question about this product.\n\nTitle: {title}\nDescription: {content}"},
    "language": "en",
    "counts": {"kept": 7, "rejected": {"cites a context": 1, "wrong language": 2}, "failed": {"timed out": 1234}},
    "cost": {"prompt_tokens": 12_345, "completion_tokens": 678_901},
    "reviewed": {"accept": 3, "edit": 1, "reject": 1},
    "catalogue": {"read": 2_248_619, "kept by cleaning": 1_500_000},
    "source": "trn.json",
    "version": "0.1.0",
}
UNSEEN = "\u202e\x00\x7f\x85\u2028\ud83d"
NASTY = f"a|b `c` ``d`` *e* _f_ <script>alert(1)</script>\n---\n# head: {{{{ x }}}} [l](http://x) {UNSEEN} \\"


def _rows(split: str, number: int) -> list[dict[str, Any]]:
    return [
        {
            "uid": f"{split}{index}",
            "Question": f"What is the weight of the Kettle No. {index}?",
            "Complex_CoT": "A kettle of this size is made of steel.\nThat weighs about a kilogram.",
            "Response": "1999-05-01" if index == 0 else "It weighs 1.2 kg – “empty”.",
            "key": "not to be published",
        }
        for index in range(number)
    ]


SPLITS = {"train": _rows("train", 3), "validation": _rows("validation", 2), "test": _rows("test", 2)}


def _front(text: str) -> dict[str, Any]:
    import yaml

    head, front, _ = text.split("---\n", 2)
    assert head == ""
    return dict(yaml.safe_load(front))


def _body(text: str) -> str:
    return text.split("---\n", 2)[2]


def test_writes_a_card_and_a_file_for_each_split(tmp_path: Path) -> None:
    paths = write_dataset(tmp_path / "set", SPLITS, ABOUT)
    names = ["README.md", "data/train.jsonl", "data/validation.jsonl", "data/test.jsonl"]
    assert [path.relative_to(tmp_path / "set").as_posix() for path in paths] == names
    assert sorted(path for path in (tmp_path / "set").rglob("*") if path.is_file()) == sorted(paths)
    first = json.loads(paths[1].read_text(encoding="utf-8").splitlines()[0])
    assert first == {name: SPLITS["train"][0][name] for name in ("uid", "Question", "Complex_CoT", "Response")}


def test_the_front_matter_is_what_the_hub_wants(tmp_path: Path) -> None:
    from huggingface_hub import DatasetCard

    path = write_dataset(tmp_path / "set", {**SPLITS, "validation": []}, ABOUT)[0]
    front = DatasetCard.load(path).data.to_dict()
    assert front == _front(path.read_text(encoding="utf-8"))
    assert front["license"] == "unknown"
    assert front["language"] == ["en"]
    assert front["size_categories"] == ["n<1K"]
    assert front["task_categories"] == ["text-generation"]
    assert front["configs"][0]["data_files"] == [
        {"split": "train", "path": "data/train.jsonl"},
        {"split": "test", "path": "data/test.jsonl"},
    ]


def test_a_licence_is_named_in_the_hubs_words(tmp_path: Path) -> None:
    link = "https://example.org/terms"
    about = {**ABOUT, "license_name": "our-terms-1.0", "license_link": link}
    text = write_dataset(tmp_path / "set", SPLITS, about)[0].read_text(encoding="utf-8")
    front = _front(text)
    assert (front["license"], front["license_name"], front["license_link"]) == ("other", "our-terms-1.0", link)
    assert "gave them the licence `our-terms-1.0`" in text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"license_name": "Our Terms"}, "license_name 'Our Terms'"),
        ({"license_link": "https://example.org"}, "license_link needs license_name"),
        ({"license_name": "x", "license_link": "javascript:1"}, "license_link 'javascript:1'"),
        ({"language": "xx"}, "language 'xx'"),
        ({"style": "open"}, "style 'open'"),
        ({"counts": {"kept": 1, "rejected": {}}}, r"without counts\['failed'\]"),
    ],
)
def test_refuses_what_the_card_cannot_say(changed: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        write_dataset(tmp_path / "set", SPLITS, {**ABOUT, **changed})
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize("name", card.NEEDED)
def test_refuses_a_card_that_would_leave_something_out(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"without {name}"):
        write_dataset(tmp_path, SPLITS, {key: value for key, value in ABOUT.items() if key != name})


def test_refuses_rows_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no row was kept"):
        write_dataset(tmp_path / "set", {"train": []}, ABOUT)
    with pytest.raises(InputError, match="no split 'dev'"):
        write_dataset(tmp_path / "set", {"dev": SPLITS["train"]}, ABOUT)
    with pytest.raises(InputError, match="product train0 stands in the rows twice"):
        write_dataset(tmp_path / "set", {"train": SPLITS["train"], "test": SPLITS["train"][:1]}, ABOUT)
    with pytest.raises(InputError, match="no text in Response"):
        write_dataset(tmp_path / "set", {"train": [{**SPLITS["train"][0], "Response": None}]}, ABOUT)


def test_a_second_writing_replaces_the_first_one_whole(tmp_path: Path) -> None:
    write_dataset(tmp_path / "set", SPLITS, ABOUT)
    paths = write_dataset(tmp_path / "set", {"train": SPLITS["train"]}, ABOUT)
    assert sorted(path for path in (tmp_path / "set").rglob("*") if path.is_file()) == sorted(paths)


def test_never_replaces_a_folder_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("three years")
    with pytest.raises(InputError, match=re.escape("such as thesis.txt")):
        write_dataset(tmp_path, SPLITS, ABOUT)
    assert (tmp_path / "thesis.txt").read_text() == "three years"
    with pytest.raises(InputError, match="is a file"):
        write_dataset(tmp_path / "thesis.txt", SPLITS, ABOUT)


def test_a_failed_writing_leaves_the_first_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [path.read_bytes() for path in write_dataset(tmp_path / "set", SPLITS, ABOUT)]

    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(card, "write_jsonl", full)
    with pytest.raises(OSError, match="disk full"):
        write_dataset(tmp_path / "set", {"train": SPLITS["train"]}, ABOUT)
    monkeypatch.undo()
    assert [path.read_bytes() for path in write_dataset(tmp_path / "set", SPLITS, ABOUT)] == before


def test_the_card_tells_the_numbers(tmp_path: Path) -> None:
    text = write_dataset(tmp_path / "set", SPLITS, ABOUT)[0].read_text(encoding="utf-8")
    assert "| train | 3 |\n| validation | 2 |\n| test | 2 |\n" in text
    assert "Of 1,244 products that were asked about,\n7 gave a row" in text
    assert "Rejected:\n\n- `wrong language`: 2\n- `cites a context`: 1\n" in text
    assert "- `timed out`: 1,234\n" in text
    assert "12,345 and 678,901" in text
    assert "looked at 5 rows" in text
    assert "are in this data set" not in text
    assert "```text\n" + ABOUT["prompts"]["prompt"] + "\n```" in text
    assert "digest `28f8fd6cdc67`" in text
    assert "no licence is stated" in text
    assert "The terms of the model that wrote the rows (`deepseek-r1:8b`)" in text
    assert "not to be published" not in text


def test_the_card_says_when_rows_are_missing_and_when_nobody_looked(tmp_path: Path) -> None:
    about = {**ABOUT, "counts": {"kept": 9, "rejected": {}, "failed": {}}, "reviewed": {}}
    text = write_dataset(tmp_path / "set", SPLITS, about)[0].read_text(encoding="utf-8")
    assert "Of the rows kept, 7 are in this data set." in text
    assert "No person has read these rows." in text
    assert "Rejected:" not in text


def test_rows_made_by_rules_are_named_so(tmp_path: Path) -> None:
    about = {**ABOUT, "model": "made by rules", "by_rules": True, "invented": True}
    text = write_dataset(tmp_path / "set", SPLITS, about)[0].read_text(encoding="utf-8")
    assert "**These rows were made by rules, not by a model.**" in text
    assert "**The products are invented:**" in text
    assert "AmazonTitles" not in text
    assert "terms of the model" not in text
    assert "rule-made" in _front(text)["tags"]
    of_a_model = write_dataset(tmp_path / "other", SPLITS, ABOUT)[0].read_text(encoding="utf-8")
    assert "rules, not by a model" not in of_a_model
    assert "invented" not in of_a_model


@pytest.mark.parametrize(
    ("style", "said"), [("closed", "reads the question alone"), ("grounded", "reads the product's catalogue entry")]
)
def test_the_card_says_what_the_trained_model_reads(style: str, said: str, tmp_path: Path) -> None:
    text = write_dataset(tmp_path / "set", SPLITS, {**ABOUT, "style": style})[0].read_text(encoding="utf-8")
    assert said in text


def test_no_text_from_outside_breaks_the_card(tmp_path: Path) -> None:
    plain = _body(write_dataset(tmp_path / "plain", SPLITS, ABOUT)[0].read_text(encoding="utf-8"))
    nasty = NASTY + "\n```\n# prompt\n---\n"
    about = {
        **ABOUT,
        **dict.fromkeys(("name", "model", "digest", "server", "source", "version"), nasty),
        "options": {nasty: nasty, "b": 1},
        "prompts": {nasty: nasty},
        "counts": {"kept": 7, "rejected": {nasty: 1, "b": 1}, "failed": {nasty: 1}},
        "catalogue": {nasty: 1, "b": 2},
        "repo_id": '"); x',
    }
    splits = {"train": [{**SPLITS["train"][0], "Question": NASTY.replace("\ud83d", "") + "\n```\n# out"}]}
    text = write_dataset(tmp_path / "set", splits, about)[0].read_text(encoding="utf-8")
    assert _front(text)["pretty_name"].startswith("a|b `c`")
    assert not re.search("[\x00\x7f\x85\u2028\u202e]", text)
    assert _headings(_body(text))[1:] == _headings(plain)[1:]
    assert "<script>" not in _without_code(_body(text))
    assert len(_lists(_body(text))) == len(_lists(plain))


@pytest.mark.parametrize(
    ("text", "shown"), [("a`b", "``a`b``"), ("`a``", "``` `a`` ```"), (" a\n b ", "`a b`"), ("", "(not known)")]
)
def test_code_in_a_line_ends_where_it_shall(text: str, shown: str, tmp_path: Path) -> None:
    card = write_dataset(tmp_path / "set", SPLITS, {**ABOUT, "model": text})[0].read_text(encoding="utf-8")
    assert f"Written by: {shown}, digest" in card


def _without_code(text: str) -> str:
    """Take the code out of Markdown: blocks, then spans, each up to a fence of its own length."""
    blocks = re.sub(r"^(`{3,})[a-z]*\n.*?\n\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    spans = re.sub(r"(?<![`\\])(`+)(?!`)(.*?)(?<!`)\1(?!`)", "", blocks)
    return re.sub(r"\\[!-/:-@\[-`{-~]", "", spans)


def _headings(text: str) -> list[str]:
    return [line for line in _without_code(text).splitlines() if re.match("#|---|===", line)]


def _lists(text: str) -> list[str]:
    return [line for line in _without_code(text).splitlines() if line.startswith("- ")]


def test_the_lines_that_load_the_rows_load_them(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    # A folder here goes before a repository there of the same name.
    path = write_dataset(tmp_path / "owner" / "name", SPLITS, {**ABOUT, "repo_id": "owner/name"})[0]
    found = re.search(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    lines = found[1].splitlines()
    assert len(lines) == 3
    lines.append("print({split: rows[split].to_list() for split in rows} == " + repr(_published()) + ")")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "True"


def _published() -> dict[str, list[dict[str, str]]]:
    return {split: [{name: row[name] for name in card.COLUMNS} for row in rows] for split, rows in SPLITS.items()}
