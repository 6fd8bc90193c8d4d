"""Words that occur in names: abbreviations, titles, nicknames, legal forms, common words."""

from collections.abc import Sequence

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
# Each form as it is compared, then how else it is written, phrases with underscores.
_WRITTEN_FORMS = """
ab aktiebolag; ag aktiengesellschaft; ae; ao; aps anpartsselskab; as aksjeselskap aktieselskab
anonim_sirketi akciova_spolecnost akciova_spolocnost; asa; asbl; bhd berhad; bt; bv
besloten_vennootschap; bvba; cc; cic; co company compania_limitada; corp corporation; coltd; cv;
dd; doo drustvo_s_ogranicenom_odgovornoscu dooel; ead; eg; eirl eireli; ek e_k e_kfm; eood; ep;
epe; eu; eurl; ev; fzco; fze; fzllc fz_llc; gbr; gie; gmbh mbh gesmbh
gesellschaft_mit_beschrankter_haftung; gmbhcokg gmbh_and_co_kg gmbh_and_cokg gmbh_co_kg
gmbhco_kg gmbh_cokg gmbh_and_co; agcokg ag_and_co_kg ag_co_kg; secokg se_and_co_kg se_co_kg;
ugcokg ug_and_co_kg ug_haftungsbeschrankt_and_co_kg; ggmbh; gp; hf; ike; inc incorporated; jsc;
kft korlatolt_felelossegu_tarsasag; kg kommanditgesellschaft; kgaa; kk kabushiki_kaisha
kabushikigaisha; gk godo_kaisha; yk yugen_kaisha; ks; kda; lda; llc ooo tov too
limited_liability_company obshchestvo_s_ogranichennoi_otvetstvennostyu
tovarystvo_z_obmezhenoiu_vidpovidalnistiu; llp limited_liability_partnership; lllp; lp
limited_partnership; ltd limited ltee limitee; ltda limitada; mbb; nv naamloze_vennootschap;
nyrt; oao; od; oe; oeg; ohg; ood; ou osauhing; oy osakeyhtio; oyj; pao; pc; plc
public_limited_company; pllc; pt perseroan_terbatas; pte; pty proprietary; pvt private; ry; sa
societe_anonyme sociedad_anonima sociedade_anonima spolka_akcyjna societa_anonima; sab; sacv
sa_de_cv sociedad_anonima_de_capital_variable; sabcv sab_de_cv; rlcv s_de_rl_de_cv srl_de_cv
rl_de_cv sderl_de_cv; sae; sal; sao; sapi sapi_de_cv; sarl sa_rl s_a_rl s_a_r_l
societe_a_responsabilite_limitee; sas; sasu; sc; sca; sccl; scop; scs; sdn sendirian; se; sep;
sia; sicav; sl sociedad_limitada; slu sociedad_limitada_unipersonal; slp slpu; smba; snc; spa
societa_per_azioni; spj spolka_jawna sp_j; spk spolka_komandytowa sp_k; spp; sprl; spzoo sp_zoo
sp_z_oo sp_z_o_o spzo_o spolka_z_ograniczona_odpowiedzialnoscia spolka_z_oo spolka_zoo; srl
societa_a_responsabilita_limitata sociedad_de_responsabilidad_limitada; srls; sro spol_sro
spol_s_ro spol_s_r_o spolecnost_s_rucenim_omezenym; sti sirketi; tbk; uab; ug
ug_haftungsbeschrankt unternehmergesellschaft; ulc; vof v_o_f; vzw; xk; yhtio; zao; zat; zrt;
partg partgmbb partnerschaftsgesellschaft partnerschaftsgesellschaft_mbb partg_mbb; gesbr; stg;
osk; sk; me epp; vos; komanditni_spolecnost
"""
_FORM_LINES = [line.split() for line in _WRITTEN_FORMS.replace("\n", " ").split(";")]
_FORMS = {
    tuple(each.split("_")): words[0] for words in _FORM_LINES for each in words if each.strip("_")
} | {("partnerschaftsgesellschaft", "mbb"): "mbb", ("partg", "mbb"): "mbb"}
WORDS = frozenset(_FORMS)
_LONGEST = max(map(len, _FORMS))
# Those that stand before a name as well.
_LEADING = frozenset(
    "ab ao as cv doo eurl gk kk llc oao ou oy pao pt sa sarl sas sasu sc sia snc sprl srl uab "
    "vof yk zao zat".split()
)
# Words that are a legal form in one name and a part of another: a spa, a guesthouse.
AMBIGUOUS = frozenset("ab as bt cc cv dd ek ep eu hf ks me od oe ou pc ry sc se sk sp spa".split())
# Single letters join names as well, but are told from initials before this: see `readings`.
CONNECTORS = frozenset("and und et og och en ja ve si kai oraz".split())


def without_forms(tokens: Sequence[str], first: str) -> tuple[list[str], list[str]]:
    """Take the legal forms off both ends; "& Co" says something about the name, and stays.

    `first` is the name's beginning as it was written: "A. B. Miller" is no "AB Miller".
    """
    words, forms = list(tokens), list[str]()
    while len(words) > 1 and (found := _form_at_end(words)):
        form, length = found
        if len(words) == length:
            break
        words = words[:-length]
        forms.append(form)
    form = _FORMS.get(tuple(words[:1]), "")
    if form in _LEADING and len(words) > 1 and words[0] == first:
        return words[1:], [*forms, form]
    return words, forms


def _form_at_end(words: Sequence[str]) -> tuple[str, int] | None:
    for length in range(min(_LONGEST, len(words) - 1), 0, -1):
        form = _FORMS.get(tuple(words[-length:]))
        if form is None:
            continue
        # "Miller & Co", "Hotel & Spa": what is joined to a name belongs to it.
        return None if words[-length - 1] in CONNECTORS else (form, length)
    return None
