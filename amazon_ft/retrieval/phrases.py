"""Hold the words that people put around a title when they ask about it, in both languages, without accents."""

from __future__ import annotations

# What stands in a question whatever it is about: small words, verbs of asking, wanting and having, people and
# occasions, and what a shop speaks of. Where a title holds such a word it counts as any other.
ENGLISH = """
a an the this that these those it its itself one ones some any all each every both either other another such same i im
ive id ill me my mine myself we were us our you youre your yours he him his she her hers they them their who whos whom
whose what whats which when where why how whether if am is are was be been being isnt arent wasnt do does did done
doing dont doesnt didnt has have had having hasnt havent can could cant couldnt will would wont wouldnt shall should
shouldnt may might must need needs needed of in on at by for from with without to into onto about around over under up
down out off as than then like and or but not no nor so too also just only even still yet again already ever never
maybe perhaps really quite very much many more most less least few little lot lots bit enough else here there now today
soon later ago please pls plz thanks thank thx hi hello hey dear sorry excuse ok okay yes yeah well oh good morning
afternoon evening greetings cheers kindly tell say said show give gives send get gets got getting take takes make makes
made come comes came go goes going know knows known think thinks thinking thought want wants wanted wish wonder
wondering look looks looking see seen seeing find finds found search searching hear heard read reading ask asking asked
answer explain describe mean means call called named titled name work works working use uses used using buy buys buying
bought sell sells sold order ordering ordered purchase purchasing pay paid try trying tried keep keeps put puts help
helps recommend recommended suggest consider considering deciding interested curious sure happen check checking list
let lets anyone anything someone something everything everyone nothing thing things stuff kind sort type information
info detail details description summary overview question idea specs specification specifications spec feature features
product products item items article entry catalogue catalog store shop stock available availability online sale offer
deal website page listing gift present birthday christmas xmas anniversary mom mum mother dad father brother sister son
daughter wife husband friend friends girlfriend boyfriend grandma grandmother grandpa grandfather nephew niece uncle
aunt cousin boss teacher kid kids child children baby babies toddler teenager adult adults family people person guy
guys man men woman women boy boys girl girls old year years aged age ages two three four five six seven eight nine ten
suitable appropriate great nice fine best better bad right perfect worth safe useful easy hard new big small large long
short heavy light wide tall thick expensive cheap cost costs price prices priced weigh weighs weight size sized sizes
dimensions dimension measure measures measurements colour color colours colors material materials wrote written write
author authors writer published publisher publication release released pages minutes hours running time last lasts
duration warranty guarantee guaranteed format version edition vhs dvd cd cassette tape paperback hardcover book books
novel movie film films album song songs tracks video game include includes included including contain contains inside
box boxes pack package pieces country origin yesterday tomorrow week month times forgot forget remember remembered
exactly actually basically mainly btw lol u ur gimme wanna gonna gotta talking talk talks loves love likes liked hope
hoping bother worry site web shopping cart saw somebody beginner beginners digital audio ebook print printed difference
between compared manufactured manufacturer maker brand produced battery batteries power powered watts volts wash washed
washable clean cleaned cleaning machine dishwasher care hold holds capacity fit fits litres liters run runs
"""
PORTUGUESE = """
o a os as um uma uns umas este esta estes estas esse essa esses essas isto isso aquilo aquele aquela ele ela eles elas
eu me mim meu minha meus minhas nos nosso nossa voce voces vc vcs tu te teu tua seu sua seus suas lhe gente que q qual
quais quem quando onde como quanto quanta quantos quantas porque por pq se e eh eram sao era foi foram ser sendo sera
seria estao estava estou ta to tem tens tenho temos ter tinha teria ha havia haver existe existem pode podem poderia
poderiam posso podemos podes deve devo deveria de do da dos das em no na nas num numa ao aos pelo pela para pra pro com
sem sob sobre entre ate desde ou mas nem nao sim ja mais menos muito muita muitos pouco so tambem ainda aqui ali la
agora hoje bem mal tao talvez mesmo outro outra algum alguma alguns algumas algo alguem nada ninguem todo toda todos
todas tudo cada oi ola bom boa bons boas dia tarde noite favor gentileza obrigado obrigada obg valeu desculpa licenca
pf pfv diga dizer diz fale fala falar conte conta contar mostre mostra mostrar mande manda passe passa explique explica
explicar descreva descreve descrever informe informar responda sabe sabem saber sabes sei conhece conhecem conhecer
quero quer queria querem gostaria gosto gosta gostar vai vao vou preciso precisa precisar procuro procurar procurando
procura busco buscar buscando achar acha acho encontrar encontro ver vejo veja pensando penso pensar comprar compro
comprando compra vender vende vendem dar dou dei usar uso usa usam serve servem vale valem pena fazer faz fazem feito
feita feitos feitas vem vir veio ficar fica leva levar funciona funcionar interessado interessada interesse curioso
curiosa duvida ajuda ajudar pergunta informacao informacoes info detalhe detalhes descricao resumo ficha dados
especificacao especificacoes produto produtos item itens artigo loja estoque catalogo disponivel disponiveis venda
oferta anuncio tipo especie coisa coisas ideia presente presentear aniversario natal mae pai irmao irma filho filha
filhos esposa marido mulher homem amigo amiga namorado namorada avo tio tia sobrinho sobrinha primo prima chefe
professor professora crianca criancas bebe bebes adolescente adulto adultos familia pessoa pessoas menino menina
meninos meninas idade idades ano anos dois duas tres quatro cinco seis sete oito nove dez adequado adequada apropriado
apropriada indicado indicada recomendado recomendada recomenda recomendam seguro segura ideal util melhor pior facil
dificil novo nova grande pequeno pequena largo pesado pesada leve caro cara barato barata custa custam custo preco
precos valor peso pesa pesam tamanho tamanhos medida medidas mede medem dimensoes altura largura comprimento cor cores
material materiais escreveu escrito autor autora autores publicado publicada lancado lancada editora pagina paginas
minutos horas tempo dura duracao garantia formato versao edicao vhs dvd cd fita livro livros romance filme filmes album
disco musica musicas faixas video jogo inclui incluso inclusa contem traz dentro caixa pacote embalagem pecas unidades
pais origem fabricado fabricada ontem amanha semana mes hora esqueci esquecer lembro lembrar olhar olhei olha afinal
vive falando querendo querer adora adorar adoro ama amo curte curtir rs rsrs kkk kk tb tbm oq blz beleza ai ne
incomodar confirmar confirma pedido fechar antes depois comecando comecar comeca bastante cuidar cuido estraga estragar
digital impressa impresso partir site vi viu viram serio assim pros pras fabricante marca produzido produzida pilha
pilhas bateria baterias watts volts voltagem tomada lavar lava lavavel lavado limpar limpa maquina cuidados cabe cabem
capacidade litros rodar roda saiu sair saem chama chamado chamada
"""
COMMON = {"en": frozenset(ENGLISH.split()), "pt": frozenset(PORTUGUESE.split())}
EITHER = COMMON["en"] | COMMON["pt"]
# Those of them that hold a title together, so that what stands behind one still belongs to it.
GLUED = """
a an the of in on at by for from with without to into and or but not no o os as um uma de do da dos das em na nos nas
por pelo pela para pra com sem e ou ao
"""
GLUE = frozenset(GLUED.split())
# What the words around a title, X in its place, ask for: the facet with most hits.
ASKS = {
    "price": (
        r"price|cost|expensive|cheap|how much (?:is|are|for|do you)|preco|cust[ao]|car[oa]\b|barat|valor"
        r"|quanto (?:e|eh|sai|fica|ta)\b"
    ),
    "weight": r"weigh|heavy|how light|\bpes[oa]|pesad",
    "size": (
        r"\bsize|dimension|measure|how (?:big|large|small|wide|tall|high|thick|deep)|width|height|tamanho"
        r"|dimens|medid|\bmede|altura|largura|comprimento|quao grande"
    ),
    "colour": r"colou?r|\bcor\b|\bcores\b",
    "material": r"material|fabric\b|made (?:of|out|from)|of what|materiai|(?:de|do) que .*feit|feit\w (?:de|do) que",
    "author": (
        r"\bwho (?:wrote|made|makes|directed|sings|is it by|is X by|is the author)|author|artist|writer"
        "|director|brand|maker|manufacturer|written by"
        r"|quem (?:e|eh|foi)? ?(?:escreveu|fez|faz|canta|dirigiu|fabrica|o autor|a autora)|autora?\b|escritor"
        r"|diretor|fabricante|marca\b|by whom"
    ),
    "length": (
        r"\bpages?\b|how long (?:is|are|does|do|will)|running time|minutes|duration|tracks|songs|pagina"
        "|duracao|minutos|faixas|quanto tempo|how many hours"
    ),
    "date": (
        r"\byear (?:was|did|is)|what year|which year|when (?:was|did|were)|publication date|release date"
        "|published|released|que ano|quando (?:foi|saiu)|lancad|publicad"
    ),
    "warranty": "warranty|guarant|garantia",
    "age": (
        r"\bage\b|\bages\b|child|kids?\b|toddler|bab(?:y|ies)\b|years? old|yo\b|\bidade|crianc|bebes?\b|etaria"
        r"|\banos\b"
    ),
    "format": (
        r"\bvhs\b|\bdvds?\b|\bcds?\b|cassette|paperback|hard(?:cover|back)|blu ?ray|\be ?book|\bformat|fita\b"
        "|capa (?:dura|mole)"
    ),
    "pack": (
        r"pieces|in the box|included?\b|includes|comes? with$|what comes|in the pack|how many (?:are|come)"
        "|in a pack|pecas|na caixa|unidades|vem (?:n[oa]|dentro|com(?: o)?(?: que)?$)|inclus|acompanha"
    ),
    "origin": (
        "where .*(?:made|from|manufactured|produced|printed|recorded)|country|origin"
        r"|onde .*(?:feit|fabricad|produzid|impress|gravad)|de onde|\bpais\b|origem"
    ),
    "power": r"batter|watts?\b|volt|powered|plug\b|electric|pilha|bateria|tomada|eletric",
    "care": r"\bwash|dishwasher|\bclean|laundry|\blava|\blavar|limpa",
    "capacity": r"capacity|how much .*holds?|\bhold\b|litres|liters|gallons|volume|capacidade|litros|\bcab[em]+\b",
}
