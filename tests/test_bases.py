"""Find the 16-bit weights that an adapter is merged into, and refuse packed, torn and missing ones."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import loras
import pytest
import torch
from hub import TOKEN, Hub, Repo
from safetensors.torch import load_file, save_file

from amazon_ft import models
from amazon_ft.files import InputError
from amazon_ft.merging import bases
from amazon_ft.merging.bases import SIXTEEN_BIT, need_room, read, sixteen_bit, usual
from amazon_ft.recipes import RECIPES, TINY_LLAMA
from amazon_ft.remote import snapshots

pytest.importorskip("huggingface_hub")

import httpx
from huggingface_hub import constants
from huggingface_hub.errors import GatedRepoError
from huggingface_hub.utils import _http

GIB = 2**30


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return loras.model(tmp_path_factory.mktemp("llama") / "base", shards=3)


@pytest.fixture
def own(llama: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(llama, tmp_path / "own"))


@pytest.fixture
def hub(llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Serve the model as ana/kettles, beside files that nobody needs; nothing is waited for."""
    with Hub() as server:
        files = {file.name: file.read_bytes() for file in llama.iterdir()}
        extra = {"pytorch_model.bin": b"x", "original/model.safetensors": b"x", "run.py": b"x", "README.md": b"x"}
        server.repos["ana/kettles"] = Repo(private=False, files=files | extra)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(_http, "time", SimpleNamespace(sleep=lambda seconds: None))
        yield server


def _config(folder: Path, **values: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | values))


def test_every_local_recipe_has_a_16_bit_base() -> None:
    for recipe in RECIPES.values():
        if recipe.lora:
            assert "4bit" not in usual(recipe.base_model)
            assert recipe.load_in_4bit or usual(recipe.base_model) == recipe.base_model
    assert set(SIXTEEN_BIT) <= {recipe.base_model for recipe in RECIPES.values()}


def test_the_bundled_model_stands_for_itself() -> None:
    base = sixteen_bit(TINY_LLAMA)
    assert (base.where, base.name) == (Path(models.locate(TINY_LLAMA)), TINY_LLAMA)
    assert (base.dtype, base.tied) == ("float32", True)
    assert base.weight("lm_head.weight") == base.table == base.weight("model.embed_tokens.weight")
    assert base.weight("model.layers.9.mlp.up_proj.weight") is None


def test_a_folder_that_the_user_names_is_taken_instead(llama: Path) -> None:
    base = sixteen_bit("unsloth/Llama-3.2-1B-Instruct-bnb-4bit", str(llama))
    assert (base.where, base.name, base.dtype, base.tied) == (llama, str(llama), "bfloat16", False)
    assert len({tensor.file for tensor in base.tensors}) == 3
    assert base.bytes == sum(weight.numel() * 2 for weight in loras.plain(llama).parameters())


@pytest.mark.parametrize(
    ("packed", "kind"), [({"load_in_4bit": True, "quant_method": "bitsandbytes"}, "4-bit"), ("fp8", "packed")]
)
def test_packed_weights_are_refused_by_their_configuration(packed: object, kind: str, own: Path) -> None:
    _config(own, quantization_config=packed)
    with pytest.raises(InputError, match=f"holds {kind} weights.*name the 16-bit model .* with --base"):
        read(own)


def test_packed_weights_are_refused_by_what_they_are(own: Path) -> None:
    shard = sorted(own.glob("*.safetensors"))[1]
    found = load_file(shard)
    first = next(iter(found))
    save_file(found | {first: torch.zeros(8, 1, dtype=torch.uint8)}, shard)
    with pytest.raises(InputError, match="holds 4-bit or 8-bit weights"):
        read(own)


def test_a_model_without_configuration_or_weights_is_refused(own: Path, tmp_path: Path) -> None:
    (own / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"config\.json is torn"):
        read(own)
    (own / "config.json").unlink()
    with pytest.raises(InputError, match=r"has no config\.json"):
        read(own)
    (tmp_path / "whole").mkdir()
    (tmp_path / "whole" / "config.json").write_text("{}")
    save_file({"ids": torch.arange(3)}, tmp_path / "whole" / "model.safetensors")
    with pytest.raises(InputError, match="holds no weights in floating point"):
        read(tmp_path / "whole")


@pytest.mark.parametrize(
    ("tie", "head", "tied"),
    [
        (True, "none", True),
        (None, "none", True),
        (False, "none", False),
        (True, "same", True),
        (False, "same", False),
        (None, "same", False),
        (True, "other", False),
    ],
)
def test_the_head_is_the_word_table_where_transformers_takes_it_so(
    tie: bool | None, head: str, tied: bool, tmp_path: Path
) -> None:
    folder = loras.model(tmp_path / "base", tie_word_embeddings=True)
    found = load_file(folder / "model.safetensors")
    table = found["model.embed_tokens.weight"]
    more = {"none": {}, "same": {"lm_head.weight": table.clone()}, "other": {"lm_head.weight": table + 1}}[head]
    save_file(found | more, folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    config.pop("tie_word_embeddings")
    (folder / "config.json").write_text(json.dumps(config | ({} if tie is None else {"tie_word_embeddings": tie})))
    base = read(folder)
    assert base.tied == tied
    assert ("lm_head.weight" in {tensor.name for tensor in base.tensors}) == (head != "none" and not tied)
    if tie and head != "none":
        loaded = loras.plain(folder)
        assert (loaded.lm_head.weight is loaded.model.embed_tokens.weight) == tied


def test_only_what_is_wanted_comes_from_the_hub_and_only_once(hub: Hub, capfd: pytest.CaptureFixture[str]) -> None:
    base = sixteen_bit("any", "ana/kettles")
    assert base.where.is_relative_to(constants.HF_HUB_CACHE)
    there = {file.relative_to(base.where).as_posix() for file in base.where.rglob("*") if file.is_file()}
    assert there == {
        name for name in hub.repos["ana/kettles"].files if name.startswith(("model-", "model.", "config", "gen"))
    }
    assert "ana/kettles: 46.4 KiB to download" in capfd.readouterr().out
    got = [step for step, _ in hub.asked].count("get")
    assert sixteen_bit("any", "ana/kettles") == base
    assert [step for step, _ in hub.asked].count("get") == got


def test_without_a_network_the_cache_has_to_do(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    base = sixteen_bit("any", "ana/kettles")
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert sixteen_bit("any", "ana/kettles") == base
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert sixteen_bit("any", "ana/kettles") == base
    with pytest.raises(InputError, match=r"HF_HUB_OFFLINE is set, and ana/pans is not whole in .*hub: unset it"):
        sixteen_bit("any", "ana/pans")


def test_a_4_bit_model_is_refused_before_its_weights_come(hub: Hub) -> None:
    files = hub.repos["ana/kettles"].files
    files["config.json"] = json.dumps(
        json.loads(files["config.json"]) | {"quantization_config": {"load_in_4bit": True}}
    ).encode()
    with pytest.raises(InputError, match="ana/kettles holds 4-bit weights"):
        sixteen_bit("any", "ana/kettles")
    assert [step for step, _ in hub.asked].count("get") == 1


def test_a_disk_that_cannot_hold_download_and_merged_model_is_told_before(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = sum(len(content) for name, content in hub.repos["ana/kettles"].files.items() if name.startswith("model-"))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=int(weights * 1.5)))
    told = r"downloading ana/kettles needs 90\.\d KiB on the disk of .*hub, and 66\.\d KiB are free"
    with pytest.raises(InputError, match=told):
        sixteen_bit("any", "ana/kettles", into=tmp_path / "merged")
    assert [step for step, _ in hub.asked].count("get") == 1
    sixteen_bit("any", "ana/kettles")


@pytest.mark.parametrize("fault", [500, "reset"])
@pytest.mark.parametrize("step", ["look", "tree", "get"])
def test_a_hub_that_fails_is_told_in_a_sentence(
    step: str, fault: int | str, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub._left = {step: [fault] * 60}
    with pytest.raises(
        InputError, match=r"ana/kettles could not be fetched .*try again; what has come is kept"
    ) as refused:
        sixteen_bit("any", "ana/kettles")
    assert TOKEN not in str(refused.value)
    assert refused.value.__suppress_context__
    hub._left = {}
    assert sixteen_bit("any", "ana/kettles").dtype == "bfloat16"


def test_what_may_not_be_read_is_told_from_what_is_not_there(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.repos["ana/secret"] = Repo(private=True)
    with pytest.raises(InputError, match="without a good token"):
        sixteen_bit("any", "ana/secret")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with pytest.raises(InputError, match="the Hub has no model ana/pans that you may read"):
        sixteen_bit("any", "ana/pans")
    with pytest.raises(InputError, match="'no such name' is neither a folder here nor a name on the Hub"):
        sixteen_bit("any", "no such name")
    gated = GatedRepoError("gated", response=httpx.Response(403, request=httpx.Request("GET", hub.url)))
    assert snapshots._sentence(gated, "ana/gated").startswith(
        f"ana/gated is gated: accept its terms at {hub.url}/ana/gated"
    )


def test_demands_on_one_disk_are_added_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10 * GIB))
    one, other = tmp_path / "one" / "deep", tmp_path / "other"
    need_room("it", {one: 6 * GIB, other: 4 * GIB})
    with pytest.raises(InputError, match=r"it needs 10\.5 GiB on the disk of .*deep, and 10\.0 GiB are free there"):
        need_room("it", {one: 6 * GIB, other: int(4.5 * GIB)})


def test_what_killed_processes_left_counts_as_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = tmp_path / f".merged.{2**22 + 1}.tmp"
    left.mkdir()
    (left / "model.safetensors").write_bytes(b"x" * 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10))
    assert bases.free_room(tmp_path / "merged") == 1010
    assert bases.free_room(tmp_path / "other") == 10
