"""The signs by which a text is known as a notice about a delivery, in the languages that mail systems speak."""

import re
from typing import Final

from mailer.inbound.reports.header_fields import HeaderFields
from mailer.inbound.reports.received_report import RecipientAction

_DAEMON: Final = re.compile(
    r"""(?:mailer[-_.]?(?:daemon|service)|mail[-_.]?daemon|m?daemon|post-?master|postoffice|mailsystem
    |mail[._-]?(?:delivery|system|agent|service)[\w.]*
    |mailadm\w*|mdaemon|(?:[\w.]{0,20}_)?smtp_?[\w.]*|ndr|bounces?|imss|interscan|system|symantec\w*
    |e-?mail-?gateway|mailgate\w*|delivery\w*|nobody|double-bounce)@""",
    re.IGNORECASE | re.VERBOSE,
)
_DAEMON_NAME: Final = re.compile(
    r"mail(?:er)?[ -](?:delivery|administrator|daemon|router)|delivery (?:sub)?system|system administrator|postmaster"
    r"|mail system|mailer-daemon|microsoft (?:outlook|exchange)|delivery (?:service|notification|status)|mail ?server"
    r"|メール",
    re.IGNORECASE,
)
_SUBJECT: Final = re.compile(
    r"""(?:\[[^\]]{0,40}\]\s*)?(?:[*!]{0,5}\s*)?(?:undeliver(?:able|ed)|non[- ]?deliver(?:y|able)|unzustellbar
    |not\ delivered|non\ remis|notification:\ .{0,20}fail
    |(?:mail|message|email|e-mail)\ (?:delivery|system)?\ ?(?:has\ )?(?:fail|error|problem|could\ not
    |not\ delivered|undeliver|status|delay|warning|rejected|returned)
    |(?:your\ )?(?:mail|message|email)\b.{0,60}\b(?:could\ not\ be|was\ not|not\ be|has\ not\ been
    |cannot\ be)\ (?:yet\ been\ )?deliver
    |deliver[ey]*\ (?:status|failure|fail|has\ failed|error|problem|report|notif|delay|warning|unsuccessful
    |incomplete|attempt)
    |(?:permanent|temporary)\ (?:delivery\ )?(?:fail|error)|fail(?:ure|ed)[ -](?:notice|delivery|mail|message
    |to\ deliver|notification)
    |returned?\ (?:mail|message|to\ sender|email)|bounced?\ (?:mail|message|email)|delayed\ mail|(?:mail
    |message)\ delayed|warning:\ (?:message|could\ not|e?mail|.{0,100}user\ unknown)
    |processing\ error|mail\ error|undelivered|automatically\ rejected\ mail|rejected\ (?:mail|message)
    |nondeliverable|unable\ to\ deliver|cannot\ deliver|could\ not\ deliver
    |dsn:|ndn:|ndr:|non-?remise|échec|echec|courrier\ non|message\ non\ (?:distribué|remis|délivré)
    |retour\ de\ courrier|avis\ de\ non|rapport\ de\ non
    |unzustellbare?|fehlgeschlagen|zustell(?:ung|fehler)|nachricht\ (?:nicht|konnte)|nicht\ zugestellt
    |mail\ nicht\ zustellbar|fehler\ bei|rückläufer|problem\ bei\ der\ zustellung
    |no\ (?:se\ ha\ podido\ entregar|entregado|se\ pudo)|mensaje\ (?:no|devuelto)|correo\ (?:no|devuelto)
    |error\ de\ entrega|notificación\ de\ (?:error|estado)|devolución|fallo\ (?:de|en)
    |mancata\ consegna|recapito|consegna\ (?:fallita|non)|messaggio\ non|não\ (?:foi\ )?(?:entregue|possível)
    |falha\ (?:na|de)|mensagem\ (?:não|devolvida)|erro\ (?:de|na)\ entrega
    |onbestelbaar|niet\ (?:bezorgd|afgeleverd)|kunne\ ikke|kan\ inte|ikke\ levert|nie\ dostarczono|niedoręczon|zwrot
    |недоставлен|не\ (?:доставлен|удалось)|ваше\ сообщение\ не|ошибка\ доставки|сообщение\ не\ доставлено|возврат
    |配信(?:不能|不可|エラー|失敗|できませ)|配達|送信(?:エラー|失敗|できませ)|エラー(?:メール|通知)|不達
    |宛先不明|メール(?:が|を).{0,10}(?:届|配|送)|未配信
    |(?:邮件|系统)?(?:退信|投递失败|发送失败|无法投递|未送达)|退回|반송|전송\ ?실패|تعذر|فشل)""",
    re.IGNORECASE | re.VERBOSE,
)
_BODY: Final = re.compile(
    r"""(?:could|can|was|were|did|has|have|had|is|are|will)\ ?n(?:o|')t\ (?:yet\ )?(?:been?[ ]
    |be\ )?(?:able\ to\ )?(?:successfully\ )?(?:deliver|reach|receive|sent)
    |cannot\ be\ (?:deliver|sent)|couldn't\ (?:be\ )?deliver|wasn't\ (?:able\ to\ )?deliver|weren't\ deliver
    |unable\ to\ (?:be\ )?(?:deliver|send)|undeliverable|undelivered
    |not\ (?:be\ )?delivered\ to|not\ (?:been|able\ to\ be)\ deliver|failed\ (?:recipient|addresses|permanently)
    |delivery\b.{0,60}\b(?:failed|delayed|was\ aborted|errors|problems|unsuccessful)
    |(?:address(?:es)?|recipients?|message|mail)\b.{0,60}\b(?:failed|had\ (?:permanent|transient|delivery
    |non-delivery|\w+\ fatal)|rejected|returned|bounced)
    |failed\ to\ (?:be\ )?deliver|permanent\ (?:fatal\ )?(?:error|failure)|returned\ (?:message|to\ sender|because)
    |delivery\ (?:failure|failed|error|status\ notification)
    |non-?delivery|no\ such\ (?:user|mailbox|recipient)|user\ (?:is\ )?(?:unknown|not\ known)|unknown\ (?:user
    |recipient)|invalid\ final\ delivery|did\ not\ exactly\ match|mailbox\ is\ full
    |email\ address\ is\ wrong|error\ (?:was\ detected\ )?while\ (?:being\ )?process|encountered\ an\ error
    |undeliverable\ to|has\ been\ (?:delayed|postponed)|delivery\ (?:attempt|of\ (?:the|your))
    |(?:konnte|kann|wurde|konnten)\b.{0,120}\bnicht\b.{0,60}(?:zugestellt|zustell|gesendet|erreicht|ausgeliefert)
    |unzustellbar|zustellung.{0,60}(?:fehlgeschlagen|nicht)|nicht\ zugestellt
    |n'a\ pas\ (?:pu\ )?(?:être|etre|été)\ (?:remis|délivré|delivre|distribué|transmis|envoyé)|n'a\ pu\ être
    |impossible\ de\ (?:remettre|délivrer|distribuer)|échec\ de\ (?:la\ )?(?:remise|distribution|livraison)
    |n'existe\ pas
    |no\ (?:se\ )?(?:pudo|ha\ podido|puede|ha\ sido|fue)\ (?:ser\ )?(?:posible\ )?(?:entrega|enviad)|no\ (?:pudo
    |ha\ podido)\ ser\ entregad|imposible\ entregar
    |non\ (?:è\ stato\ (?:possibile\ )?|può\ essere\ |e'\ stato\ )(?:consegna|recapita)|n[aã]o\ (?:p[oô]de|foi
    |pode)\ (?:ser\ )?(?:possível\ )?(?:entreg|enviad)
    |kon\ niet\ worden\ (?:bezorgd|afgeleverd)|не\ (?:может\ быть|было|была?|удалось)\ (?:доставлен|доставить)
    |не\ доставлен|невозможно\ доставить
    |(?:配信|送信|配達|お届け)(?:すること)?(?:が)?でき(?:ませ|なか)|届けでき|配信(?:不能|エラー|に失敗
    |されませ)|(?:宛先|ユーザ).{0,20}(?:不明|存在|見つかり)
    |(?:邮件|信件).{0,20}(?:无法|未能|不能).{0,20}(?:投递|发送|送达|传送)|无法(?:投递|发送|送达)|投递失败|退信
    |전송(?:하지|에\ 실패)|배달되지|تعذر\ تسليم
    |لم\ يتم\ تسليم""",
    re.IGNORECASE | re.VERBOSE,
)
_DELAYED: Final = re.compile(
    r"""not\ yet\ been\ delivered|has\ (?:not\ )?been\ delayed|(?:is|was|message)\ delayed|being\ delayed
    |still\ being\ retried
    |will\ be\ retried|will\ (?:continue|keep)\ (?:to\ )?(?:try|attempt|be|deliver)
    |attempts\ will\ continue|continue\ to\ (?:attempt|try)|has\ been\ postponed|just\ a\ warning
    |warning\ message\ only|will\ be\ made\ for|still\ (?:trying|in\ the\ queue)|delivery\ delay
    |do\ not\ need\ to\ resend|verzögert|wird\ weiterhin\ versucht|noch\ nicht\ zugestellt|retardée?|différée?
    |nouvelle\ tentative|retrasad[oa]|seguirá\ intentando|ritard|atrasad|задерж|遅延|再送|延迟|延误""",
    re.IGNORECASE | re.VERBOSE,
)
_FINAL: Final = re.compile(
    r"permanent|given up|gave up|giving up|final(?:ly)? failed|no further (?:attempt|deliver)|will not be retried"
    r"|never been delivered",
    re.IGNORECASE,
)
_ANSWER: Final = re.compile(r"\s*(?:re|aw|sv|antw|fwd?|wg|tr|rv|i|res|vs)\s?(?:\[\d\])?:", re.IGNORECASE)


def is_from_mail_system(header: HeaderFields) -> bool:
    """Tells whether a message says that a mail system sent it: by its name, or its failed recipients."""
    raw = header.first("from")
    if header.by_name.get("x-failed-recipients") or not raw.strip() or "<>" in raw:
        return True
    senders = header.addresses("from")
    return bool(
        _DAEMON.match(next((address for _, address in senders), raw).strip() + "@")
        or any(_DAEMON_NAME.search(name) for name, _ in senders)
        or _DAEMON_NAME.search(raw[:200])
    )


def has_null_sender(header: HeaderFields) -> bool:
    """Tells whether a message has the null sender, as bounces have, and automatic replies too (RFC 3834 3.3)."""
    return header.first("return-path").strip() == "<>"


def has_bounce_subject(subject: str, *, answered: bool = False) -> bool:
    """Tells whether a subject is that of a notice; `answered`: also that of an answer to one, or a forwarded one."""
    return (answered or not _ANSWER.match(subject[:20])) and bool(_SUBJECT.search(subject[:300]))


def has_bounce_words(text: str) -> bool:
    """Tells whether a text says that something was not delivered. The first 3,000 characters count."""
    return bool(_BODY.search(" ".join(text[:3000].split())))


def action_of_notice(subject: str, text: str) -> RecipientAction:
    """Returns the action that a notice without fields tells: delayed if it says that delivery goes on, else failed."""
    words = f"{subject[:300]}\n{' '.join(text[:4000].split())}"
    if _FINAL.search(words) or not _DELAYED.search(words):
        return RecipientAction.FAILED
    return RecipientAction.DELAYED
