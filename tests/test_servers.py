from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from email.utils import formatdate
from socket import socket
from typing import Any

import pytest
from servers import DIGEST, FAULTS, MODEL, FaultServer, form, question, row

from amazon_ft.files import InputError
from amazon_ft.products import Product
from amazon_ft.reasoning import wire
from amazon_ft.reasoning.authors import Cost, Trouble, Written
from amazon_ft.reasoning.dialects import FORMATS, Options, same
from amazon_ft.reasoning.rules import RuleMade
from amazon_ft.reasoning.servers import Server, connected
from amazon_ft.recipes import Reasoning
from amazon_ft.remote.addresses import address
from amazon_ft.remote.errors import wait
from amazon_ft.retrieval import grounding

ASKED = Reasoning(
    style="closed",
    prompt="Write a row about {title}: {content} In {language}, as JSON.",
    question_prompt="Write a question about {title}: {content}",
    answer_prompt="Of {title}: {content} {question}",
    reads_entry=False,
    teacher="unused",
)
APIS = ("", "/v1")
LASTING = ("drip", "silence", "hang")  # only the deadline ends them
SECRET = "sk-very-secret-key-123"

# What a fault is when it is streamed, in one call: reason and how to ask again.
MEANS = {
    "thinking": ("the model thought beside the JSON", "otherwise"),
    "only thinking": ("nothing but thinking", "otherwise"),
    "truncated": ("invalid JSON", "otherwise"),
    "cut": ("cut at max_tokens", "otherwise"),
    "wrong model": ("another model answered", "never"),
    "empty": ("empty answer", "otherwise"),
    "no JSON": ("invalid JSON", "otherwise"),
    "wrong types": ("wrong fields", "otherwise"),
    "list": ("invalid JSON", "otherwise"),
    "400": ("the server refused the request", "never"),
    "401": ("the key was refused", "never"),
    "403": ("the key was refused", "never"),
    "404": ("the server has no such model", "never"),
    "408": ("timed out", "later"),
    "409": ("the server is busy", "later"),
    "413": ("the prompt is too long", "never"),
    "422": ("the server refused the request", "never"),
    "429": ("the server is busy", "later"),
    "500": ("the server failed", "later"),
    "502": ("the server failed", "later"),
    "503": ("the server is busy", "later"),
    "504": ("timed out", "later"),
    "hang-up": ("the server broke off", "later"),
    "reset": ("the server broke off", "later"),
    "garbage": ("garbage from the server", "later"),
    "page": ("garbage from the server", "later"),
    "nothing": ("the server broke off", "later"),
    "loaded": ("the model was only loaded", "later"),
    "error in the stream": ("the server broke off", "later"),
    "no end": ("the server broke off", "later"),
    "drip": ("timed out", "later"),
    "silence": ("timed out", "later"),
    "hang": ("timed out", "later"),
}
# Not streamed, an error is a status, and nothing is no JSON.
WHOLE = MEANS | {
    "error in the stream": ("the server failed", "later"),
    "nothing": ("garbage from the server", "later"),
}
# In two calls the thinking is what is wanted, and nothing of the second one is JSON.
TWO = {
    fault: means for fault, means in MEANS.items() if fault not in ("thinking", "no JSON", "wrong types", "list")
} | {"truncated": ("invalid JSON", "otherwise")}


@pytest.fixture
def quick() -> Iterator[FaultServer]:
    with FaultServer(titles=["Lamp", "Desk"]) as server:
        yield server


def product(title: str) -> Product:
    return Product(f"B-{title}", title, "It is nice.")


async def outcome(server: Server, title: str, heard: list[int] | None = None) -> Written | Trouble:
    try:
        return await server.write(product(title), 7, (heard if heard is not None else []).append)
    except Trouble as trouble:
        return trouble


def ask(server: Server, *titles: str) -> list[Written | Trouble]:
    async def all_() -> list[Written | Trouble]:
        try:
            return await asyncio.gather(*(outcome(server, title) for title in titles))
        finally:
            await server.close()

    return asyncio.run(all_())


def faulty(api: str, faults: Any, **options: Any) -> dict[str, Written | Trouble]:
    """Ask for a product of each fault, all at once."""
    with FaultServer({f"[{fault}] thing": fault for fault in faults}) as server:
        author = connected(server.url + api, MODEL, ASKED, Options(**options))
        return dict(zip(faults, ask(author, *(f"[{fault}] thing" for fault in faults)), strict=True))


@pytest.mark.parametrize("calls", ["one", "two"])
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("api", APIS, ids=["native", "compatible"])
def test_every_fault_ends_in_a_row_or_in_trouble_with_its_reason(api: str, stream: bool, calls: str) -> None:
    brief = [fault for fault in FAULTS if fault not in LASTING]
    got = faulty(api, brief, stream=stream, calls=calls, timeout=30)
    got |= faulty(api, LASTING, stream=stream, calls=calls, timeout=0.4)
    means = {"one": MEANS if stream else WHOLE, "two": TWO | ({} if stream else WHOLE)}[calls]
    means = {fault: means[fault] for fault in got if fault in (MEANS if calls == "one" else TWO)}
    if api and stream:  # so llama-cpp-python's server answers a prompt that is too long
        means["nothing"] = ("an empty reply", "otherwise")
    troubles = {fault: each for fault, each in got.items() if isinstance(each, Trouble)}
    told = {fault: (each.reason, each.again) for fault, each in troubles.items()}
    if calls == "two":  # what no first call can be is known by its reason
        assert {told.pop(fault)[0] for fault in ("no JSON", "wrong types", "list")} == {"invalid JSON", "wrong fields"}
    assert told == means
    rows = {fault: each for fault, each in got.items() if isinstance(each, Written)}
    for fault, written in rows.items():
        good = row(f"[{fault}] thing")
        assert (written.question, written.reasoning, written.response) == tuple(good.values())
        assert written.model == MODEL
        assert written.cost.completion_tokens > 60
    assert {"good", "slow", "fenced", "inline", "no opening tag", "talk round it", "no usage"} <= set(rows)
    assert {"split", "closes", "whole"} <= set(rows)


@pytest.mark.parametrize("api", APIS, ids=["native", "compatible"])
def test_cost_is_what_the_server_counts_else_the_pieces_and_trouble_brings_it_along(api: str) -> None:
    got = faulty(api, ["good", "no usage", "truncated", "reset", "500", "no end"], timeout=30)
    costs = {fault: each.cost for fault, each in got.items()}
    words = len(json.dumps(row("[good] thing")).split())
    assert costs["good"] == Cost(len(ASKED.prompt.split()) + 3, words)  # the title is two words, the content three
    assert costs["no usage"] == Cost(0, words + 3)  # "[no usage] thing" is a word longer, and stands there thrice
    assert costs["truncated"].prompt_tokens and 0 < costs["truncated"].completion_tokens < words
    assert costs["reset"].prompt_tokens == 0 and 0 < costs["reset"].completion_tokens < words
    assert 0 < costs["no end"].completion_tokens < words
    assert costs["500"] == Cost()


@pytest.mark.parametrize("api", APIS, ids=["native", "compatible"])
def test_one_call_asks_for_the_schema_without_thinking(quick: FaultServer, api: str) -> None:
    [written] = ask(connected(quick.url + api, MODEL, ASKED, Options()), "Lamp")
    assert isinstance(written, Written)
    [asked] = quick.requests
    assert asked.body["messages"][0]["content"] == "Write a row about Lamp: It is nice. In English, as JSON."
    if api:
        assert asked.body["response_format"]["json_schema"]["schema"]["required"][0] == "Question"
        assert asked.body["stream_options"] == {"include_usage": True}
        assert (asked.body["max_tokens"], asked.body["seed"], asked.body["temperature"]) == (2048, 7, 0.6)
    else:
        assert asked.body["think"] is False and asked.body["format"]["required"][0] == "Question"
        assert (asked.body["truncate"], asked.body["shift"]) == (False, False)
        options = {"temperature": 0.6, "top_p": 0.95, "num_predict": 2048, "num_ctx": 8192, "seed": 7}
        assert asked.body["options"] == options


@pytest.mark.parametrize("api", APIS, ids=["native", "compatible"])
def test_two_calls_never_ask_for_schema_and_thinking_together(quick: FaultServer, api: str) -> None:
    [written] = ask(connected(quick.url + api, MODEL, ASKED, Options(calls="two")), "Lamp")
    assert isinstance(written, Written) and written.reasoning == row("Lamp")["Complex_CoT"]
    first, second = (each.body for each in quick.requests)
    assert question("Lamp") in second["messages"][0]["content"]
    schema = "response_format" if api else "format"
    assert schema in first and schema not in second
    assert api or (first["think"], second["think"]) == (False, True)


def test_the_teacher_reads_the_very_text_that_the_student_reads(quick: FaultServer) -> None:
    sentences = (f"It has  part {number},\nwhich is of steel." for number in range(400))
    long = Product("B1", "Lamp", " ".join(sentences)[:10_000])
    grounded = replace(ASKED, prompt="{title}|{content}|", style="grounded", reads_entry=True)

    async def write() -> None:
        server = connected(quick.url, MODEL, grounded, Options())
        await server.write(long, 1, lambda _: None)
        await server.close()

    asyncio.run(write())
    _, read, _ = quick.requests[0].body["messages"][0]["content"].split("|")
    assert grounding.shown(long, grounded.characters) == f"Catalogue entry B1: Lamp\n{read}"
    assert 3_900 < len(read) <= grounded.characters and read.endswith("steel.")


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_tokens_are_heard_of_as_they_come(quick: FaultServer, stream: bool) -> None:
    heard: list[int] = []
    server = connected(quick.url, MODEL, ASKED, Options(stream=stream))

    async def write() -> Written | Trouble:
        got = await outcome(server, "Lamp", heard)
        await server.close()
        return got

    cost = asyncio.run(write()).cost
    assert sum(heard) == cost.completion_tokens
    assert (len(heard) == 1) is not stream


@pytest.mark.parametrize("fault", ["drip", "silence", "hang"])
@pytest.mark.parametrize("api", APIS, ids=["native", "compatible"])
def test_the_deadline_is_one_for_the_whole_reply(api: str, fault: str) -> None:
    start = time.monotonic()
    [got] = faulty(api, [fault], timeout=0.3).values()
    assert isinstance(got, Trouble) and got.reason == "timed out"
    assert time.monotonic() - start < 5


def test_a_server_that_went_away_is_away(quick: FaultServer) -> None:
    server = connected(quick.url, MODEL, ASKED, Options())
    quick.stop()
    [got] = ask(server, "Lamp")
    assert isinstance(got, Trouble) and (got.reason, got.again) == ("the server is away", "later")


@pytest.mark.parametrize("status", ["400", "422", "500"])
@pytest.mark.parametrize("refused", [1, 2, 3])
def test_a_refused_way_to_give_the_schema_is_tried_once_a_session(refused: int, status: str) -> None:
    refuses, left = FORMATS[:refused], FORMATS[refused].removesuffix("none")
    with FaultServer(titles=["Lamp", "Desk", "Chair"], refuses=refuses, refuses_with=status) as fake:
        server = connected(fake.url + "/v1", MODEL, ASKED, Options())
        before = json.dumps(server.identity)
        got = [*ask(server, "Lamp"), *ask(server, "Desk", "Chair")]
        assert all(isinstance(each, Written) for each in got)
        assert json.dumps(server.identity) == before
        assert server.told["response_format"] == FORMATS[refused]
        assert [form(each.body) for each in fake.requests] == [*refuses, left, left, left]


def test_a_failure_that_does_not_name_the_format_is_no_refusal_of_it() -> None:
    said = "structured decoding broke down"
    with FaultServer(titles=["Lamp"], refuses=FORMATS[:1], refuses_with="500", refuses_saying=said) as fake:
        [got] = ask(connected(fake.url + "/v1", MODEL, ASKED, Options()), "Lamp")
        assert isinstance(got, Trouble) and (got.reason, got.again) == ("the server failed", "later")
        assert len(fake.requests) == 1


def test_many_that_find_the_refusal_at_once_all_go_on() -> None:
    titles = [f"Lamp {number}." for number in range(8)]
    with FaultServer(titles=titles, refuses=["json_schema"], latency=0.05) as fake:
        got = ask(connected(fake.url + "/v1", MODEL, ASKED, Options()), *titles)
        assert all(isinstance(each, Written) for each in got)
        assert (len(fake.requests), fake.most) == (16, 8)


def test_one_that_hears_late_of_a_refusal_does_not_undo_what_others_found() -> None:
    titles = [f"Lamp {number}." for number in range(8)]
    with FaultServer({"Desk": "slow"}, titles=titles, refuses=FORMATS[:2], delay=0.5) as fake:
        server = connected(fake.url + "/v1", MODEL, ASKED, Options())
        assert all(isinstance(each, Written) for each in ask(server, "Desk", *titles))
        assert [form(each.body) for each in fake.requests if each.title == "Desk"] == ["json_schema", "json_object"]
        assert len(fake.requests) == 2 + 8 * 3
        assert server.told["response_format"] == "json_object"


@pytest.mark.parametrize("calls", ["one", "two"])
def test_parameters_that_a_hosted_model_refuses_are_left_out_from_then_on(calls: str) -> None:
    refuses = ["max_tokens", "temperature", "top_p", "seed"]
    with FaultServer(titles=["Lamp", "Desk"], refuses=refuses) as fake:
        server = connected(fake.url + "/v1", MODEL, ASKED, Options(temperature=1, top_p=1, calls=calls))
        before = json.dumps(server.identity)
        assert all(isinstance(each, Written) for each in [*ask(server, "Lamp"), *ask(server, "Desk")])
        assert sum(each.fault.startswith("refuses") for each in fake.requests) == len(refuses)
        assert fake.requests[-1].body.keys().isdisjoint(refuses)
        assert fake.requests[-1].body["max_completion_tokens"] == 2048
        assert json.dumps(server.identity) == before
        assert (server.told["limit"], server.told["left out"]) == ("max_completion_tokens", sorted(refuses[1:]))


@pytest.mark.parametrize("name", ["temperature", "top_p"])
def test_a_temperature_that_would_not_be_the_recorded_one_is_refused(name: str) -> None:
    with FaultServer(titles=["Lamp"], refuses=[name]) as fake:
        server = connected(fake.url + "/v1", MODEL, ASKED, Options())
        with pytest.raises(InputError, match=rf"takes no {name}: ask with .*top_p 1, as"):
            ask(server, "Lamp")
        assert len(fake.requests) == 1


@pytest.mark.parametrize(
    ("name", "saying"),
    [
        ("max_tokens", "{} is too large: 2048"),
        ("max_tokens", "'{}' or 'max_completion_tokens' is too large: 2048. That is not supported."),
        ("temperature", "{} must be between 0 and 0.5"),
        ("seed", "{} must be positive"),
    ],
)
def test_a_value_out_of_range_is_no_parameter_to_leave_out(name: str, saying: str) -> None:
    with FaultServer(titles=["Lamp"], refuses=[name], refuses_saying=saying) as fake:
        server = connected(fake.url + "/v1", MODEL, ASKED, Options())
        [got] = ask(server, "Lamp")
        assert isinstance(got, Trouble) and (got.reason, got.again) == ("the server refused the request", "never")
        assert len(fake.requests) == 1 and server.told["left out"] == []


@pytest.mark.parametrize(
    ("name", "saying"),
    [
        (
            "temperature",
            "Unsupported value: '{}' does not support 0.6 with this model. Only the default (1) is supported.",
        ),
        ("top_p", "Unsupported parameter: '{}' is not supported with this model."),
        ("top_p", "`{}` and temperature cannot both be specified for this model."),
        ("seed", "body.{}: Extra inputs are not permitted"),
        ("seed", "Unknown parameter: '{}'."),
        ("max_tokens", "Unsupported parameter: '{}' is not supported. Use 'max_completion_tokens' instead."),
    ],
)
def test_servers_refuse_in_their_own_words(name: str, saying: str) -> None:
    with FaultServer(titles=["Lamp"], refuses=[name], refuses_saying=saying) as fake:
        server = connected(fake.url + "/v1", MODEL, ASKED, Options(temperature=1, top_p=1))
        assert isinstance(ask(server, "Lamp")[0], Written)
        assert name not in fake.requests[-1].body


def test_ollama_which_refuses_no_parameter_is_asked_once() -> None:
    with FaultServer(titles=["Lamp"], refuses=["think"], refuses_saying="no {}: seed and top_p are unknown") as fake:
        [got] = ask(connected(fake.url, MODEL, ASKED, Options()), "Lamp")
        assert isinstance(got, Trouble) and got.reason == "the server refused the request"
        assert len(fake.requests) == 1


def test_a_prompt_that_is_too_long_is_named_so() -> None:
    said = "the request ({}: 9000 tokens) exceeds the available context size (4096 tokens)"
    for refuses_with in ("400", "413"):
        with FaultServer(titles=["Lamp"], refuses=["model"], refuses_with=refuses_with, refuses_saying=said) as fake:
            [got] = ask(connected(fake.url, MODEL, ASKED, Options()), "Lamp")
            assert isinstance(got, Trouble) and (got.reason, got.again) == ("the prompt is too long", "never")


def test_a_mistake_in_the_program_is_not_called_trouble(quick: FaultServer) -> None:
    server = connected(quick.url, MODEL, ASKED, Options())

    def broken(_: int) -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"):
        asyncio.run(server.write(product("Lamp"), 1, broken))


def test_a_server_answers_in_one_event_loop_after_another(quick: FaultServer) -> None:
    server = connected(quick.url, MODEL, ASKED, Options())
    assert all(isinstance(ask(server, "Lamp")[0], Written) for _ in range(2))


@pytest.mark.parametrize("api", APIS, ids=["native", "compatible"])
def test_the_identity_is_plain_and_says_all_that_decides(quick: FaultServer, api: str) -> None:
    server = connected(quick.url + api, MODEL, ASKED, Options())
    named = json.loads(json.dumps(server.identity))
    assert named["model"] == MODEL and named["prompts"] == [ASKED.prompt]
    assert (named["server"], named["digest"]) == (("openai-compatible", "") if api else ("ollama", DIGEST))
    assert "timeout" not in named["options"] and "127.0.0.1" not in str(named)
    others = [Options(temperature=0.1), Options(calls="two"), Options(max_tokens=99)]
    assert all(connected(quick.url + api, MODEL, ASKED, other).identity != named for other in others)
    assert connected(quick.url + api, MODEL, ASKED, Options(timeout=9, stream=False)).identity == named


def test_an_update_of_ollama_overnight_is_told_and_decides_nothing() -> None:
    with FaultServer() as fake:
        evening = connected(fake.url, MODEL, ASKED, Options())
        fake.version = "0.14.0"
        morning = connected(fake.url, MODEL, ASKED, Options())
        assert evening.identity == morning.identity
        assert [each.told for each in (evening, morning)] == [
            {"version": version, "address": fake.url} for version in ("0.13.2", "0.14.0")
        ]


def test_what_is_told_is_plain_and_names_neither_key_nor_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    with FaultServer(speaks="openai", models=None) as fake:
        url = fake.url.replace("http://", f"http://me:{SECRET}@") + f"/{SECRET}/v1?key={SECRET}"
        told = connected(url, MODEL, ASKED, Options()).told
        assert told == {
            "version": "",
            "address": fake.url,
            "response_format": "json_schema",
            "limit": "max_tokens",
            "left out": [],
        }
        assert json.loads(json.dumps(told)) == told


def test_rules_have_no_server_to_tell_of() -> None:
    assert RuleMade(ASKED).told == {}


@pytest.mark.parametrize(
    ("capabilities", "model"),
    [(["completion", "thinking"], MODEL), ([], MODEL), (None, MODEL)],
    ids=["thinks", "tells nothing", "knows no such question"],
)
def test_two_calls_go_to_a_model_that_may_think(capabilities: list[str] | None, model: str) -> None:
    with FaultServer(titles=["Lamp"], capabilities=capabilities) as fake:
        assert isinstance(ask(connected(fake.url, model, ASKED, Options(calls="two")), "Lamp")[0], Written)


def test_two_calls_are_refused_before_the_first_one_where_a_model_cannot_think() -> None:
    with FaultServer(titles=["Lamp"], capabilities=["completion", "tools"]) as fake:
        with pytest.raises(InputError, match="cannot think apart from its answer: use calls 'one'"):
            connected(fake.url, MODEL, ASKED, Options(calls="two"))
        assert isinstance(ask(connected(fake.url, MODEL, ASKED, Options()), "Lamp")[0], Written)
        assert isinstance(ask(connected(fake.url + "/v1", MODEL, ASKED, Options(calls="two")), "Lamp")[0], Written)


@pytest.mark.parametrize("api", APIS, ids=["native", "compatible"])
def test_letters_that_come_in_parts_and_odd_line_ends_are_read(api: str) -> None:
    title = "Caf\u00e9 \u65e5\u672c \u2028 and \u0085 \U0001f9ca cup"
    with FaultServer({title: "split"}) as fake:
        [got] = ask(connected(fake.url + api, MODEL, ASKED, Options()), title)
        assert isinstance(got, Written) and got.response == row(title)["Response"]


@pytest.mark.parametrize("api", APIS, ids=["native", "compatible"])
def test_a_connection_that_the_server_closed_is_not_used_again(api: str) -> None:
    with FaultServer({"*": "closes"}, titles=["Lamp"]) as fake:
        server = connected(fake.url + api, MODEL, ASKED, Options())

        async def three() -> list[Written | Trouble]:
            got = []
            for _ in range(3):
                got.append(await outcome(server, "Lamp"))
                await asyncio.sleep(0.02)
            await server.close()
            return got

        assert [type(each) for each in asyncio.run(three())] == [Written] * 3


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/", "/v1/chat/completions", "/api/chat"])
def test_a_server_here_is_found_past_proxies_and_however_it_is_written(
    quick: FaultServer, monkeypatch: pytest.MonkeyPatch, host: str, end: str
) -> None:
    with socket() as taken:  # nobody listens where the proxy should be
        taken.bind(("127.0.0.1", 0))
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{taken.getsockname()[1]}")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        server = connected(quick.url.replace("127.0.0.1", host) + end, MODEL, ASKED, Options())
        assert isinstance(ask(server, "Lamp")[0], Written)
        assert server.found.kind == ("openai-compatible" if "v1" in end else "ollama")


def test_another_machine_is_asked_through_the_proxy(quick: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", quick.url)
    monkeypatch.delenv("no_proxy", raising=False)
    assert wire.look(address("http://far.invalid"), wire.NATIVE, "/api/version") == {}  # it said something
    monkeypatch.delenv("http_proxy")
    with pytest.raises(InputError, match="no server answers at http://far"):
        wire.look(address("http://far.invalid"), wire.NATIVE, "/api/version")


def test_a_query_goes_behind_the_path_of_every_call(quick: FaultServer) -> None:
    server = connected(f"{quick.url}/v1?api-version=7", MODEL, ASKED, Options())
    assert isinstance(ask(server, "Lamp")[0], Written)
    assert quick.requests[0].path == "/v1/chat/completions"
    assert address("http://box/v1?a=1&b=").query == {"a": "1", "b": ""}


def test_a_key_is_sent_without_the_line_end_that_a_file_left(
    quick: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f"{SECRET}\n")
    ask(connected(quick.url + "/v1", MODEL, ASKED, Options()), "Lamp")
    assert quick.requests[0].key == SECRET
    monkeypatch.setenv("OPENAI_API_KEY", f"\u201c{SECRET}\u201d")
    assert SECRET not in (told := refused(quick.url + "/v1")) and "OPENAI_API_KEY" in told


def test_credentials_show_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    with FaultServer({"Lamp": "401", "Desk": "400", "Chair": "error in the stream"}, key=SECRET) as fake:
        url = fake.url.replace("http://", f"http://me:{SECRET}-2@") + "/v1"
        with pytest.raises(InputError) as refused:  # the address's own user and password go before the key
            connected(url, MODEL, ASKED, Options())
        assert SECRET not in str(refused.value) and "me:" not in str(refused.value)
        server = connected(fake.url + "/v1", MODEL, ASKED, Options())
        monkeypatch.setattr("servers._refusal", lambda _: {"error": {"message": f"key {SECRET} is bad"}})
        got = ask(server, "Lamp", "Desk", "Chair")
        assert all(isinstance(each, Trouble) for each in got)
        shown = [repr(server), str(server), str(server.identity), *(str(vars(each)) + repr(each) for each in got)]
        assert SECRET not in "".join(shown)
        assert "***" in got[1].detail
        assert {each.key for each in fake.requests} == {SECRET}


def test_the_key_is_not_sent_to_ollama(quick: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    ask(connected(quick.url, MODEL, ASKED, Options()), "Lamp")
    assert SECRET not in quick.requests[0].key


def refused(server: str, model: str = MODEL) -> str:
    with pytest.raises(InputError) as caught:
        connected(server, model, ASKED, Options())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_nobody_there_is_said_with_what_to_do() -> None:
    with socket() as taken:
        taken.bind(("127.0.0.1", 0))
        told = refused(f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert "no server answers at http://127.0.0.1" in told and "`ollama serve`" in told


def test_a_model_that_is_not_there_is_said_with_those_that_are(quick: FaultServer) -> None:
    assert "`ollama pull other:1b`" in (told := refused(quick.url, "other:1b")) and MODEL in told
    assert MODEL in refused(f"{quick.url}/v1", "other:1b")
    with FaultServer(models=[]) as bare:
        assert "`ollama pull" in refused(bare.url)


def test_a_key_that_is_refused_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with FaultServer(speaks="openai", key=SECRET) as fake:
        assert "OPENAI_API_KEY" in refused(fake.url)
        monkeypatch.setenv("OPENAI_API_KEY", SECRET)
        connected(fake.url, MODEL, ASKED, Options())


@pytest.mark.parametrize("how", [{"models": None}, {"lists": "500"}, {"lists": "404"}, {"models": []}], ids=str)
def test_a_server_without_a_list_of_models_is_no_error(how: dict[str, Any]) -> None:
    with FaultServer(speaks="openai", titles=["Lamp"], **how) as fake:
        server = connected(fake.url, "anything", ASKED, Options())
        assert isinstance(ask(server, "Lamp")[0], Written)
        assert server.identity["digest"] == ""


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        (":8080", "http://127.0.0.1:8080"),
        ("box", "http://box:11434"),
        ("box:99999", "http://box:11434"),
        (" 'box:8080' ", "http://box:8080"),
        ("http://box", "http://box:80"),
        ("https://box", "https://box:443"),
        ("https://box:8443/llm/", "https://box:8443/llm"),
        ("ollama.com", "https://ollama.com:443"),
        ("[::1]", "http://[::1]:11434"),
        ("[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_ollama_is_found_where_its_own_client_finds_it(monkeypatch: pytest.MonkeyPatch, host: str, url: str) -> None:
    monkeypatch.setenv("OLLAMA_HOST", host)
    assert address("Ollama").url == url


@pytest.mark.parametrize(
    ("text", "url", "compatible"),
    [
        ("http://0.0.0.0:8080/v1/", "http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"),
        ("http://[::]:8080", "http://127.0.0.1:8080", "http://127.0.0.1:8080/v1"),
        ("http://[::1]:8080/", "http://[::1]:8080", "http://[::1]:8080/v1"),
        ("https://a:b@box/v1/models", "https://a:b@box/v1", "https://a:b@box/v1"),
        ("https://box/api/chat/completions", "https://box/api", "https://box/api"),
        ("https://box/models", "https://box/models", "https://box/models"),
    ],
)
def test_the_address_of_a_call_or_of_all_interfaces_is_read_as_the_servers(
    text: str, url: str, compatible: str
) -> None:
    assert (address(text).url, address(text).compatible) == (url, compatible)


@pytest.mark.parametrize("text", ["", "box", "localhost:8000", "ftp://box", "http://", "http://box:port", "http://[x"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="must be `ollama`"):
        address(text)


def test_an_address_shows_neither_user_nor_query() -> None:
    where = address(f"https://me:{SECRET}@box:8443/v1?key=abc/")
    assert where.shown == "https://box:8443/v1"
    assert SECRET not in repr(where) and "abc" not in repr(where)


@pytest.mark.parametrize(
    ("asked", "answered", "same_"),
    [
        ("teacher:8b", "teacher:8b", True),
        ("teacher", "teacher:latest", True),
        ("teacher:latest", "teacher", True),
        ("org/teacher", "teacher", True),
        ("teacher.gguf", "/models/Teacher.gguf", True),
        ("teacher", "teacher@main", True),
        ("/x/teacher", "/x/teacher@0a1b", True),
        ("gpt-4o-mini", "gpt-4o-mini-2024-07-18", True),
        ("gpt-4o", "gpt-4o-mini", False),
        ("gpt-4o", "gpt-4o-mini-2024-07-18", False),
        ("teacher:8b", "teacher:1b", False),
        ("a/teacher", "b/teacher", False),
        ("teacher", "my-teacher", False),
    ],
)
def test_a_model_goes_by_several_names(asked: str, answered: str, same_: bool) -> None:
    assert same(asked, answered) is same_


def test_how_long_to_wait_is_read_in_each_way_to_say_it() -> None:
    assert wait({"retry-after": "7"}) == 7
    assert wait({"retry-after-ms": "250", "retry-after": "7"}) == 0.25
    assert wait({"retry-after": formatdate(time.time() + 60, usegmt=True)}) == pytest.approx(60, abs=3)
    assert wait({"retry-after": formatdate(0, usegmt=True)}) == 0
    behind = {"date": formatdate(1e9, usegmt=True), "retry-after": formatdate(1e9 + 60, usegmt=True)}
    assert wait(behind) == 60  # however wrong the clock here is
    assert wait({}) is None and wait({"retry-after": "soon"}) is None and wait({"retry-after": "-5"}) is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"calls": "three"}, "calls"),
        ({"temperature": 2.5}, "temperature"),
        ({"top_p": 0.0}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 8192}, "num_ctx"),
        ({"timeout": 0.0}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
    ],
)
def test_options_that_cannot_be_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Options(**wrong)
