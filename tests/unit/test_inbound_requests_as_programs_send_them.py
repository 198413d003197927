"""Whole mails as mail programs send them, with greetings, signatures and quotes of several programs."""

# ruff: noqa: E501, RUF001 - whole mails in one line, in many languages

import pytest

from mailer.inbound.requests.reading import read_request
from mailer.inbound.requests.request_types import Certainty, MailToRead, ReadRequest, RequestKind, RequestMailbox


def read(mailbox: str, subject: str, text: str) -> ReadRequest:
    """Reads a mail of Jane's."""
    return read_request(MailToRead(subject, text, RequestMailbox(mailbox), "InterPals", "jane.roe@example.org", ()))


@pytest.mark.parametrize(
    ("mailbox", "subject", "text"),
    [
        ("support", "Unsubscribe", "Hi,\n\nPlease see subject.\n\nThanks"),
        ("opt_out", "Unsubscribe", "jane.roe@example.org"),
        ("opt_out", "", "jane.roe@example.org"),
        ("opt_out", "unsubscribe", "Jane Roe"),
        ("opt_out", "Please remove me", "Best,\nJane"),
        (
            "support",
            "Unsubscribe from newsletter",
            "Hello InterPals team,\n\nI have been a member for ten years, but I do not read the newsletter.\nPlease unsubscribe me.\n\nKind regards,\n\nJane Roe\n12 Hill Street\nBristol",
        ),
        (
            "reply",
            "Re: Your week on InterPals",
            "Please stop these emails\n\n\nJane Roe\nSales Manager\nAcme Ltd | +44 20 7946 0000\n\n________________________________\nFrom: InterPals <news@interpals.example>\nSent: Tuesday, November 24, 2026 9:14 AM\nTo: Jane Roe\nSubject: Your week on InterPals\n\nIf you no longer want this, unsubscribe here",
        ),
        ("reply", "RE: Your week", "UNSUBSCRIBE\r\n\r\n-----Original Message-----\r\nFrom: InterPals\r\nIf not, click"),
        (
            "reply",
            "AW: Ihre Woche",
            "Bitte abmelden.\n\nMit freundlichen Grüßen\n\nThomas Bauer\nLeiter Einkauf\nMuster GmbH\nTel. 030 12345\n\nVon: InterPals <news@interpals.example>\nGesendet: Dienstag, 24. November 2026 09:14\nAn: Thomas Bauer\nBetreff: Ihre Woche\n\nwenn Sie sich nicht",
        ),
        (
            "reply",
            "RE : Votre semaine",
            "Merci de me désinscrire\n\nDe : InterPals <n@i.example>\nEnvoyé : mardi 24 novembre 2026 09:14\nÀ : Luc\nObjet : Votre semaine\n\nne pas",
        ),
        (
            "reply",
            "RE: Su semana",
            "Por favor darme de baja\n\nDe: InterPals <n@i.example>\nEnviado: martes\nPara: Luis\nAsunto: Su semana\n\nsi no",
        ),
        ("reply", "Re: 今週", "配信停止お願いします。\n\n-----元のメッセージ-----\n差出人: InterPals"),
        (
            "support",
            "Abmeldung Newsletter",
            "Sehr geehrte Damen und Herren,\n\nhiermit möchte ich mich von Ihrem Newsletter abmelden.\nBitte bestätigen Sie mir die Abmeldung kurz per E-Mail.\n\nVielen Dank und freundliche Grüße\nMaria Huber",
        ),
        (
            "support",
            "Désabonnement",
            "Bonjour,\nJe ne souhaite plus recevoir votre newsletter.\nMerci de supprimer mon adresse de votre liste.\nBien cordialement,\nMme Lefort",
        ),
        (
            "support",
            "Baja newsletter",
            "Buenos días:\n\nLes escribo para solicitar la baja de su newsletter.\n\nMuchas gracias.\n\nUn saludo,\nJorge",
        ),
        (
            "support",
            "إلغاء الاشتراك",
            "السادة الكرام\n\nأرجو إلغاء اشتراكي في النشرة البريدية وعدم إرسال أي رسائل أخرى.\n\nمع خالص التحية\nسامي",
        ),
        (
            "support",
            "メール配信停止のお願い",
            "担当者様\n\nいつもお世話になっております。\n下記アドレスへのメール配信の停止をお願いいたします。\n\njane.roe@example.org\n\n以上、よろしくお願いいたします。\n山本",
        ),
        ("support", "unsubscribe", "unsubscribe\n\nSent from Yahoo Mail on Android"),
        ("opt_out", "OPT OUT", "OPT OUT\n\nJane\n\n\nVirus-free. www.avast.com"),
        ("opt_out", "Unsubscribe me", "Please"),
        (
            "support",
            "Fwd: Your week on InterPals",
            "Please unsubscribe me from this.\n\n---------- Forwarded message ---------\nFrom: InterPals\nSubject: Your week\n\nHello",
        ),
    ],
)
def test_a_whole_mail_is_a_plain_opt_out(mailbox: str, subject: str, text: str) -> None:
    """Greetings, closings, names, titles, addresses of the sender and quotes stand in no opt-out's way."""
    found = read(mailbox, subject, text)

    assert (found.request, found.certainty) == (RequestKind.OPT_OUT, Certainty.PLAIN), found.reasons


@pytest.mark.parametrize(
    ("mailbox", "subject", "text"),
    [
        ("support", "Unsubscribe", "Hi, the blue theme is gone. Bring it back please"),
        ("support", "unsubscribe problem", "I pressed the thing and nothing"),
        ("opt_out", "Unsubscribe", "Where is my order?"),
        ("opt_out", "Hello", "What is this"),
        ("support", "Unsubscribe", "On second thought, stay"),
        ("opt_out", "unsubscribe bob", "x"),
        ("opt_out", "", "bob@example.org"),
        ("reply", "Re: x", "Hi InterPals!\nI LOVE the newsletter. My brother says I should unsubscribe. Never!"),
        ("support", "Re: unsubscribe request", "Done? I wait for an answer"),
        ("privacy", "Data", "Please delete my data, but keep the newsletter"),
        ("privacy", "Permanent data deletion", "I do not want permanent data deletion"),
        ("privacy", "Permanent data deletion", "What does permanent data deletion mean?"),
        ("support", "Delete account", "How can I delete my account?"),
        ("support", "Copy", "Send me a copy of the newsletter"),
        ("support", "Written notice", "I got a written notice from my landlord"),
        ("support", "paper", "Please send me a paper catalogue"),
    ],
)
def test_a_whole_mail_is_for_a_person(mailbox: str, subject: str, text: str) -> None:
    """A subject that asks for one thing and a text that says another are for a person."""
    assert read(mailbox, subject, text).certainty is Certainty.DOUBTFUL
