"""The sentence below a campaign that says why somebody gets it, where the brand's layout has no words of its own."""

from collections.abc import Mapping
from typing import Final

REASONS: Final[Mapping[str, Mapping[str, str]]] = {
    "newsletter": {
        "en": "You get this mail because you receive the {{ brand.name }} newsletter.",
        "de": "Du bekommst diese Mail, weil du den Newsletter von {{ brand.name }} erhältst.",
        "ar": "تصلك هذه الرسالة لأنك تتلقى نشرة {{ brand.name }} الإخبارية.",
        "es": "Recibes este correo porque recibes el boletín de {{ brand.name }}.",
        "fr": "Vous recevez cet e-mail parce que vous recevez la lettre d'information de {{ brand.name }}.",
        "ja": "{{ brand.name }} のニュースレターを受け取る設定のため、このメールをお送りしています。",
    },
    "promotional": {
        "en": "You get this mail because you receive offers from {{ brand.name }}.",
        "de": "Du bekommst diese Mail, weil du Angebote von {{ brand.name }} erhältst.",
        "ar": "تصلك هذه الرسالة لأنك تتلقى عروض {{ brand.name }}.",
        "es": "Recibes este correo porque recibes ofertas de {{ brand.name }}.",
        "fr": "Vous recevez cet e-mail parce que vous recevez les offres de {{ brand.name }}.",
        "ja": "{{ brand.name }} のお得な情報を受け取る設定のため、このメールをお送りしています。",
    },
    "notification": {
        "en": "You get this mail because you receive notifications from {{ brand.name }}.",
        "de": "Du bekommst diese Mail, weil du Benachrichtigungen von {{ brand.name }} erhältst.",
        "ar": "تصلك هذه الرسالة لأنك تتلقى إشعارات {{ brand.name }}.",
        "es": "Recibes este correo porque recibes notificaciones de {{ brand.name }}.",
        "fr": "Vous recevez cet e-mail parce que vous recevez les notifications de {{ brand.name }}.",
        "ja": "{{ brand.name }} の通知を受け取る設定のため、このメールをお送りしています。",
    },
    "updates": {
        "en": "You get this mail because you have an account with {{ brand.name }}.",
        "de": "Du bekommst diese Mail, weil du ein Konto bei {{ brand.name }} hast.",
        "ar": "تصلك هذه الرسالة لأن لديك حسابًا في {{ brand.name }}.",
        "es": "Recibes este correo porque tienes una cuenta en {{ brand.name }}.",
        "fr": "Vous recevez cet e-mail parce que vous avez un compte {{ brand.name }}.",
        "ja": "{{ brand.name }} のアカウントをお持ちのため、このメールをお送りしています。",
    },
}
"""The sentences by category and language."""
