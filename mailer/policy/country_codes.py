"""The countries of people and processors: the codes of ISO 3166-1, and other codes that people write."""

from functools import lru_cache
from typing import Final

_ISO_3166_1: Final = """
    ADAND AEARE AFAFG AGATG AIAIA ALALB AMARM AOAGO AQATA ARARG ASASM ATAUT AUAUS AWABW AXALA AZAZE BABIH BBBRB
    BDBGD BEBEL BFBFA BGBGR BHBHR BIBDI BJBEN BLBLM BMBMU BNBRN BOBOL BQBES BRBRA BSBHS BTBTN BVBVT BWBWA BYBLR
    BZBLZ CACAN CCCCK CDCOD CFCAF CGCOG CHCHE CICIV CKCOK CLCHL CMCMR CNCHN COCOL CRCRI CUCUB CVCPV CWCUW CXCXR
    CYCYP CZCZE DEDEU DJDJI DKDNK DMDMA DODOM DZDZA ECECU EEEST EGEGY EHESH ERERI ESESP ETETH FIFIN FJFJI FKFLK
    FMFSM FOFRO FRFRA GAGAB GBGBR GDGRD GEGEO GFGUF GGGGY GHGHA GIGIB GLGRL GMGMB GNGIN GPGLP GQGNQ GRGRC GSSGS
    GTGTM GUGUM GWGNB GYGUY HKHKG HMHMD HNHND HRHRV HTHTI HUHUN IDIDN IEIRL ILISR IMIMN ININD IOIOT IQIRQ IRIRN
    ISISL ITITA JEJEY JMJAM JOJOR JPJPN KEKEN KGKGZ KHKHM KIKIR KMCOM KNKNA KPPRK KRKOR KWKWT KYCYM KZKAZ LALAO
    LBLBN LCLCA LILIE LKLKA LRLBR LSLSO LTLTU LULUX LVLVA LYLBY MAMAR MCMCO MDMDA MEMNE MFMAF MGMDG MHMHL MKMKD
    MLMLI MMMMR MNMNG MOMAC MPMNP MQMTQ MRMRT MSMSR MTMLT MUMUS MVMDV MWMWI MXMEX MYMYS MZMOZ NANAM NCNCL NENER
    NFNFK NGNGA NINIC NLNLD NONOR NPNPL NRNRU NUNIU NZNZL OMOMN PAPAN PEPER PFPYF PGPNG PHPHL PKPAK PLPOL PMSPM
    PNPCN PRPRI PSPSE PTPRT PWPLW PYPRY QAQAT REREU ROROU RSSRB RURUS RWRWA SASAU SBSLB SCSYC SDSDN SESWE SGSGP
    SHSHN SISVN SJSJM SKSVK SLSLE SMSMR SNSEN SOSOM SRSUR SSSSD STSTP SVSLV SXSXM SYSYR SZSWZ TCTCA TDTCD TFATF
    TGTGO THTHA TJTJK TKTKL TLTLS TMTKM TNTUN TOTON TRTUR TTTTO TVTUV TWTWN TZTZA UAUKR UGUGA UMUMI USUSA UYURY
    UZUZB VAVAT VCVCT VEVEN VGVGB VIVIR VNVNM VUVUT WFWLF WSWSM YEYEM YTMYT ZAZAF ZMZMB ZWZWE
"""
"""The officially assigned codes, alpha-2 and alpha-3 together, as its Maintenance Agency lists them in 2026."""

_ALIASES: Final = {
    "UK": "GB",  # exceptionally reserved; what most people in the country write
    "EL": "GR",  # how the European Union writes Greece
    "XI": "GB",  # Northern Ireland, in VAT numbers
    "AC": "SH",
    "CP": "FR",
    "DG": "IO",
    "EA": "ES",
    "FX": "FR",
    "IC": "ES",
    "TA": "SH",
    "XKX": "XK",
}
"""Other codes that people write, and the exceptional reservations that are a part of one country."""

KOSOVO: Final = "XK"
"""Assigned by users, as the European Union and many others do."""

_PAIRS: Final = [(pair[:2], pair[2:]) for pair in _ISO_3166_1.split()]
COUNTRIES: Final = frozenset((*(code for code, _ in _PAIRS), KOSOVO))
"""Every code that is stored, alpha-2."""
_CODES: Final = {code: code for code in COUNTRIES} | {three: code for code, three in _PAIRS} | _ALIASES
FORM: Final = "^[A-Za-z]{2,3}$"
"""The form of accepted texts, for schemas. `country_code` checks that it is a country."""


def country_code(text: str) -> str:
    """Returns the ISO 3166-1 alpha-2 code for a text: that code in any case, alpha-3, or an alias such as UK.

    Raises:
        ValueError: it is no country. A union or an area is none, since it would not tell which law holds.
    """
    if (code := country_code_or_none(text)) is None:
        raise ValueError("is no country; write the two letters of ISO 3166-1, such as DE, or leave it out")
    return code


def country_code_or_none(text: str) -> str | None:
    """Returns the same code as `country_code`; None if the text is no country."""
    code = _CODES.get(text)
    if code is None and text.isascii():  # other letters have capitals in ASCII: the sharp s of German has two
        code = _CODES.get(text.upper())
    return code


def newest_country_of_person(said: str | None) -> str:
    """Returns the newest of a person's countries, one a line (see `Standing.country`); an empty text without any."""
    return (said or "").partition("\n")[0]


@lru_cache(maxsize=1000)
def country_of_locale(locale: str | None) -> str | None:
    """Returns the country in a language tag (BCP 47): DE of `de-DE`, AT of `de-Latn-AT`; None if it names none.

    It shows only how a person writes, not where they live. So it never makes a floor less strict.
    """
    _, dash, last = (locale or "").replace("_", "-").rpartition("-")
    return country_code_or_none(last) if dash and len(last) == 2 else None
