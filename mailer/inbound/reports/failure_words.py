"""The words with which mail systems name the cause of a failure, in the languages that they speak.

They are looked for in text that quotes no SMTP reply, and where a reply's own words say nothing to the table of
`mailer.policy.smtp_replies`. The order matters: an address counts as dead only if the text names no other cause.
"""

import re
from typing import Final

from mailer.inbound.reports.received_report import BounceClass

_SOFT: Final = r"""quota | over\ (?:its|his|her|their|the)?\ ?(?:disk|size|storage|limit)
    | mail\ ?box\b[\w' ]{0,30}\bfull\b
    | mailfolder\ is\ full | (?:mailbox|inbox|folder|account|box)\b[\w' ]{0,20}\bis\ full | full\ mailbox
    | \b(?:mailbox|disk|storage|space|memory)\ (?:is\ )?(?:full|exceeded|exhausted) | mbox\ full
    | (?:mailbox|disk|mail\ ?box)?\ ?(?:space|storage)\ (?:is\ )?not\ enough | not\ enough\ (?:disk\ |storage\ )?space
    | insufficient\ (?:system\ |disk\ |mailbox\ )?(?:storage|space) | out\ of\ (?:storage|disk|space)
    | too\ much\ mail
    | (?:mailbox|storage|size|space|message)\b[\w' ]{0,20}\b(?:limit|exceed) | exceed\w*\b[\w' ]{0,30}\b(?:limit
    |size|storage|mailbox|allow)
    | (?:message|mail)\b[\w' ]{0,20}\btoo\ (?:large|big|long) | size\ (?:limit|exceed) | maximum\ (?:message\ )?size
    | larger\ than | bigger\ than | temporar | transient
    | not\ (?:currently\ |presently\ )?accepting\ (?:any\ )?(?:e?-?mail|messages)\b(?!\ from) | at\ this\ time
    | (?:account|address|mailbox)\ (?:is\ )?not\ verified | unverified\ address
    | (?:cannot|could\ not|unable\ to|not\ been)\ verif
    | (?:try|retry)\b[\w' ]{0,20}\b(?:later|again)\b | gr[ae]y-?list | too\ many | rate\ limit
    | mail\ (?:at\ a\ rate|too\ (?:quickly|fast|often)) | hop\ count | mail\ ?loop | \bloop(?:ing)?\b | too\ busy
    | timed?[ -]?out | time-out | connection\ (?:refused|reset|failed|lost|dropped) | could\ not\ connect
    | no\ route\ to
    | (?:un|not\ )(?:reachable|responding)\b | not\ respond | did\ not\ respond | network\ (?:error|problem)
    | host\ is\ down
    | (?:server|host)\ (?:is\ )?(?:down|unavailable|busy) | retry\ (?:time|limit) | name\ service\ error
    | maximum-time-expired
    | (?:max\w*|exceeded)\b[\w' ]{0,20}\b(?:attempts|retries|time) | (?:message|queue|delivery
    |mail)\b[\w' ]{0,25}\bexpired
    | not\ (?:been\ )?(?:collected|picked\ up) | not\ being\ collected | lowest\ numbered\ MX
    | queue\ (?:too\ )?(?:long|lifetime)
    | (?:after|for|within)\ [\d.]{1,6}\ ?(?:days?|hours?|hrs|attempts|minutes) | has\ been\ in\ the\ queue
    | gave?\ up\ trying
    | \bI/O\ error | insufficient\ resources | configuration\ (?:error|problem) | command\ (?:died|time)
    | system\ error
    | (?:postfach|mailbox|speicher\w*)\b[\w ]{0,30}\b(?:voll|überfüllt|erschöpft|überschritten) | überfüllt
    | speicherplatz
    | zu\ gro(?:ß|ss) | vorübergehend | später\ (?:noch\ einmal|erneut|wieder)
    | (?:boîte|bo[iî]te)\b[\w' àéè-]{0,30}\b(?:pleine|saturée) | saturée? | quota\ dépassé | trop\ (?:gros
    |volumineux) | temporairement
    | (?:buz[oó]n|casilla|cuenta)\b[\w ]{0,30}\b(?:llen[oa]|lleno) | excedi(?:do|ó) | espacio\ (?:insuficiente
    |disponible)
    | casella\b[\w ]{0,20}\bpiena | spazio\ (?:insufficiente|esaurito) | caixa\b[\w ]{0,20}\bcheia | cheia | espaço
    | переполнен | превышен | недостаточно\ места | временн | 容量|満杯|いっぱい|一杯|超過|一時的|しばらく
    | 邮箱(?:已)?满|空间不足|超出|暂时|容量已满
    | ممتلئ | volle\ mailbox | vol\b | skrzynka\b[\w ]{0,20}\bpełna | przepełnion"""

_SENDER_FAULT: Final = r"""\bspam | \bvirus | malware | phish | black-?\ ?list | block-?\ ?list | deny-?list
    | \bblocked\b | \brbl\b | dnsbl
    | spamhaus | spamcop | barracuda | reputation | \bpolic(?:y|ies)\b | \bspf\b | dkim | dmarc | not\ authori[sz]ed
    | unauthori[sz]ed | access\ denied | permission\ denied | prohibited | \brelay(?:ing)?\ (?:access|not|denied
    |prohibited)
    | not\ accept(?:ing|ed)?\ (?:mail|messages|e-?mail)\b[\w' ]{0,10}\bfrom | \bunsolicited | junk | suspicious
    | (?:only\ accepts?|not\ allowed|refus\w+|not\ permitted|rejects?)\b[\w' ]{0,25}\b(?:mail|messages|senders?)\b
    | (?:content|attachment)\b[\w' ]{0,20}\b(?:rejected|refused)
    | (?:content|message|attachment|e-?mail)\b[\w' ]{0,20}\b(?:filtered|infected|quarantined)
    | \bsender\b[\w' ]{0,20}\b(?:rejected|denied|refused|invalid|unknown|verif\w+|not)\b | restricted\ (?:group
    |list|mailbox|recipient)
    | reverse\ dns | \bptr\b | \bhelo\b | recipient\ preferences
    | \b(?:invalid|unknown|bad|forged)\ (?:sender|host\ ?name) | \byour\ (?:domain|host|(?:mail\ ?)?server|ip|network)\b
    | complaints?\b | throttl
    | moderat(?:or|ed) | not\ (?:a\ )?member | unerwünscht | indésirable
    | no\ deseado | спам | 垃圾邮件 | 迷惑メール"""

_PERSON: Final = (
    r"(?:user|users?\ name|mail\ ?box|recipient|account|addressee|(?:e-?mail\ )?address|alias|person|customer"
    r"|subscriber|mail\ account|userid|local\ part)"
)
_GONE: Final = r"""(?:unknown|not\ (?:be\ )?(?:found|known|exist|recogni[sz]ed|valid|listed|registered)|invalid
    |inactive|disabled
    |(?:been\ )?(?:disabled|deactivated|discontinued|suspended|closed|terminated|deleted|removed|cancelled)
    |(?:does\ not|doesn'?t|do\ not|don't|no\ longer|did\ not)\ exists?
    |no\ longer\ (?:valid|available|active|in\ use|exists?|accepts)|non-?existent|unavailable\ or\ not\ local)"""

_HARD: Final = rf"""\b{_PERSON}\b(?:\ name)?[\w'(): -]{{0,40}}\b{_GONE}\b
    | \b(?:unknown|invalid|no|no\ such|such|non-?existent|bad|illegal|unroute?able|wrong
    |deactivated)\ (?:or\ illegal\ )?(?:local\ |virtual\ |destination\ |e-?mail[ ]
    |final\ )?{_PERSON}\b(?!\s*(?:issue|error\ code|details))
    | \b(?:inactive|disabled|suspended|closed|deleted|expired)\ (?:e-?mail\ )?(?:user|account|mail\ ?box|address)\b
    | \bunknown\ (?:or\ \w+\ )?(?:user|recipient|to\ address) | invalid\ final\ delivery\ userid | no\ mailbox\ here
    | does(?:\ not|n'?t)\ have\ an?\ (?:\S{{1,80}}\ )?account | \bnot\ (?:a|an|our)\ (?:known\ |valid\ |local[ ]
    |active\ |current\ )?{_PERSON}\b
    | not\ listed\ in\b[\w' ]{{0,30}}\b(?:directory|address\ book) | recip(?:ient)?notfound
    | wrong\ or\ no\ longer\ valid
    | \bno\ (?:one|such\ person)\ at\ this\ address | bad\ destination\ mailbox | mailbox\ unavailable
    | (?:wasn'?t|couldn'?t\ be|cannot\ be|could\ not\ be|not)\ found\ (?:at|in)\b[\w' ]{{0,20}}\b(?:recipient
    |directory|server|domain|address\ book)
    | \bno\ such\ (?:domain|host) | \b(?:unknown|invalid|non-?existent)\ (?:mail\ )?(?:domain|host)\b | (?:host
    |domain)\ unknown
    | domain\b[\w' ]{{0,20}}\b(?:does\ not\ exist|doesn'?t\ exist|not\ found|no\ longer\ exists)
    | user\ (?:is\ )?not\ local
    | (?:empfänger|benutzer|adressat|postfach|adresse|e-?mail-adresse|konto)\b[\w ()äöü-]{{0,40}}\b(?:unbekannt
    |existiert\ nicht|nicht\ (?:gefunden|vorhanden|bekannt|existent)|ungültig)
    | (?:unbekannter|ungültiger|unbekannte|ungültige)\ (?:empfänger|benutzer|adresse) | existiert\ (?:hier\ )?nicht
    | (?:destinataire|utilisateur|adresse|boîte|compte)\b[\w' àâéèêç()-]{{0,60}}\b(?:inconnue?|n'existe\ (?:pas
    |plus)|introuvable|invalide|inexistante?)
    | (?:utilisateur|destinataire)\ non\ recensé
    | (?:usuario|destinatario|direcci[oó]n|buz[oó]n|cuenta)\b[\w áéíóúñ()-]{{0,40}}\b(?:desconocid[oa]|no\ existe
    |inexistente|inv[aá]lid[oa]|no\ encontrad[oa])
    | (?:utente|destinatario|indirizzo|casella)\b[\w àèéìòù()-]{{0,40}}\b(?:sconosciut[oa]|non\ (?:esiste
    |trovat[oa]|valid[oa])|inesistente)
    | (?:usu[aá]rio|destinat[aá]rio|endere[cç]o|conta)\b[\w ãáéíóúçâêô()-]{{0,40}}\b(?:desconhecid[oa]
    |n[aã]o\ (?:existe|encontrad[oa])|inexistente)
    | (?:onbekende|ongeldige)\ (?:gebruiker|ontvanger) | (?:gebruiker|ontvanger|adres)\b[\w ]{{0,30}}\b(?:onbekend
    |bestaat\ niet)
    | (?:пользователь|адрес|ящик|получател[ья])\b[\w -]{{0,30}}\b(?:не\ (?:существует|найден|зарегистрирован)
    |отсутствует) | нет\ такого\ (?:пользователя|адреса)
    | (?:ユーザー?|宛先|アドレス|受信者|メールボックス|アカウント)[^。\n]{{0,30}}(?:不明|存在しま|存在しない
    |見つかり|ありません|無効) | 宛先不明
    | あて先[^。\n]{{0,10}}(?:不明|見つかり)
    | (?:用户|收件人|邮箱|地址|帐号|账号)[^。\n]{{0,12}}(?:不存在|不正确|错误|未找到|无效) | 找不到(?:收件人
    |该用户|用户) | (?:사용자|수신자)[^.\n]{{0,12}}(?:없
    |존재하지)"""

_HEDGE: Final = re.compile(
    r"\b(?:may|might|could\ be|possibl|probabl|perhaps|likely|either|if\ (?:the|this|your|you)|verify|make\ sure|check"
    r"|ensure|peut-être|vielleicht|möglicherweise|quizás|puede\ que|かもしれ|可能)",
    re.IGNORECASE | re.VERBOSE,
)

_WORDS: Final = tuple(
    (kind, re.compile(pattern, re.IGNORECASE | re.VERBOSE))
    for kind, pattern in (
        (BounceClass.SOFT, _SOFT),
        (BounceClass.SENDER_FAULT, _SENDER_FAULT),
        (BounceClass.HARD, _HARD),
    )
)
_VETO: Final = tuple(one for one in _WORDS if one[0] is not BounceClass.HARD)
_RETRY: Final = re.compile(r"(?:please |and )?(?:try|retry)\b[\w' ]{0,20}\b(?:again|later)\b", re.IGNORECASE)
"""Advice that follows each kind of refusal ("check the address and try again")."""


def class_by_words(words: str) -> BounceClass | None:
    """Returns the class that a text names; None if it names no cause. A text that only guesses a dead address is soft.

    Args:
        words: at most 4,000 characters without links and addresses, whose words are not the mail system's.
    """
    for kind, pattern in _WORDS:
        if found := pattern.search(words):
            guess = kind is BounceClass.HARD and _HEDGE.search(words, max(found.start() - 60, 0), found.end())
            return BounceClass.SOFT if guess else kind
    return None


def cause_against_hard(words: str) -> BounceClass | None:
    """Returns the other cause that a text names, although its status says that the address is dead; None if none."""
    words = _RETRY.sub(" ", words)
    return next((kind for kind, pattern in _VETO if pattern.search(words)), None)
