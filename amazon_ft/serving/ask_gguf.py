"""Ask a GGUF file through llama-cpp-python, in a process of its own: python -P ask_gguf.py ASKED.json TOLD.json."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

F32, F16 = 0, 1  # ggml's numbers
GREEDY = {"temperature": 0.0, "repeat_penalty": 1.0}


class Asked(Exception):
    """Carry the token ids that a question became."""


def main() -> None:
    """Answer the texts of ASKED.json, each a lone user turn, and write token ids and greedy answers into TOLD.json.

    ASKED.json holds path, texts, max_new_tokens (0: none are answered) and exact: keys and values in 32 bits.
    """
    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    prompts = _prompts(asked["path"], asked["texts"])
    number = asked["max_new_tokens"]
    room = max(map(len, prompts), default=0) + number
    answers = _answers(asked["path"], asked["texts"], number, room, asked["exact"]) if number else []
    Path(sys.argv[2]).write_text(json.dumps({"prompts": prompts, "answers": answers}), encoding="utf-8")


def _prompts(path: str, texts: list[str]) -> list[list[int]]:
    """Tokenize each text as create_chat_completion does, with the vocabulary alone in memory."""
    import llama_cpp

    class Vocabulary(llama_cpp.Llama):  # type: ignore[misc]
        def create_completion(self, prompt: list[int], **_: Any) -> Any:
            raise Asked(prompt)

    llama = Vocabulary(path, vocab_only=True, verbose=False)
    if "tokenizer.chat_template" not in llama.metadata:
        sys.exit(f"{path} brings no chat template: have it made anew from a folder with chat_template.jinja")
    return [_tokenized(llama, text) for text in texts]


def _tokenized(llama: Any, text: str) -> list[int]:
    try:
        llama.create_chat_completion([{"role": "user", "content": text}])
    except Asked as asked:
        return [int(token) for token in asked.args[0]]
    sys.exit("this llama-cpp-python asks in another way than 0.3.36: install that version")


def _answers(path: str, texts: list[str], max_new_tokens: int, room: int, exact: bool) -> list[str]:
    import llama_cpp

    kept = F32 if exact else F16
    llama = llama_cpp.Llama(path, n_ctx=room, type_k=kept, type_v=kept, verbose=False)
    answers = []
    for text in texts:
        llama.reset()  # else what two prompts begin with alike is not computed anew
        said = llama.create_chat_completion([{"role": "user", "content": text}], max_tokens=max_new_tokens, **GREEDY)
        answers.append(said["choices"][0]["message"]["content"].strip())
    return answers


if __name__ == "__main__":
    main()
