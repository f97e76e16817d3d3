"""Hold the words that people put around a title when they ask about it, in both languages, without accents."""

from __future__ import annotations

# What stands in a question whatever it is about: small words, verbs of asking, wanting and having, people and
# occasions, and what a shop speaks of. Where a title holds such a word it counts as any other.
ENGLISH = """
a able about accept actual actually add added adult adults after afternoon afterwards again against age aged ages ago
agree album all allow allowed along already alright also although always am among amount an and anniversary another
answer any anyone anything apart appear apply appropriate are arent around arrive arrived arrives article as asap ask
asked asking assume at audio aunt author authors availability available avoid away awesome babies baby bad basically
batteries battery be became because become been before begin beginner beginners begins behind being believe belong
below beside besides best bet better between beyond big birthday bit book books boss both bother bought box boxes boy
boyfriend boys brand bring brings broke broken brother brought btw budget busy but buy buying buys by call called came
can cant capacity care careful carries carry cart cassette catalog catalogue caught cause cd certain certainly chance
change changed charge cheap cheaper check checked checking cheers child children choice choose chose christmas clean
cleaned cleaning clear clearly color colors colour colours come comes comfortable compare compared complain complete
completely concern concerned condition confirm confused consider considering contact contain contains correct cost
costs could couldnt country cousin curious current currently customer dad daily damage damaged daughter deal dear
decent decide decided deciding definitely deliver delivered delivery depend depends describe description detail details
did didnt differ difference different digital dimension dimensions direct directly dishwasher do does doesnt doing done
dont doubt down drop dropped due duration during dvd each earlier easier easily easy ebook edition eight either elderly
else elsewhere email end ends enjoy enjoys enough ensure entire entry especially even evening event eventually ever
every everyone everything exactly example except excuse expect expected expecting expensive experience explain extra
fair fairly family far fast faster father favor favour fear feature features feel feels few figure film films final
finally find finds fine finish finished fit fits five folks follow following for forever forget forgot format found
four friend friends from full fully fun funny further game generally get gets getting gift gimme girl girlfriend girls
give gives gladly go goes going gone gonna good got gotta grab grandfather grandma grandmother grandpa great greatly
greetings guarantee guaranteed guess guests guy guys had half handle handy happen happened happens happy hard hardcover
hardly has hasnt hate have havent having he hear heard heavy hello help helps her here hers hey hi him his hold holds
honest honestly hope hoping hours how however huge hurry hurt husband i id idea if ill im important in include included
includes including info information inside instead instruct instructions interested into is isnt issue issues it item
items its itself ive join just keep keeps kept kid kids kind kindly knew know known knows lacks large last lasts lately
later latest learn learning least leave left less let lets light like liked likely likes list listed listen listing
liters litres little lol long longer look looking looks lose lost lot lots loud love loves lower lucky machine made
main mainly make maker makes man manage manufactured manufacturer many material materials matter maximum may maybe me
mean means meant meanwhile measure measurements measures meet men mention mentioned might mind mine minimum minutes
missed missing mistake mom moment money month more morning most mostly mother move moved movie much mum must my myself
name named near nearby nearly necessary need needed needs neither nephew never new next nice niece nine no nobody none
nor normal normally not note nothing notice noticed novel now number obviously occasion of off offer often oh ok okay
old older on once one ones online only onto open opened opening opinion option options or order ordered ordering origin
other otherwise ought our out outside over overall overview own owner pack package page pages paid paperback particular
particularly pass past pay people perfect perfectly perhaps person pick picked picky pieces place plan planning please
plenty pls plus plz point popular possible possibly power powered practical prefer present pretty previous previously
price priced prices print printed probably problem problems produced product products proper properly provide provided
publication published publisher purchase purchasing put puts quality question quick quickly quiet quite rather reach
read reading ready real really reason reasonable recent recently recommend recommended refund regarding regular
regularly related release released reliable remember remembered replace replacement reply require required requires
research respond response result return returned returns review reviews rid right run running runs safe safely said
sale same save saw say scared search searching second see seeing seem seems seen sell sells send sense sensitive
separate separately serious seriously serve serves set seven several shall she shipped shipping ships shop shopping
short shortly should shouldnt show side similar simple simply since single sister sit site six size sized sizes skill
skills small smell so sold some somebody someone something sometimes somewhere son song songs soon sooner sorry sort
sounds speak spec special specially specification specifications specs spend stand standard start started starting
starts state stay step still stock stop stopped store strong struggle struggling stuff such sudden suddenly suggest
suit suitable suits summary supposed sure surprise surprised take taken takes taking talk talking talks tall tape taste
teacher teenager tell ten tends term terms than thank thanks that thats the their them then there theres these they
theyre thick thing things think thinking thinks this those though thought three through throughout thus thx till time
times tired titled to today toddler together told tomorrow tonight too total totally touch toward towards tracks tried
trouble true truly trust try trying turn turned turns twice two type typical typically u uncle under understand
understood unfortunately unless until up upon ur us use used useful useless user users uses using usual usually various
version very vhs via video visit volts wait waiting walk wanna want wanted wants warn warranty was wash washable washed
wasnt wasted watts way ways we wear wears web website week weigh weighs weight weird well went were what whatever whats
when where wheres whether which whichever while who whole whom whos whose why wide wife will wish with within without
woman women won wonder wonderful wondering wont word words work worked working works worried worries worry worse worst
worth would wouldnt wow write writer written wrong wrote xmas yall yeah year years yes yesterday yet you younger your
youre yours
"""
PORTUGUESE = """
a abrir acabar acabou aceita aceitam acha achar acho acontece acredito adequada adequado adianta adolescente adora
adorar adoro adulto adultos afim afinal agora agrada agradeco aguenta aguento ai ainda ajuda ajudam ajudar album alem
algo alguem algum alguma algumas alguns ali alias altura aluno alunos ama amanha amaria amiga amigo amo andar andei
aniversario ano anos antes antigo anuncio ao aos aparece apenas apos aprendendo aprender apresentar apropriada
apropriado aproveitar aquela aquele aqui aquilo artigo as assim assistir ate atencao atenciosamente atende atras aula
aulas autor autora autores avaliacao avaliacoes avisa avise avo baixa baixo barata barato basta bastante bastantes
bateria baterias bebe bebes beleza bem blz boa boas boleto bom bonita bonito bons busca buscando buscar busco cabe
cabem cabendo caber cada caia cair caixa calma capacidade capaz cara caro caso catalogo causa cd certa certeza certo
chama chamada chamado chefe chega chegar chegou cima cinco claro cliente coisa coisas coloca colocar com combina
combinar comeca comecando comecar como comparar completa completo compra comprado comprando comprar comprei comprimento
compro condicao condicoes confere confiar confiavel confirma confirmar conhece conhecem conhecer conhecia conhecimento
consegue consegui conseguir consigo conta contar contato conte contem contente contra cor cores correto costuma costumo
crianca criancas cuidado cuidados cuidar cuido curiosa curioso curte curti curtir curto custa custam custo da dados dar
das dava de dei demais demora demorar dentre dentro depende depois depressa descobrir desconto descreva descreve
descrever descricao desculpa desde deseja desejo dessa desse desta deste destes detalhada detalhe detalhes deu devagar
deve deveria devo devolucao devolver dez dia diferenca diferente diferentes dificil diga digital dimensoes dinheiro
direito diria disco disponiveis disponivel disse disso diz dizem dizer do dois dos dou duas dura duracao durante duvida
duvidas dvd e edicao editora eficiente eh ela elas ele eles em embalagem encaixa encomendar encontrar encontro enfim
entao entender entendi entre entrega entregam entregar envia enviado enviam enviar envio era eram errada errado escolha
escolher escolhi escreveu escrito escutar especial especie especificacao especificacoes especifico esperando esperar
espero esposa esquecer esqueci essa essas esse esses esta estado estamos estao estarei estaria estas estava este estes
estive estiver estoque estou estraga estragar estudando estudar estudo eu evitar exatamente exato exemplo existe
existem experiencia explica explicacao explicar explique extra fabricada fabricado fabricante facil faixas fala falando
falar fale familia faria fariam favor faz fazem fazendo fazer fechar feita feitas feito feitos feliz fica ficam ficar
ficaria ficha ficou filha filho filhos filme filmes fiquei fita fiz fizer foi fora foram forma formato forte frente
frequencia funciona funcionar ganhar ganhei ganhou garante garantem garantia gente gentileza geral geralmente gosta
gostamos gostando gostar gostaram gostaria gostei gosto gostou grande grata gratidao grato guardar ha haver havia hein
hoje homem hora horas ia iam idade idades ideal ideia idosa idoso igual imagem imagino importa importante impressa
impresso inclui inclusa incluso incomodar indicada indicado info informacao informacoes informar informe inteira
inteiro interessa interessada interessado interessante interesse ir irma irmao isso isto item itens ja jeito jogo
juntar junto kk kkk la lancada lancado largo largura lava lavado lavar lavavel legal lembra lembrar lembro lendo ler
leu leva levar leve lhe lhes li licenca lido ligar limpa limpar linda lindo listar litros livro livros local logo loja
longe longo lugar mae maior maiores maioria mais mal manda mandar mande mandem maneira manual maquina marca marido mas
materiais material me mede medem medida medidas medo melhor melhores menina meninas menino meninos menor menores menos
mes mesma mesmo mesmos metade meu meus mexer mim minha minhas minimo minutos momento mostra mostrar mostre motivo muda
mudar muita muito muitos mulher musica musicas na nada namorada namorado nao nas natal ne nela nele nem nenhum nenhuma
nessa nesse nesta neste ninguem no noite normal normalmente nos nossa nosso nova novamente novas nove novo novos num
numa numero nunca o obg obrigada obrigado obviamente ocupa ocupar oferta ofertas oi oito ola olha olhando olhar olhei
onde ontem opcao opcoes opiniao oq origem os ou outra outro ouvi ouvir pacote paga pagar pagina paginas pago pai pais
para parece parecem parecer parecido parte partes partir passa passado passando passar passe pecas pedi pedido pedir
pega pegar pegue pela pelas pelo pelos pena pensando pensar penso pequena pequeno percebi perder perdi pergunta perto
pesa pesada pesado pesam peso pessoa pessoal pessoalmente pessoas pf pfv pilha pilhas pior planejo pode podem podemos
poder poderia poderiam podes pois ponto por porque posso pouca poucas pouco poucos povo pq pra pras pratica
praticamente pratico precisa precisam precisamos precisando precisar preciso preco precos prefere prefiro preparar
presente presentear presentes pretendo prima primeira primeiro primo principal principalmente pro problema problemas
procura procurando procurar procuro produto produtos produzida produzido professor professora propria proprio pros
proxima proximo publicada publicado q quais qual qualidade qualquer quando quanta quantas quanto quantos quase quatro
que quebra quebrar quebrou quem quer querem querendo querer queria quero quis quiser rapida rapidamente rapido razoavel
real realmente receber recebi recente reclamar recomenda recomendada recomendado recomendam recomendaria relacao
resistente resolve resolver responda responde responder resposta resto resumo roda rodar romance rs rsrs sabe sabem
saber sabes sabia saem sai saiba sair saira sairia saiu sao se segue seguinte segunda segundo segura seguro sei seis
sem semana sempre sendo sente sentir ser sera serao seria seriam serio serve servem servia servico servir sete seu seus
sim simples site so sob sobra sobre sobrinha sobrinho sobrou sofre sozinha sozinho sua suas sucesso suficiente sugere
sugestao suporta ta tal talvez tamanha tamanho tamanhos tambem tanta tanto tao tarde tb tbm te tem temos tempo tenho
tens ter teria teu tia tinha tio tipo tipos tira tirar to toda todas todo todos tomada total totalmente trabalha
trabalhar trabalho traz trazer tres troca trocar tu tua tudo uai um uma umas unica unico unidades uns usa usada usado
usam usando usar usei uso util utiliza utilizado utilizar vai vale valem valer valeu valor vamos vao varias varios vc
vcs veio veja vejo velha velho vem venda vende vendedor vendem vender ver verdade verificar versao vez vezes vhs vi
video vir viram vista visto viu vive vivem voce voces volta voltagem voltar volts vontade vou watts xau
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
