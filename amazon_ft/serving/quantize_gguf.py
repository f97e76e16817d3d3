"""Quantise through llama-cpp-python, in a process of its own: python -P quantize_gguf.py SOURCE FILE KIND."""

from __future__ import annotations

import sys


def main() -> None:
    """Write FILE as the KIND, such as q4_k_m, that SOURCE becomes; end with one sentence if llama.cpp cannot."""
    import llama_cpp

    source, path, kind = sys.argv[1:]
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{kind.upper()}")
    if failed := llama_cpp.llama_model_quantize(source.encode(), path.encode(), params):
        sys.exit(f"llama.cpp could not quantise {source} to {kind} (code {failed})")


if __name__ == "__main__":
    main()
