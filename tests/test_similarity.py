from __future__ import annotations

from pathlib import Path

import pytest

from amazon_ft.evaluation import Similarity
from amazon_ft.files import InputError

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    path = tmp_path_factory.mktemp("bert")
    words = {word: place for place, word in enumerate(["[PAD]", "[UNK]", "a", "red", "mug", "lamp"])}
    tokenizer = Tokenizer(models.WordLevel(words, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(path)
    torch.manual_seed(3407)
    small = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=300, **small)).save_pretrained(path)
    return path


def test_a_text_is_like_itself_and_less_like_another(folder: Path) -> None:
    same, other, back = Similarity(folder)([("a red mug", "a red mug"), ("a red mug", "lamp"), ("lamp", "a red mug")])
    assert same == pytest.approx(1, abs=1e-5)
    assert -1 <= other < 0.99
    assert other == pytest.approx(back, abs=1e-5)


def test_padding_changes_nothing(folder: Path) -> None:
    similarity = Similarity(folder)
    alone = similarity([("mug", "a lamp")])[0]
    together = similarity([("mug", "a lamp"), ("mug " * 100, "red")])[0]
    assert alone == pytest.approx(together, abs=1e-5)


def test_more_texts_than_a_batch_keep_their_order(folder: Path) -> None:
    similarity = Similarity(folder)
    pairs = [("a " * (number % 70 + 1), "red mug " * (number % 33 + 1)) for number in range(150)]
    assert similarity(pairs)[::50] == pytest.approx([similarity([pair])[0] for pair in pairs[::50]], abs=1e-5)
    assert similarity([]) == []


def test_a_text_too_long_for_the_model_is_read_from_its_start(folder: Path) -> None:
    assert Similarity(folder)([("mug " * 2_000, "mug " * 256)]) == [pytest.approx(1, abs=1e-5)]


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no embedding model"):
        Similarity(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="holds no embedding model"):
        Similarity(tmp_path)
