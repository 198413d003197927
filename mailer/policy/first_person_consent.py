"""The words of a person's own consent: a yes, or a wish in the first person, and nothing about use or terms.

A text of another language, or of other words, is listed by the policy (`[wordings]`).
"""

import re
from typing import Final

_YES: Final = (
    r"^(?:yes|yeah|ja|oui|sí|sim|sì|نعم)\b",
    r"\bi(?: do| would| really| hereby| also| gladly)* (?:agree|accept|consent|want|wish|like|love|subscribe|opt[- ]in"
    r"|allow|permit|approve|authori[sz]e|request|ask|join)\b|\bi (?:give|grant) my (?:consent|permission)\b",
    r"\bi.d (?:like|love)\b|\bi(?:.m| am) (?:happy|interested)\b",
    r"\b(?:send|keep|e-?mail|mail|write|notify|inform|tell|contact|remind|invite|show)(?: to)? me\b",
    r"\b(?:sign|put|add|opt|subscribe|count|let) me\b|\b(?:track|count|measure) my\b",
    r"\bich (?:will|möchte|wünsche|willige|stimme|abonniere|erlaube|erteile|bin einverstanden|bitte|melde mich)\b",
    r"\b(?:schickt?|sendet?|schreibt?|informiert|meldet) mir\b|\b(?:schicken|senden|schreiben) sie mir\b",
    r"\bje (?:veux|voudrais|souhaite|consens|accepte|désire|m.abonne|m.inscris)\b|\bj.(?:accepte|autorise)\b",
    r"\b(?:envoyez|écrivez|informez)-moi\b",
    r"\b(?:quiero|deseo|acepto|consiento|autorizo|me suscribo)\b|\benv[ií](?:en|e|a)me\b",
    r"\b(?:quero|desejo|aceito|consinto|autorizo)\b|\benviem-me\b",
    r"\b(?:voglio|vorrei|desidero|accetto|acconsento|autorizzo|mi iscrivo)\b|\binviatemi\b",
    r"\bik (?:wil|ga akkoord|stem toe|accepteer|abonneer)\b|\b(?:stuur|schrijf|mail) (?:mij|me)\b",
    r"\b(?:أوافق|أريد|أرغب|أقبل)\b|أرسلوا لي|راسلوني",
)
_BESIDE: Final = re.compile(
    r"\b(?:you|i) (?:can|may) (?:\w+ )?(?:withdraw|unsubscribe|stop|opt out|leave|cancel|change|revoke)[^.;!?]*"
    r"|\bwithout (?:giving )?(?:any )?reasons?\b|\bich kann [^.;!?]*(?:widerrufen|abbestellen|abmelden)\b"
)
"""Clauses beside a yes that tell how it ends."""
_NO: Final = (
    r"\b(?:no|not|never|nothing|none|don.t|won.t|without|nein|nicht|nie|niemals|nichts|kein\w*|non|pas|jamais"
    r"|nunca|nada|não|nao|niet|geen|nooit|لا|لن)\b",
    r"\b(?:unsubscri\w*|out|stop\w*|remov\w*|delet\w*|deletion|eras\w*|cancel\w*|leave|leaving|object\w*|fewer|less|refund)\b",
    r"\b(?:ab|abmeld\w*|abbestell\w*|kündig\w*|lösch\w*|gelöscht|weg|raus|widersprech\w*|désabonn\w*|désinscri\w*)\b",
    r"\b(?:supprim\w*|baja|borr\w*|cancel\w*|sair|salir|uscire|disiscri\w*|afmeld\w*|opzeg\w*)\b|إلغاء|حذف",
)
_USE: Final = (
    r"\bby \w+ing\b|\bif you\b|\byou (?:agree|accept|consent)\b|\bsi vous\b|\bwenn sie\b",
    r"\b(?:us(?:e|es|ed|ing|age|er|ers)|continu\w*|brows\w*|visit\w*|access\w*|regist\w*|log(?:ging|ged)? ?in|login)\b",
    r"\bsign(?:ing|ed)?[ -]?in\b|\bsign(?:ing|ed)?[ -]?up\b"
    r"(?! me\b| for (?:the |your |our )?(?:news|offer|e-?mail|mail))",
    r"\b(?:creat\w+|join(?:ed|ing)|account\w*|member\w*|presence|stay(?:ing)?|purchas\w*|silence|schweigen)\b",
    r"\b(?:assumed|import\w*|crm|customers?|kunden?|bestandskund\w*|clients?|legacy|cookies?|implied)\b",
    r"\b(?:terms|tos|t&c\w*|eula|conditions|licen[cs]e\w*|contract|agreement|pre-?ticked|default)\b",
    r"\b(?:nutz\w*|benutz\w*|verwend\w*|weiternutz\w*|weiterhin|besuch\w*|registrier\w*|agb|\w*bedingungen)\b",
    r"\b(?:konto|mitglied\w*|vertrag\w*)\b",
    r"\b(?:utilis\w*|navig\w*|cgu|compte|inscription|usar|uso|usando|utiliz\w*|t[ée]rminos|condiciones|cuenta|termos"
    r"|condições|conta|usare|utilizz\w*|termini|condizioni|gebruik\w*|voorwaarden)\b",
    r"استخدام|الشروط|شروط|حساب",
)
_POLICY: Final = r"\b(?:polic(?:y|ies)|privacy|datenschutz\w*|richtlinie\w*|confidentialité|privacidad|privacidade)\b"
_IS_YES: Final = re.compile("|".join(_YES))
_IS_ELSE: Final = re.compile("|".join((*_NO, *_USE)))
_OF_POLICY: Final = re.compile(_POLICY)


def is_first_person_yes(text: str, *, of_policy: bool) -> bool:
    """Tells whether a text says that a person wants something. Use, terms and refusals do not count.

    Args:
        text: as `consent_wordings.fold_wording_for_comparison` gives it.
        of_policy: it may speak of a policy, as the consent to a version of it does.
    """
    text = _BESIDE.sub(" ", text)
    if _IS_ELSE.search(text) or not _IS_YES.search(text):
        return False
    return of_policy or _OF_POLICY.search(text) is None
