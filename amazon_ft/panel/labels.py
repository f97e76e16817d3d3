"""Every label of the panel, in English and in Brazilian Portuguese. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from amazon_ft.comparison.names import SETS, SYSTEMS, named
from amazon_ft.files import InputError


@dataclass(frozen=True)
class Labels:
    """Hold what the panel says in one language; {names} are filled in with str.format."""

    language: str
    title: str
    modes: Mapping[str, str]
    # what a card says
    asked: str
    true: str
    accepted: str
    entry: str
    entry_true: str
    matches: str
    absent: str
    ambiguous: str
    passages: str
    quote: str
    others: str
    reasoning: str
    tokens: str
    speed: str
    empty: str
    word_for_word: str
    stopped: str
    cut: str
    copied: str
    invented: str
    right: str
    wrong: str
    legend_differs: str
    legend_found: str
    legend_invented: str
    legend_quote: str
    # Look
    every_set: str
    question: str
    previous: str
    next: str
    worst: str
    worst_note: str
    place: str
    no_rows: str
    # Ask
    type_here: str
    ask: str
    stop: str
    decoding: str
    which: str
    loading: str
    waiting: str
    done: str
    ended: str
    empty_question: str
    wrong_decoding: str
    failed: str
    # Blind vote
    better: str
    tie: str
    skip: str
    next_pair: str
    blind_help: str
    left: str
    all_voted: str
    nothing_to_vote: str
    was: str
    chose: str
    chose_tie: str
    tally: str
    no_votes: str
    chance: str
    beyond_chance: str
    # Export
    export: str
    exporting: str
    exported: str

    def system(self, name: str) -> str:
        """Say what a system is called."""
        return named(name, SYSTEMS).label.said(self.language)

    def set_(self, name: str) -> str:
        """Say what a set is called."""
        return named(name, SETS).label.said(self.language)

    def meaning(self, name: str) -> str:
        """Say what a set is."""
        return named(name, SETS).meaning.said(self.language)


EN = Labels(
    language="en",
    title="Before and after fine-tuning",
    modes={"look": "Look", "ask": "Ask a question", "vote": "Blind vote"},
    asked="Asked:",
    true="True description",
    accepted="Accepted answer",
    entry="Source",
    entry_true="Source and true description",
    matches="title match {score:.0%}",
    absent="No product of the catalogue fits this question, so there is no source to check numbers against.",
    ambiguous="Several products of the catalogue may be meant, so none was read.",
    passages="The models read passages of it, not all of it.",
    quote="Quoted from the source",
    others="For comparison: answers without a model",
    reasoning="Reasoning",
    tokens="{tokens} tokens",
    speed="{tokens} tokens, {rate:.1f} tokens/s",
    empty="empty answer",
    word_for_word="✓ word for word",
    stopped="stopped by itself",
    cut="cut: did not stop by itself",
    copied="{share:.0%} copied",
    invented="not in the source: {invented}",
    right="✓ right",
    wrong="not the accepted answer",
    legend_differs="differs from the true description",
    legend_found="number found in the source",
    legend_invented="invented number",
    legend_quote="quoted from the source",
    every_set="all",
    question="Question",
    previous="Previous",
    next="Next",
    worst="Worst first",
    worst_note="The tuned model’s least faithful answers come first.",
    place="{place} of {number}",
    no_rows="Nothing has been answered yet.",
    type_here="Ask about a product, in English or Portuguese",
    ask="Ask",
    stop="Stop",
    decoding="Decoding",
    which="Several products may be meant. Which one?",
    loading="Looking up the product; the first question loads the model, which takes longest.",
    waiting="waiting",
    done="Answered in {seconds:.1f} s.",
    ended="Stopped.",
    empty_question="Type a question first.",
    wrong_decoding="These decoding values cannot be: {why}.",
    failed="That did not work: {why}",
    better="{side} is better",
    tie="Tie",
    skip="Skip",
    next_pair="Next pair",
    blind_help="One answer is the base model’s, one the tuned model’s. Which one is better?",
    left="Pairs left: {number}",
    all_voted="All pairs have your vote.",
    nothing_to_vote="There is no pair of different answers to vote on yet.",
    was="{side} was: {system}.",
    chose="You chose: {system}.",
    chose_tie="You called it a tie.",
    tally="Tuned {tuned} · Base {base} · Tie {tie}",
    no_votes="No votes yet.",
    chance="Sign test: p {p}. So uneven a split would not be unusual if both were equally good.",
    beyond_chance="Sign test: p {p}. So uneven a split would be rare if both were equally good.",
    export="Export",
    exporting="Writing the page and the tables …",
    exported="Written:",
)

PT = Labels(
    language="pt",
    title="Antes e depois do ajuste fino",
    modes={"look": "Ver", "ask": "Fazer uma pergunta", "vote": "Voto às cegas"},
    asked="Pergunta:",
    true="Descrição verdadeira",
    accepted="Resposta aceita",
    entry="Fonte",
    entry_true="Fonte e descrição verdadeira",
    matches="título {score:.0%} compatível",
    absent="Nenhum produto do catálogo corresponde à pergunta: não há fonte, nem como conferir os números.",
    ambiguous="A pergunta pode ser sobre vários produtos do catálogo; por isso nenhum foi lido.",
    passages="Os modelos leram trechos dela, não o texto inteiro.",
    quote="Citado da fonte",
    others="Para comparar: respostas sem modelo",
    reasoning="Raciocínio",
    tokens="{tokens} tokens",
    speed="{tokens} tokens, {rate:.1f} tokens/s",
    empty="resposta vazia",
    word_for_word="✓ palavra por palavra",
    stopped="parou sozinho",
    cut="cortada: não parou sozinho",
    copied="{share:.0%} copiado",
    invented="não está na fonte: {invented}",
    right="✓ certa",
    wrong="não é a resposta aceita",
    legend_differs="difere da descrição verdadeira",
    legend_found="número que está na fonte",
    legend_invented="número inventado",
    legend_quote="citado da fonte",
    every_set="todos",
    question="Pergunta",
    previous="Anterior",
    next="Próxima",
    worst="Piores primeiro",
    worst_note="As respostas menos fiéis do modelo ajustado vêm primeiro.",
    place="{place} de {number}",
    no_rows="Ainda não há respostas.",
    type_here="Pergunte sobre um produto, em português ou inglês",
    ask="Perguntar",
    stop="Parar",
    decoding="Decodificação",
    which="A pergunta pode ser sobre vários produtos. Qual deles?",
    loading="Procurando o produto; a primeira pergunta carrega o modelo e por isso demora mais.",
    waiting="aguardando",
    done="Respondido em {seconds:.1f} s.",
    ended="Interrompido.",
    empty_question="Digite uma pergunta primeiro.",
    wrong_decoding="Estes valores de decodificação não são possíveis: {why}.",
    failed="Não deu certo: {why}",
    better="{side} é melhor",
    tie="Empate",
    skip="Pular",
    next_pair="Próximo par",
    blind_help="Uma resposta é do modelo base, a outra do modelo ajustado. Qual é melhor?",
    left="Pares restantes: {number}",
    all_voted="Você já votou em todos os pares.",
    nothing_to_vote="Ainda não há um par de respostas diferentes para votar.",
    was="{side} era: {system}.",
    chose="Você escolheu: {system}.",
    chose_tie="Você declarou empate.",
    tally="Ajustado {tuned} · Base {base} · Empate {tie}",
    no_votes="Ainda não há votos.",
    chance="Teste do sinal: p {p}. Uma divisão tão desigual não seria incomum se os dois fossem igualmente bons.",
    beyond_chance="Teste do sinal: p {p}. Uma divisão tão desigual seria rara se os dois fossem igualmente bons.",
    export="Exportar",
    exporting="Gravando a página e as tabelas …",
    exported="Gravado:",
)

LANGUAGES = {"en": EN, "pt": PT}


def of(language: str) -> Labels:
    """Give the labels of a language; raises InputError for one that the panel does not speak."""
    if language not in LANGUAGES:
        raise InputError(f"the panel speaks {' and '.join(LANGUAGES)}, not {language!r}: choose one of them.")
    return LANGUAGES[language]
