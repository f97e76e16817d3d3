"""Say how English and Portuguese speak of a source: the words that tell a claim to one from what only sounds alike."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wording:
    """Hold how one language speaks of a source: nouns, and parts of regular expressions around them."""

    sure: str  # for a text about a product
    unsure: str  # may mean the product itself, as a book's text, and count only where a source is meant
    the: str  # what makes them definite
    such: str  # adjectives
    given: str  # words that alone say that there is a source
    whose: str  # of the product: still the same source
    leads: str  # what leads to a source
    looks: str  # what leads to a source where the noun is a sure one
    says: str  # what a source does
    tells: str  # what a source does where the noun is a sure one
    adverb: str  # may stand before what a source does
    foreign: str  # what comes next where no source is meant: the context of war
    plain: str  # what claims a source without its name
    triggers: str  # words without which none of these stands


ENGLISH = Wording(
    sure="description descriptions listing listings context contexts entry blurb synopsis",
    unsure=(
        "text texts passage passages information info details data excerpt excerpts snippet snippets document documents"
        " page pages catalog catalogue source sources specification specifications specs summary record paragraph"
        " paragraphs input prompt facts content"
    ),
    the=(
        r"the|its|your|th(?:is|at|ese)|(?:(?:the|this) )?(?:product|item|book|album|film|movie|set|kit|seller|publisher"
        r"|store|shop|amazon|manufacturer)['’]s"
    ),
    such=(
        r"(?:product|item|book|full|short|whole|official|original|brief|detailed|actual|catalog(?:ue)?|store|amazon"
        r"|online|seller|publisher|reference|background|input|source|same|entire|available|relevant)(?:['’]s)?"
    ),
    given=(
        r"(?:(?:that|which) (?:was|were|is|are|has been|have been) |i was |i am )?(?:provided|given|supplied|attached"
        r"|retrieved)|above|aforementioned|preceding|accompanying|at hand|in front of me"
        r"|(?:that )?(?:you|i|we|the user) (?:\w+ ){0,2}(?:provided|gave|given|supplied|shared|sent)"
    ),
    whose=r"of (?:the|this) (?:product|item|book|album|film|cd|dvd|set)|here|itself|field",
    leads=(
        r"according to|per|(?:based|going|relying|drawing) (?:\w+ )?(?:up)?on|judging (?:by|from)|consistent with"
        r"|(?:stated|mentioned|specified|indicated|noted|written) (?:\w+ly )?(?:in|by|on|within)"
        r"|user (?:\w+ )?(?:provided|gave|given|shared|supplied)(?: me| us)?(?: with)?|(?:in|from) what"
        r"|(?:(?:let me|let['’]s|i['’]ll|i) (?:\w+ )?|(?<!\w )(?:so |now |by )?)"
        r"(?:look(?:ing)?(?: back)? at|go(?:ing)? back to|(?:re)?check(?:ing)?|review(?:ing)?|re-?read(?:ing)?)"
    ),
    looks=(
        r"(?:described|listed|given|detailed|outlined|shown|found|highlighted|included|said|explained|seen)"
        r" (?:\w+ly )?(?:in|by|on|within)|from|in|within|per|(?:look|check|review|read|consult|refer|scan|examin|see)"
        r"(?:e|s|ing|ring)?(?: back)?(?: at| to| through| over)?"
    ),
    says=(
        r"(?:mention|say|state|specify|specifie|indicate|note|tell|confirm|suggest|imply|implie)s?|reads"
        r"|makes? (?:it )?clear|points? out"
        r"|do(?:es)?(?: not|n['’]t) (?:say|mention|state|specify|give|tell|list|include)"
    ),
    tells=(
        r"(?:describe|list|include|give|highlight|emphasi[sz]e|provide|explain|show|reveal|contain|lack|offer|detail"
        r"|focuse|talk|call|refer|claim|cite|present)s?"
    ),
    adverb=(
        r"(?:also|only|even|just|never|further|both|not|\w+ly|do(?:es)?(?: not|n['’]t)|did(?: not|n['’]t)|can(?:not)?)"
    ),
    foreign=(
        r"(?:of|for|about|on|by|where|when|from|in(?! which)|to(?! be)|at|with(?!out)|which|that) "
        r"|\w+ing\b|(?:clues?|switch\w*|hall|level|door|fee|hand?book|guides?|writers?|menus?|windows?)\b"
    ),
    plain=(
        r"it(?: is|['’]s| was) (?:\w+ly |also )?(?:mentioned|stated|specified|indicated)(?: here)? that"
        r"|(?:is|are|was|were)(?: not|n['’]t) (?:\w+ly )?(?:mentioned|stated|specified|indicated)(?! by)"
        r"|it (?:also |only |even )?(?:says|mentions|states|specifies|indicates)"
        r"(?: here\b|(?: here)? that\b| (?=[\"'“]))"
        r"|it (?:does not|doesn['’]t) (?:\w+ly |even )?(?:mention|specify|state)"
        r"|there(?: is|['’]s| was)(?: \w+ly| also)? (?:no|not any) (?:\w+ )?(?:mention|indication)"
        r"|what(?:['’]s| is| was| has been| i(?:['’]m| am| was|['’]ve been| have been)| you(?:['’]ve)?"
        r"| the user(?: has)?) (?:been |\w+ly )?(?:provided|given|gave|supplied|shared|told)"
        r"|i(?: was|['’]m| am|['’]ve been| have been) (?:only |just )?(?:told (?:that|to|not|once)"
        r"|(?:given|provided|shown|supplied)(?! (?:an?|this|it|one|as|for|by)\b))"
        r"|(?:user|customer|you)(?: has| have|['’]ve)? (?:\w+ly |also )?(?:provided|gave|shared|supplied)(?: me| us)?"
        r"(?: with)?(?: (?:some|a|few|the|all|enough|many|several|these|product|specific|detailed|lot|of|more)){0,4}"
        r" (?:details?|information|info|facts?|data|description|text|content|context|entry|excerpt|snippet|passage)"
        r"|instructions? (?:say|tell|state|ask)s? (?:(?:that )?(?:i|me|we|us)|not to)"
        r"|(?:in|from|per|by) (?:the|this|my) prompt"
        r"|the (?:product )?(?:description|listing|blurb)(?:['’]s| (?:is|was|has|seems|only|does|did))"
        r"|(?<!\w )(?:in|from|within) the facts(?! (?:of|about|on)\b)"
    ),
    triggers=(
        "mentioned stated specified indicated says mentions states specifies indicates mention specify state indication"
        " told given provided shown gave shared supplied instruction instructions prompt description listing blurb"
        " facts"
    ),
)
PORTUGUESE = Wording(
    sure="descrição descrições anúncio contexto ficha entrada sinopse listagem",
    unsure=(
        "texto textos trecho trechos informação informações dados detalhes documento documentos página páginas catálogo"
        " fonte fontes resumo passagem especificação especificações registro enunciado fatos conteúdo"
    ),
    the=r"[oa]s?|ess[ea]s?|est[ea]s?|sua?|n[oa]s?|ness[ea]|nest[ea]|d[oa]s?|pel[oa]s?|à|ao",
    such=r"própri[oa]|breve|referid[oa]|mesm[oa]",
    given=(
        r"fornecid[oa]s?|dad[oa]s?|acima|apresentad[oa]s?|disponibilizad[oa]s?|disponíveis|recebid[oa]s?|anexad[oa]s?"
        r"|anterior(?:es)?|que (?:(?:me )?(?:foi|foram) \w+|você (?:me )?\w+u|(?:eu )?(?:recebi|tenho))"
    ),
    whose=r"d(?:[oa]|est[ea]|ess[ea]) (?:produto|item|livro|catálogo|anúncio|loja|álbum|filme|disco)|técnica|aqui",
    leads=(
        r"segundo|conforme|de acordo com|com base|base(?:ado|ada|ando-se)(?: em)?|a julgar|como consta|consta(?:m)?"
        r"|como (?:diz|indica|informa|menciona|descreve|afirma|mostra)m?|(?:mencion|inform|indic|cit|especific)ad[oa]s?"
    ),
    looks=(
        r"(?:descrit|list|fornec?id|mostrad|destacad|dit)(?:ad)?[oa]s?|a partir|olh\w+(?: para)?|lendo|consult\w+|li"
        r"|analis\w+|verific\w+|vejo"
    ),
    says=(r"(?:diz|menciona|afirma|informa|indica|especifica|cita|deixa claro|confirma|sugere|aponta|consta)(?:m|em)?"),
    tells=(
        r"(?:descreve|mostra|traz|lista|destaca|explica|revela|inclui|contém|fala|detalha|apresenta|oferece|fornece|dá)"
        r"(?:m|em)?"
    ),
    adverb=r"(?:não|também|só|apenas|nem|nunca|já|\w+mente)",
    foreign=(
        r"(?:de|da|do|das|dos|em|sobre|para|por|pel[oa]s?|n[oa]s?|nest[ea]|com|que) "
        r"|(?:históric|polític|social|cultural|geral|franca?|técnic|livre|principa)\w*"
    ),
    plain=(
        r"(?:é|foi|está|são) (?:\w+mente )?(?:mencionad|informad|especificad|indicad)[oa]s? que"
        r"|não (?:é|foi|está|são|foram|estão) (?:\w+mente )?(?:mencionad|informad|especificad|indicad)[oa]s?(?! por)"
        r"|(?:conforme|segundo|como|pelo que)(?: (?:me )?foi)? (?:informad|indicad|especificad|fornecid)o"
        r"(?! (?:antes|anteriormente|acima))|não há (?:nenhuma |qualquer )?(?:menção|indicação)"
        r"|(?<!\w )consta que|não consta"
        r"|(?:usuário|cliente|você) (?:me )?(?:forneceu|deu|passou|enviou|compartilhou) (?:\w+ ){0,3}"
        r"(?:detalhes|informações|dados|fatos|descrição|texto|contexto|conteúdo)"
        r"|(?<!\w )nos fatos|(?:no|pelo) prompt|o prompt (?:diz|pede|manda|informa)"
    ),
    triggers=(
        "mencionado mencionada mencionados mencionadas informado informada informados informadas especificado"
        " especificada especificados especificadas indicado indicada indicados indicadas fornecido menção indicação"
        " consta forneceu deu passou enviou compartilhou fatos prompt"
    ),
)
