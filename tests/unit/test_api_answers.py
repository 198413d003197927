"""The outcomes of services' answers, by the error codes that each publishes."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.policy.connection_trouble import ConnectionTrouble
from mailer.policy.hand_over_outcome import OutcomeKind
from mailer.processors.brevo.processor import BrevoApi
from mailer.processors.email_api.provider_api import ApiAnswer, ProviderApi
from mailer.processors.mailgun.processor import MailgunApi
from mailer.processors.postmark.processor import PostmarkApi
from mailer.processors.sendgrid.processor import SendGridApi
from mailer.processors.ses.processor import SesApi

A, B, Q, U = OutcomeKind.ACCEPTED, OutcomeKind.BLOCKED, OutcomeKind.IN_DOUBT, OutcomeKind.UNSENT
AUTH, BUSY, WRONG = ConnectionTrouble.AUTH, ConnectionTrouble.BUSY, ConnectionTrouble.REFUSED
APIS: Mapping[str, ProviderApi] = {
    "brevo": BrevoApi(),
    "mailgun": MailgunApi("mg.example.org"),
    "postmark": PostmarkApi(),
    "sendgrid": SendGridApi(),
    "ses": SesApi("email.eu-west-1.amazonaws.com", "eu-west-1", "AKIDEXAMPLE"),
}


def postmark(code: int) -> list[dict[str, Any]]:
    """The entry of a message in a batch."""
    return [{"ErrorCode": code, "Message": f"words of {code}"}]


def sendgrid(message: str) -> dict[str, Any]:
    """An error of SendGrid."""
    return {"errors": [{"message": message, "field": "from", "help": None}]}


@pytest.mark.parametrize(
    ("scheme", "status", "body", "headers", "result", "trouble", "code"),
    [
        ("postmark", 200, postmark(10), {}, U, AUTH, None),
        ("postmark", 200, postmark(100), {}, U, BUSY, None),
        ("postmark", 200, postmark(300), {}, B, None, 422),
        ("postmark", 200, postmark(400), {}, U, WRONG, 422),
        ("postmark", 200, postmark(401), {}, U, WRONG, 422),
        ("postmark", 200, postmark(405), {}, U, WRONG, None),
        ("postmark", 200, postmark(406), {}, B, None, None),
        ("postmark", 200, postmark(412), {}, U, WRONG, None),
        ("postmark", 200, postmark(429), {}, U, BUSY, None),
        ("postmark", 200, postmark(99_999), {}, B, None, 422),
        ("postmark", 200, [{"ErrorCode": True}], {}, Q, None, None),
        ("postmark", 200, [{"ErrorCode": 0, "MessageID": ""}], {}, Q, None, None),
        ("postmark", 200, [], {}, Q, None, None),
        ("postmark", 422, {"ErrorCode": 403, "Message": "no"}, {}, B, None, 422),
        ("postmark", 422, {"ErrorCode": 0, "MessageID": "b7bc2f4a"}, {}, B, None, 422),
        ("postmark", 503, {}, {}, U, BUSY, None),
        ("ses", 400, {"message": "no"}, {"x-amzn-errortype": "BadRequestException:http://aws"}, B, None, 400),
        (
            "ses",
            400,
            {"message": "Email address is not verified."},
            {"x-amzn-errortype": "MessageRejected"},
            U,
            WRONG,
            400,
        ),
        ("ses", 400, {"message": "a virus"}, {"x-amzn-errortype": "MessageRejected"}, B, None, 400),
        ("ses", 400, {}, {"x-amzn-errortype": "MailFromDomainNotVerifiedException"}, U, WRONG, 400),
        ("ses", 400, {}, {"x-amzn-errortype": "SendingPausedException"}, U, WRONG, None),
        ("ses", 400, {}, {"x-amzn-errortype": "AccountSuspendedException"}, U, WRONG, None),
        ("ses", 400, {}, {"x-amzn-errortype": "LimitExceededException"}, U, BUSY, None),
        ("ses", 404, {}, {"x-amzn-errortype": "NotFoundException"}, U, WRONG, None),
        ("ses", 429, {}, {"x-amzn-errortype": "TooManyRequestsException"}, U, BUSY, None),
        ("ses", 403, {"__type": "AccessDeniedException"}, {}, U, AUTH, None),
        ("ses", 400, {}, {"x-amzn-errortype": "ExpiredTokenException"}, U, AUTH, None),
        ("ses", 500, {}, {"x-amzn-errortype": "InternalFailure"}, Q, None, None),
        ("ses", 503, {}, {"x-amzn-errortype": "ServiceUnavailable"}, U, BUSY, None),
        ("sendgrid", 202, None, {"x-message-id": "a.b"}, A, None, 202),
        ("sendgrid", 200, None, {"x-message-id": "a.b"}, Q, None, None),
        ("sendgrid", 401, sendgrid("Maximum credits exceeded"), {}, U, WRONG, None),
        ("sendgrid", 403, sendgrid("The from address does not match a verified Sender Identity."), {}, U, WRONG, 403),
        ("sendgrid", 403, sendgrid("access forbidden"), {}, U, AUTH, None),
        ("sendgrid", 400, sendgrid("Does not contain a valid address."), {}, B, None, 400),
        ("mailgun", 403, {"message": "Domain mg.example.org is not allowed to send"}, {}, U, WRONG, None),
        ("mailgun", 403, {"message": "Forbidden"}, {}, U, AUTH, None),
        ("mailgun", 404, {"message": "Domain not found"}, {}, U, WRONG, None),
        ("mailgun", 400, {"message": "to parameter is not a valid address"}, {}, B, None, 400),
        ("mailgun", 503, {}, {}, Q, None, None),
        ("brevo", 400, {"code": "invalid_parameter", "message": "sender is not valid"}, {}, U, WRONG, 400),
        ("brevo", 400, {"code": "invalid_parameter", "message": "email is not valid in to"}, {}, B, None, 400),
        ("brevo", 400, {"code": "duplicate_request", "message": "again"}, {}, Q, None, None),
        ("brevo", 402, {"code": "not_enough_credits", "message": "none"}, {}, U, WRONG, None),
        ("brevo", 403, {"code": "permission_denied", "message": "not activated"}, {}, U, WRONG, None),
        ("brevo", 503, {}, {}, Q, None, None),
    ],
)
def test_a_code_of_a_service(
    scheme: str,
    status: int,
    body: Any,
    headers: Mapping[str, str],
    result: OutcomeKind,
    trouble: ConnectionTrouble | None,
    code: int | None,
) -> None:
    """A trouble without a code is the service's; with a code it may be this message's alone."""
    [outcome] = APIS[scheme].read_outcomes(ApiAnswer(status, headers, json.dumps(body).encode()), 1)
    assert (outcome.result, outcome.trouble, outcome.code) == (result, trouble, code)


def test_each_message_of_a_batch_has_its_own_outcome() -> None:
    """One refusal in a batch is nobody else's."""
    good = {"ErrorCode": 0, "MessageID": "b7bc2f4a"}
    body = json.dumps([good, *postmark(300), good]).encode()
    outcomes = APIS["postmark"].read_outcomes(ApiAnswer(200, {}, body), 3)
    assert [outcome.result for outcome in outcomes] == [A, B, A]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["ErrorCode", "Message", "MessageID", "MessageId", "errors", "code", "message", "id", "__type"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(
    st.sampled_from(sorted(APIS)), st.integers(100, 599), JSON.map(json.dumps).map(str.encode) | st.binary(max_size=50)
)
def test_no_answer_breaks_the_reader(scheme: str, status: int, body: bytes) -> None:
    """Whatever a service answers has one outcome a message. Only an answer with an id is a success."""
    outcomes = APIS[scheme].read_outcomes(ApiAnswer(status, {}, body), 2)
    assert len(outcomes) == 2
    assert all(outcome.result in (B, Q, U) or (outcome.result is A and 200 <= status < 300) for outcome in outcomes)
