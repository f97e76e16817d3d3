"""What metrics are called, what they mean and how their values are written, in English and in Portuguese."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from amazon_ft.comparison.names import Text

Better = Literal["higher", "lower", ""]


@dataclass(frozen=True)
class Metric:
    """Hold what a metric is called, what it means, how its values are written, and which way is better."""

    label: Text
    meaning: Text
    format: str = ".1%"
    better: Better = "higher"

    def shown(self, value: Any) -> str:
        """Write a value, or a dash where nothing could be counted."""
        if not isinstance(value, int | float):
            return "–" if value is None else str(value)
        return f"{value:{self.format}}"

    def change(self, difference: Any) -> str:
        """Write a difference with its sign: of shares in percentage points, else as values are written."""
        if not isinstance(difference, int | float):
            return "–"
        written = f"{100 * difference:+.1f}" if "%" in self.format else f"{difference:+{self.format}}"
        return written.replace("-", "\N{MINUS SIGN}")


# In the order in which a reader needs them: what is true first, the wording next, the shape of the answers last.
METRICS = {
    "exact": Metric(
        Text("Exact match", "Igual palavra por palavra"),
        Text(
            "The share of answers that are the true description word for word.",
            "A parcela das respostas que são a descrição verdadeira, palavra por palavra.",
        ),
    ),
    "right": Metric(
        Text("Right answers", "Respostas certas"),
        Text(
            "Of the general questions, the share whose answer holds an accepted one.",
            "Das perguntas gerais, a parcela cuja resposta contém uma das aceitas.",
        ),
    ),
    "number_precision": Metric(
        Text("Number precision", "Precisão dos números"),
        Text(
            "Of the different numbers in each answer, the share that is true, with its unit if it has one.",
            "Dos números distintos de cada resposta, a parcela verdadeira, com a unidade se houver.",
        ),
    ),
    "number_recall": Metric(
        Text("Number recall", "Cobertura dos números"),
        Text(
            "Of the different numbers in each true description, the share that the answer gives, with their units.",
            "Dos números distintos de cada descrição verdadeira, a parcela que a resposta dá, com as suas unidades.",
        ),
    ),
    "invented_numbers": Metric(
        Text("Invented numbers", "Números inventados"),
        Text(
            "Numbers and codes of an answer that stand nowhere in the entry of the product asked about; 0 is best.",
            "Números e códigos de uma resposta que não estão na entrada do produto da pergunta; 0 é o melhor.",
        ),
        ".2f",
        "lower",
    ),
    "code_precision": Metric(
        Text("Model-code precision", "Precisão dos códigos"),
        Text(
            "Of the model codes in the answers, like SP-857, the share that is true.",
            "Dos códigos de modelo das respostas, como SP-857, a parcela que é verdadeira.",
        ),
    ),
    "name_precision": Metric(
        Text("Name precision", "Precisão dos nomes"),
        Text(
            "Of the brands and other names in the answers, the share that stands in the title or true description.",
            "Das marcas e outros nomes das respostas, a parcela que está no título ou na descrição verdadeira.",
        ),
    ),
    "rouge_l": Metric(
        Text("ROUGE-L", "ROUGE-L"),
        Text(
            "How much of the wording agrees in the same order; 100% is the same text.",
            "Quanto do texto coincide na mesma ordem; 100% é o mesmo texto.",
        ),
    ),
    "rouge_1": Metric(
        Text("ROUGE-1", "ROUGE-1"),
        Text(
            "How many single words agree, in whatever order.",
            "Quantas palavras coincidem, em qualquer ordem.",
        ),
    ),
    "chrf": Metric(
        Text("chrF++", "chrF++"),
        Text(
            "How well short runs of letters and words agree, from 0 to 100; the mean over answers.",
            "Quanto coincidem sequências curtas de letras e palavras, de 0 a 100; a média das respostas.",
        ),
        ".1f",
    ),
    "similarity": Metric(
        Text("Similarity of meaning", "Semelhança de sentido"),
        Text(
            "How near answer and true description lie for an embedding model; 1 is the same.",
            "Quão próximas a resposta e a descrição verdadeira são para um modelo de embeddings; 1 é igual.",
        ),
        ".3f",
    ),
    "nearest": Metric(
        Text("True description is nearest", "A descrição certa é a mais próxima"),
        Text(
            "The share of answers nearer to the own true description than to that of any other product of the set.",
            "A parcela das respostas mais próximas da própria descrição do que da de outro produto do conjunto.",
        ),
    ),
    "cites": Metric(
        Text("Cites its source", "Cita a fonte"),
        Text(
            "The share of answers that name the product's own uid.",
            "A parcela das respostas que citam o uid do próprio produto.",
        ),
    ),
    "copied": Metric(
        Text("Copied words", "Palavras copiadas"),
        Text(
            "The share of the answer's words inside runs of at least five that stand verbatim in the true description.",
            "A parcela das palavras em sequências de cinco ou mais que estão tal e qual na descrição verdadeira.",
        ),
        better="",
    ),
    "longest_copied": Metric(
        Text("Longest copied run", "Maior trecho copiado"),
        Text(
            "How many words in a row stand verbatim in the true description.",
            "Quantas palavras seguidas estão tal e qual na descrição verdadeira.",
        ),
        ".1f",
        "",
    ),
    "loss": Metric(
        Text("Loss", "Perda"),
        Text(
            "How much the true answer surprises the model, in nats per token.",
            "Quanto a resposta verdadeira surpreende o modelo, em nats por token.",
        ),
        ".3f",
        "lower",
    ),
    "perplexity": Metric(
        Text("Perplexity", "Perplexidade"),
        Text(
            "The same as a number of equally likely next tokens; 1 is known by heart.",
            "O mesmo como número de próximos tokens igualmente prováveis; 1 é saber de cor.",
        ),
        ".2f",
        "lower",
    ),
    "length_ratio": Metric(
        Text("Length ratio", "Razão de comprimento"),
        Text(
            "Words of the answer for each word of the true description; 1 is the same length.",
            "Palavras da resposta para cada palavra da descrição verdadeira; 1 é o mesmo comprimento.",
        ),
        ".2f",
        "",
    ),
    "repetition": Metric(
        Text("Repetition", "Repetição"),
        Text(
            "The share of an answer's runs of four words that it had said before.",
            "A parcela das sequências de quatro palavras que a resposta já tinha dito antes.",
        ),
        better="lower",
    ),
    "stopped": Metric(
        Text("Stopped by itself", "Parou sozinho"),
        Text(
            "The share of answers that ended before the length limit.",
            "A parcela das respostas que terminaram antes do limite de comprimento.",
        ),
    ),
    "reasoned": Metric(
        Text("Reasoned, then answered", "Raciocinou e respondeu"),
        Text(
            "The share of answers before which the model reasoned and came to an end of it.",
            "A parcela das respostas antes das quais o modelo raciocinou e concluiu o raciocínio.",
        ),
    ),
    "claims_source": Metric(
        Text("Claims a source it was not given", "Alega uma fonte que não recebeu"),
        Text(
            "Of the reasonings from memory, the share that cites a description or another text; 0 is best.",
            "Dos raciocínios de memória, a parcela que cita uma descrição ou outro texto; 0 é o melhor.",
        ),
        better="lower",
    ),
    "reasoning_invented": Metric(
        Text("Invented numbers in the reasoning", "Números inventados no raciocínio"),
        Text(
            "Numbers and codes of a reasoning that stand nowhere in the product's entry; 0 is best.",
            "Números e códigos de um raciocínio que não estão na entrada do produto; 0 é o melhor.",
        ),
        ".2f",
        "lower",
    ),
}
HEADLINES = ("exact", "right", "rouge_l", "chrf", "number_precision", "number_recall", "invented_numbers", "copied")


def metric(name: str) -> Metric:
    """Give a metric by its key; an unknown one is called by that."""
    return METRICS.get(name) or Metric(Text(name, name), Text("", ""), "g", "")
