"""Words that hold for names in general: usual abbreviations, titles, nicknames, what many share."""

# Each line: a word, and how else it is written. What could stand for several words is left out.
_WRITTEN = """
accommodation accomodation; accounts accts; agency agcy; aluminum aluminium; american amer;
apartments apts; architects archs; associates assoc assocs; association assn ass; attorneys
attys; avenue ave; brothers bros; building bldg; builders bldrs; catalog catalogue; center
centre ctr; color colour; communications comms; compania cia; construction const constr;
cooperative coop; county cty; council cncl; counselors counsellors; defense defence; department
dept dpt; development dev devt; distribution dist distrib; district distr; division div;
education educ edu; engineering eng engg engrg; enterprises ent entpr; entertainment entmt;
equipment equip eqpt; etablissements ets; favor favour; federation fedn; fiber fibre; firma fa;
flavor flavour; foundation fdn fndn; ft fort; gebruder gebr gebrueder gebroeders; government
govt; gray grey; group grp; harbor harbour; hermanos hnos; holdings hldgs; honor honour;
hospital hosp; industries inds; institute inst; insurance ins; international intl int;
investments invs; jewelers jewellers; jewelry jewellery; junior jnr jr; labor labour; laboratory
lab; laboratories labs; license licence; management mgmt mgt; manufacturing mfg manuf mfrg;
market mkt; marketing mktg; marvelous marvellous; medical med; memorial meml; mold mould; mount
mt; mountain mtn; national natl; neighbor neighbour; organization organisation; partners ptnrs;
pharmacy pharm; plow plough; productions prod prods; professional profl; program programme;
properties props; publishing publ pub; railway rly; research rsch; savior saviour; school sch;
secretary secy; senior snr sr; services svc svcs serv srvcs service; society soc; ste sainte;
software sw; solutions solns sols; south sth; st saint; street str; sulfur sulphur; systems sys;
technology tech technol; theater theatre; tire tyre; tires tyres; transport transp; traveling
travelling; university univ; vegetable veg; veterinary vet; warehouse whse; week wk; whiskey
whisky; workshop wkshop; yogurt yoghurt; zonen zn
"""
_LINES = [line.split() for line in _WRITTEN.replace("\n", " ").split(";")]
SHORT = {short: words[0] for words in _LINES for short in words[1:]}

# Words that many names share tell two businesses apart less than the others do.
COMMON = frozenset(
    "academy accountancy accounting advisors advisory agencia agency agentur airlines "
    "alliance analytics and apartments architects architecture architekten art arts "
    "associates association atelier auto automotive autos bakery bank bar bau bikes boats "
    "books bookstore boutique brewery brothers bruder builders building business cafe capital "
    "care cars catering center charitable charity chemicals church city cleaning clinic "
    "clinics clothing club coffee college comercial communications community company "
    "computers concepts conseil construction consultancy consultants consulting contractors "
    "cooperative cosmetics council couriers creative dance dairy data delivery dental "
    "department design designs development digital distribution district division dynamics "
    "education electric electrical electronics energy engineering enterprises entertainment "
    "environmental equipment estate estates etablissements events exports express fabrics "
    "farm farms fashion film films finance financial firma fitness florist florists flowers "
    "food foods foundation freight furniture gallery games garage garden gardens gas general "
    "global government green group grupo gym hair handel harbor haus health healthcare "
    "heating hire holding holdings home homes hospital hospitality hostel hotel hotels house "
    "housing immobilien imports independent industrial industries information innovation "
    "innovations institute insurance interiors international investments jewelry joinery "
    "kitchens laboratories laboratory landscapes law lawyers leasing legal leisure lighting "
    "logistics logistik machinery maintenance management manufacturing marine market "
    "marketing markets materials media medical memorial metal metals mining mobile motor "
    "motors museum music national network networks nursery office online optical optics "
    "organization outdoor paint painting paper park partner partners parts pharma pharmacy "
    "photo photography physiotherapy pizza plastics plumbing power press primary print "
    "printing production productions products professional project projects properties "
    "property publishers publishing railway real realty recruitment regional removals rental "
    "rentals repairs research resort resources restaurant retail robotics roofing salon "
    "school sciences secondary security service services shipping shop shops smart social "
    "society societe software solar solutions sons sport sports store stores studio studios "
    "supplies supply support surgery surveyors systeme systems taxi taxis tea team tech "
    "technical technik technologies technology telecom tennis textile textiles theater tools "
    "tourism tours town toys trade traders trading training transport transportation travel "
    "trust union united universal university utilities ventures verlag veterinary video "
    "warehouse waste water web wellness werbung wholesale wine wines wood workers works "
    "workshop world yachts zonen".split()
)

# Before or after a person's name, and no part of it.
TITLES = frozenset(
    "dame don dona dott dr esq frau herr hr ing lady lord mag mba md miss mlle mme mr mrs ms "
    "obe phd prof rev senor senora sig signora sir sra sri".split()
)

_CALLED = """
alexander alex sasha; alexandra sandra; andrew andy drew; anthony tony; antonio toni; barbara
barb; benjamin ben; charles charlie chuck; christopher chris; daniel dan danny; david dave;
deborah debbie deb; donald don; edward ed eddie ted; elizabeth liz lizzie beth betty eliza;
frederick fred; francisco paco; gerald gerry jerry; gregory greg; henry harry; jacob jake; james
jim jimmy jamie; jeffrey jeff geoff geoffrey; jennifer jen jenny; johannes hannes hans; john
jack johnny; jonathan jon; joseph joe; jose pepe; katherine catherine kate kathy cathy katie
katharine; kenneth ken; lawrence larry laurence; leonard len; margaret maggie peggy meg; matthew
matt; maximilian max; michael mike mick mickey; nicholas nick; pamela pam; patricia pat patty;
patrick paddy; peter pete; philip phil phillip; raymond ray; rebecca becky; richard rick dick
richie; robert bob rob bobby robbie; ronald ron; samuel sam; stephen steven steve; susan sue;
theodore theo; thomas tom tommy; timothy tim; victoria vicky; walter walt; william bill will
billy
"""
NICKNAMES = {
    short: words[0]
    for line in _CALLED.replace("\n", " ").split(";")
    if (words := line.split())
    for short in words
}

# Where somebody is, said after a name; it tells two branches apart, and is often left out.
COUNTRIES = frozenset(
    "africa america asia australia austria belgique belgium brasil brazil britain bulgaria "
    "canada chile china colombia croatia czechia danmark denmark deutschland emea espana "
    "estonia europe finland france germany greece hungary iceland india indonesia ireland "
    "israel italia italy japan kenya latvia lithuania luxembourg malaysia mexico nederland "
    "netherlands nigeria norge norway nz osterreich peru philippines poland polska portugal "
    "romania schweiz scotland singapore slovakia slovenia spain suisse sverige sweden "
    "switzerland taiwan thailand turkey uae uk ukraine usa vietnam wales".split()
)
_NUMBERS = "one two three four five six seven eight nine ten eleven twelve".split()
_ROMAN = "ii iii iv v vi vii viii ix x xi xii xiii".split()
FIGURES = {word: str(place) for place, word in enumerate(_NUMBERS, 1)} | {
    "first": "1st",
    "second": "2nd",
    "third": "3rd",
    "fourth": "4th",
    "fifth": "5th",
}
ROMAN = {word: str(place) for place, word in enumerate(_ROMAN, 2)}
# Words that oppose each other: a name with one is never the name with the other.
EITHER = [
    frozenset(group.split())
    for group in (
        "north south east west northern southern eastern western",
        "upper lower",
        "old new",
        "inbound outbound",
        "import imports export exports",
        "men women",
        "junior senior",
        "primary secondary",
        "small big large",
        "national international",
        "red blue green black white grey gray yellow",
    )
]

# What a name can have or lack without being another one.
FILLERS = frozenset(
    "a an and by da das de del della den der des di die do dos du el for fur het in la las le "
    "les los of the to von".split()
)
