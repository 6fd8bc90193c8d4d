"""Legal forms: which words at the ends of a name say what kind of business it is."""

from collections.abc import Sequence

# Each form as it is compared, then how else it is written, phrases with underscores.
_WRITTEN = """
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
_LINES = [line.split() for line in _WRITTEN.replace("\n", " ").split(";")]
_FORMS = {
    tuple(each.split("_")): words[0] for words in _LINES for each in words if each.strip("_")
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
