from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub import TOKEN, Hub, Repo

from amazon_ft.files import InputError

pytest.importorskip("huggingface_hub")

from huggingface_hub import constants
from huggingface_hub.utils import _http

from amazon_ft.publishing import hub as publishing
from amazon_ft.publishing.hub import publish_dataset, publish_model

ID = "ana/kettles"
NAME = f"datasets/{ID}"
CARD = '---\nlicense: "unknown"\n---\n# Kettles – “empty”\n'


class Clock:
    """Stand in for the time module where huggingface_hub waits."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)


@pytest.fixture(autouse=True)
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Keep the tests off the user's token, cache and Hub, and off waiting."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_OIDC_RESOURCE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "home" / "token"))
    monkeypatch.setattr(constants, "HF_STORED_TOKENS_PATH", str(tmp_path / "home" / "stored_tokens"))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    stopped = Clock()
    monkeypatch.setattr(_http, "time", stopped)
    return stopped


@pytest.fixture
def logged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = tmp_path / "set" / "data"
    data.mkdir(parents=True)
    (data.parent / "README.md").write_text(CARD, encoding="utf-8")
    for split, number in (("train", 9), ("test", 2)):
        rows = [json.dumps({"uid": f"{split}{index}", "Question": "É?"}) + "\n" for index in range(number)]
        (data / f"{split}.jsonl").write_text("".join(rows), encoding="utf-8")
    return data.parent


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch, logged_in: None) -> Iterator[type[Hub]]:
    """Give a Hub that is the one in use from where its `with` begins."""

    class Used(Hub):
        def __enter__(self) -> Hub:
            super().__enter__()
            monkeypatch.setattr(constants, "ENDPOINT", self.url)
            return self

    yield Used


def _there(folder: Path) -> dict[str, bytes]:
    names = ("README.md", "data/test.jsonl", "data/train.jsonl")
    return {name: (folder / name).read_bytes() for name in names}


def _all_said(failed: pytest.ExceptionInfo[InputError], capsys: pytest.CaptureFixture[str]) -> str:
    shown = capsys.readouterr()
    return shown.out + shown.err + repr(failed.value) + "".join(traceback.format_exception(failed.value))


def test_publishes_the_files_listed_in_one_commit(
    folder: Path, used: type[Hub], capsys: pytest.CaptureFixture[str]
) -> None:
    with used() as hub:
        assert publish_dataset(folder, ID) == f"{hub.url}/datasets/{ID}"
    assert hub.repos[NAME] == Repo(private=True, files=_there(folder), commits=["initial commit", "Publish 3 files"])
    shown = capsys.readouterr().out
    assert f"To {hub.url}/datasets/{ID}, private:\n  README.md" in shown
    assert f"  data/train.jsonl  {(folder / 'data/train.jsonl').stat().st_size} bytes" in shown
    assert "Published in commit " in shown
    assert TOKEN not in shown


def test_a_dry_run_shows_the_files_and_asks_nobody(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert publish_dataset(folder, ID, dry_run=True).endswith(NAME)
    shown = capsys.readouterr().out
    assert all(name in shown for name in _there(folder))
    assert "Nothing was sent" in shown


def test_publishes_nothing_else(
    folder: Path, used: type[Hub], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secret.jsonl").write_text("my diary")
    (folder / "data" / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    for name in (".env", "notes.txt", "data/train.jsonl.bak", "data/.README.md.1.tmp"):
        (folder / name).write_text("private")
    with used() as hub:
        publish_dataset(folder, ID)
    assert hub.repos[NAME].files == _there(folder)
    shown = capsys.readouterr().out
    assert "Not sent: .env, data/.README.md.1.tmp, data/link.jsonl, data/train.jsonl.bak, notes.txt" in shown


def test_a_second_publishing_of_the_same_makes_no_commit(
    folder: Path, used: type[Hub], capsys: pytest.CaptureFixture[str]
) -> None:
    with used() as hub:
        publish_dataset(folder, ID)
        publish_dataset(folder, ID)
        assert len(hub.repos[NAME].commits) == 2
        assert "Nothing has changed there." in capsys.readouterr().out
        (folder / "README.md").write_text("---\nlicense: unknown\n---\nnew\n")
        publish_dataset(folder, ID)
    assert len(hub.repos[NAME].commits) == 3
    assert hub.repos[NAME].files == _there(folder)


def test_says_what_an_earlier_publishing_left(
    folder: Path, used: type[Hub], capsys: pytest.CaptureFixture[str]
) -> None:
    with used() as hub:
        publish_dataset(folder, ID)
        (folder / "data" / "test.jsonl").unlink()
        publish_dataset(folder, ID)
    assert "There already, and left as they are: data/test.jsonl" in capsys.readouterr().out
    assert "data/test.jsonl" in hub.repos[NAME].files


def test_never_puts_private_rows_into_a_public_repository(folder: Path, used: type[Hub]) -> None:
    with used(repos={NAME: Repo(private=False)}) as hub:
        with pytest.raises(InputError, match="is there already and public, and private was asked for"):
            publish_dataset(folder, ID)
        assert not hub.repos[NAME].files
        publish_dataset(folder, ID, private=False)
    assert hub.repos[NAME].files == _there(folder)


def test_a_private_repository_stays_private(folder: Path, used: type[Hub], capsys: pytest.CaptureFixture[str]) -> None:
    with used(repos={NAME: Repo(private=True)}) as hub:
        publish_dataset(folder, ID, private=False)
    assert hub.repos[NAME].private
    assert "stays private: make it public at" in capsys.readouterr().out


def test_a_new_repository_is_public_only_if_asked(folder: Path, used: type[Hub]) -> None:
    with used() as hub:
        publish_dataset(folder, ID, private=False)
    assert not hub.repos[NAME].private


@pytest.mark.parametrize(
    "name",
    [
        *(
            "kettles",
            "ana/",
            "/kettles",
            "ana/kettles/x",
            "datasets/ana/kettles",
            "ana/ket tles",
            "ana/k--e",
            "ana/k..e",
        ),
        *(
            "ana/.k",
            "ana/k.git",
            "ana/k-",
            "https://huggingface.co/datasets/ana/k",
            "ana/ké",
            "ana/k\n",
            "a/" + "k" * 95,
        ),
    ],
)
def test_refuses_what_is_no_name(name: str, folder: Path) -> None:
    with pytest.raises(InputError, match="is no name on the Hub: give owner/name"):
        publish_dataset(folder, name, dry_run=True)


@pytest.mark.parametrize("name", ["ana/kettles", "a1/B_c.d-e", "0/1", "an-a/k_", "a/" + "k" * 94])
def test_takes_the_names_that_the_hub_takes(name: str, folder: Path) -> None:
    from huggingface_hub.utils import validate_repo_id

    validate_repo_id(name)
    assert publish_dataset(folder, name, dry_run=True).endswith(f"/datasets/{name}")


def test_refuses_a_folder_without_a_data_set(folder: Path, tmp_path: Path) -> None:
    (folder / "README.md").rename(tmp_path / "README.md")
    for place in (folder, tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match="holds no data set with its card"):
            publish_dataset(place, ID, dry_run=True)


def test_says_where_to_get_a_token(folder: Path) -> None:
    with pytest.raises(InputError, match="there is no token for the Hub: make one that may write at https"):
        publish_dataset(folder, ID)


def test_reads_the_token_of_a_login(folder: Path, used: type[Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    Path(constants.HF_TOKEN_PATH).parent.mkdir()
    Path(constants.HF_TOKEN_PATH).write_text(TOKEN + "\n")
    with used() as hub:
        publish_dataset(folder, ID)
    assert hub.repos[NAME].files == _there(folder)


@pytest.mark.parametrize("token", ["hf_abc€def", "hf_abc def", "hf_a\x07bc"])
def test_refuses_a_token_that_is_none_without_telling_it(
    token: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(InputError, match="holds a character that no token has") as failed:
        publish_dataset(folder, ID)
    assert token not in _all_said(failed, capsys)


@pytest.mark.parametrize("step", ["look", "create", "preupload", "commit"])
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (401, "does not take the token (401): set HF_TOKEN"),
        (403, "the token may not write to ana/kettles (403): take one that may write for ana"),
        (404, "(404): check the name"),
        (409, "(409): wait a minute and run this again"),
        (412, "(412): wait a minute and run this again"),
        (413, "(413): publish fewer rows"),
        (429, "(429): wait 7 seconds, then run this again"),
        (500, "(500): wait some minutes, then run this again: what has arrived is not sent twice"),
        (503, "(503): wait some minutes"),
        ("reset", "cannot be reached or broke off ("),
        ("lost", "cannot be reached or broke off ("),
        ("page", "is not the Hub: check the network and HF_ENDPOINT"),
    ],
)
def test_says_in_one_sentence_what_went_wrong_and_goes_on_afterwards(
    step: str, fault: int | str, said: str, folder: Path, used: type[Hub], capsys: pytest.CaptureFixture[str]
) -> None:
    with used(faults={step: [fault] * 6}, retry_after=7, echo=True) as hub:
        with pytest.raises(InputError) as failed:
            publish_dataset(folder, ID)
        assert said in str(failed.value)
        assert "\n" not in str(failed.value)
        assert TOKEN[:9] not in _all_said(failed, capsys)
        hub._left.clear()
        publish_dataset(folder, ID)
    assert hub.repos[NAME].files == _there(folder)
    assert len(hub.repos[NAME].commits) == 2
    assert hub.repos[NAME].private


def test_waits_as_the_hub_asks_where_asking_again_is_harmless(folder: Path, used: type[Hub], clock: Clock) -> None:
    with used(faults={"preupload": [429, 503]}, retry_after=7) as hub:
        publish_dataset(folder, ID)
    assert hub.repos[NAME].files == _there(folder)
    assert clock.waited[0] >= 7
    assert len(clock.waited) == 2


@pytest.mark.parametrize("fault", [403, 503, "reset"])
def test_large_files_go_their_own_way_and_go_on(
    fault: int | str, folder: Path, used: type[Hub], capsys: pytest.CaptureFixture[str]
) -> None:
    with used(faults={"put": [fault] * 6}, large=200) as hub:
        with pytest.raises(InputError) as failed:
            publish_dataset(folder, ID)
        assert ("403" if fault == 403 else "run this again") in str(failed.value)
        assert TOKEN not in _all_said(failed, capsys)
        hub._left.clear()
        publish_dataset(folder, ID)
        publish_dataset(folder, ID)
    assert hub.repos[NAME].files == _there(folder)
    assert len(hub.stored) == 1
    assert len(hub.repos[NAME].commits) == 2


def test_says_when_no_hub_is_there(folder: Path, logged_in: None) -> None:
    with pytest.raises(InputError, match=r"http://127\.0\.0\.1:9 cannot be reached or broke off \(ConnectError\)"):
        publish_dataset(folder, ID)


def test_says_when_the_hub_is_switched_off(folder: Path, logged_in: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_http, "is_offline_mode", lambda: True, raising=False)
    monkeypatch.setattr(constants, "is_offline_mode", lambda: True, raising=False)
    with pytest.raises(InputError, match="HF_HUB_OFFLINE is set"):
        publish_dataset(folder, ID)


def test_says_what_is_wrong_with_a_card(folder: Path, used: type[Hub]) -> None:
    with used(faults={"card": [400]}) as hub, pytest.raises(InputError, match="does not take ana/kettles"):
        publish_dataset(folder, ID)
    assert not hub.repos[NAME].files


def test_a_fault_of_ours_is_no_sentence(folder: Path, used: type[Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> str:
        raise KeyError("ours")

    monkeypatch.setattr(publishing, "_room", broken)
    with used(), pytest.raises(KeyError, match="ours"):
        publish_dataset(folder, ID)


def test_a_file_that_vanishes_is_not_the_hubs_fault(
    folder: Path, used: type[Hub], monkeypatch: pytest.MonkeyPatch
) -> None:
    def looked(*_: object) -> None:
        (folder / "data" / "train.jsonl").unlink()

    monkeypatch.setattr(publishing, "_room", looked)
    with used() as hub, pytest.raises((FileNotFoundError, ValueError), match=r"train\.jsonl"):
        publish_dataset(folder, ID)
    assert not hub.repos


def test_publishes_to_the_hub_that_the_environment_names(folder: Path, tmp_path: Path) -> None:
    imports = "from pathlib import Path; from amazon_ft.publishing.hub import publish_dataset"
    code = f"{imports}; publish_dataset(Path('.'), {ID!r})"
    with Hub() as hub:
        environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HOME": str(tmp_path / "home")}
        done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert hub.repos[NAME].files == _there(folder)
    assert TOKEN not in done.stdout + done.stderr


MODEL = "ana/kettles"
WEIGHTS = bytes(range(256)) * 40
FORMS = {
    "adapter": {
        **{
            "README.md": CARD.encode(),
            "recipe.json": b"{}",
            "adapter_model.safetensors": WEIGHTS,
            "images/loss.png": b"x",
        },
        **{"adapter_config.json": b'{"base_model_name_or_path": "ours/base"}', "tokenizer.json": b"{}"},
    },
    "merged": {
        **{
            "README.md": CARD.encode(),
            "config.json": b"{}",
            "tokenizer_config.json": b"{}",
            "chat_template.jinja": b"x",
        },
        **{f"model-0000{number}-of-00002.safetensors": WEIGHTS + bytes([number]) for number in (1, 2)},
        "model.safetensors.index.json": b"{}",
    },
    "gguf": {
        "README.md": CARD.encode(),
        "model-f16.gguf": WEIGHTS,
        "model-q8_0.gguf": WEIGHTS[1:],
        "Modelfile": b"FROM x",
    },
}
LEFT_HERE = ("manifest.json", "optimizer.pt", "training_args.bin", ".env", "checkpoint-8/model.safetensors", "x.pkl")


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    folder = tmp_path / "model"
    for name, content in (FORMS[request.param] | dict.fromkeys(LEFT_HERE, b"private")).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return request.param, folder


def test_publishes_a_form_of_a_model_and_nothing_else(
    form: tuple[str, Path], used: type[Hub], capsys: pytest.CaptureFixture[str]
) -> None:
    name, folder = form
    with used() as hub:
        assert publish_model([folder], MODEL, name) == f"{hub.url}/{MODEL}"
    commits = ["initial commit", f"Publish {len(FORMS[name])} files"]
    assert hub.repos == {MODEL: Repo(private=True, files=FORMS[name], commits=commits)}
    shown = capsys.readouterr().out
    assert f"Not sent: {', '.join(sorted(LEFT_HERE))}" in shown


def test_the_card_may_lie_apart_from_the_weights(used: type[Hub], tmp_path: Path) -> None:
    for name, content in FORMS["adapter"].items():
        path = tmp_path / ("card" if name in ("README.md", "images/loss.png") else "weights") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "weights" / "README.md").write_text("an older one")
    with used() as hub:
        publish_model([tmp_path / "weights", tmp_path / "card"], MODEL, "adapter")
    assert hub.repos[MODEL].files == FORMS["adapter"]


def test_a_dry_run_of_a_model_asks_nobody(form: tuple[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    name, folder = form
    assert publish_model([folder], MODEL, name, dry_run=True).endswith(MODEL)
    shown = capsys.readouterr().out
    assert all(f"  {file}" in shown for file in FORMS[name])
    assert "10,240 bytes" in shown or name == "merged"


@pytest.mark.parametrize("name", FORMS)
def test_refuses_a_model_of_which_something_is_missing(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    with pytest.raises(InputError, match=f"holds no {name} model, for"):
        publish_model([folder], MODEL, name, dry_run=True)
    for file, content in FORMS[name].items():
        if "/" not in file and file != "README.md":
            (folder / file).write_bytes(content)
    with pytest.raises(InputError, match=r"has no README\.md: write the model's card first"):
        publish_model([folder], MODEL, name, dry_run=True)
    with pytest.raises(InputError, match="there is no form 'onnx' of a model: choose one of adapter, merged, gguf"):
        publish_model([folder], MODEL, "onnx", dry_run=True)


@pytest.mark.skipif(os.name == "nt", reason="Windows lets few people make links")
def test_weights_that_are_a_link_to_elsewhere_are_missing(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for file, content in FORMS["gguf"].items():
        (folder / file).write_bytes(content)
    (tmp_path / "elsewhere").write_bytes(WEIGHTS)
    for file in ("model-f16.gguf", "model-q8_0.gguf"):
        (folder / file).unlink()
        (folder / file).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"for \*\.gguf is missing"):
        publish_model([folder], MODEL, "gguf", dry_run=True)


@pytest.mark.parametrize("where", ["/home/ana/base", "~/base", "../base", "C:\\\\base", "./base"])
@pytest.mark.parametrize(
    ("form", "file", "key"),
    [
        ("adapter", "adapter_config.json", "base_model_name_or_path"),
        ("adapter", "recipe.json", "base_model"),
        ("merged", "config.json", "_name_or_path"),
        ("merged", "tokenizer_config.json", "name_or_path"),
    ],
)
def test_never_tells_where_something_lay_on_this_machine(
    where: str, form: str, file: str, key: str, tmp_path: Path
) -> None:
    for name, content in FORMS[form].items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / file).write_text(f'{{"{key}": "{where}"}}')
    with pytest.raises(InputError, match="of this machine, where nobody else finds anything"):
        publish_model([tmp_path], MODEL, form, dry_run=True)


@pytest.mark.parametrize(
    ("line", "is_told"),
    [
        ("FROM ./model-q8_0.gguf", False),
        ("FROM llama3.2:1b", False),
        ("FROM ana/llama:1b\nADAPTER /home/ana/runs/demo/adapter", True),
        ('ADAPTER "~/adapter"', True),
        ("from ../model.gguf", True),
        ("FROM C:\\models\\x.gguf", True),
    ],
)
def test_a_modelfile_names_only_what_others_find(line: str, is_told: bool, tmp_path: Path) -> None:
    for name, content in FORMS["gguf"].items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "Modelfile").write_text(f'# a model\n{line}\nTEMPLATE """{{{{ .Prompt }}}}"""\n')
    if not is_told:
        assert publish_model([tmp_path], MODEL, "gguf", dry_run=True)
        return
    with pytest.raises(InputError, match="Modelfile tells the path"):
        publish_model([tmp_path], MODEL, "gguf", dry_run=True)


@pytest.mark.parametrize("step", ["look", "create", "preupload", "lfs", "put", "join", "commit"])
@pytest.mark.parametrize("fault", [401, 403, 409, 429, 500, 503, "reset", "middle", "lost"])
def test_a_model_that_could_not_be_published_is_gone_on_with(
    step: str, fault: int | str, used: type[Hub], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, content in FORMS["merged"].items():
        (tmp_path / name).write_bytes(content)
    with used(faults={step: [fault] * 24}, retry_after=7, echo=True, large=5_000, part=4_000) as hub:
        with pytest.raises(InputError) as failed:
            publish_model([tmp_path], MODEL, "merged")
        assert "\n" not in str(failed.value)
        assert TOKEN[:9] not in _all_said(failed, capsys)
        hub._left.clear()
        publish_model([tmp_path], MODEL, "merged")
        publish_model([tmp_path], MODEL, "merged")
    assert hub.repos[MODEL].files == FORMS["merged"]
    assert len(hub.repos[MODEL].commits) == 2
    assert TOKEN not in "".join(capsys.readouterr())


def test_a_part_that_breaks_off_is_sent_again_alone(used: type[Hub], tmp_path: Path) -> None:
    for name, content in FORMS["gguf"].items():
        (tmp_path / name).write_bytes(content)
    with used(faults={"put": [None, "middle"]}, large=5_000, part=4_000) as hub:
        publish_model([tmp_path], MODEL, "gguf")
    whole = sum(len(content) for content in FORMS["gguf"].values() if len(content) > 5_000)
    assert hub.repos[MODEL].files == FORMS["gguf"]
    assert whole < hub.received <= whole + 2_000
    assert sum(step == "put" for step, _ in hub.asked) == 7


def test_a_shard_that_has_arrived_is_not_sent_twice(
    used: type[Hub], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, content in FORMS["merged"].items():
        (tmp_path / name).write_bytes(content)
    with used(faults={"commit": [503]}, large=5_000) as hub:
        with pytest.raises(InputError, match="run this again: what has arrived is not sent twice"):
            publish_model([tmp_path], MODEL, "merged")
        received = hub.received
        publish_model([tmp_path], MODEL, "merged")
    assert hub.received == received == 2 * (len(WEIGHTS) + 1)
    assert hub.repos[MODEL].files == FORMS["merged"]
    assert len(hub.repos[MODEL].commits) == 2


def test_what_is_too_large_for_the_hub_can_be_had_smaller(used: type[Hub], tmp_path: Path) -> None:
    for name, content in FORMS["gguf"].items():
        (tmp_path / name).write_bytes(content)
    with (
        used(faults={"commit": [413]}),
        pytest.raises(InputError, match=r"too large \(413\): publish a smaller form of it"),
    ):
        publish_model([tmp_path], MODEL, "gguf")
