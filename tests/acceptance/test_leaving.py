"""Recipients act: they open, look at the unsubscribe page, leave, ask for their data; the next mailings know."""

import re

import httpx
import pytest

from mailer.processors.capture.folder import CapturedMessage
from tests.acceptance.samples import event, people
from tests.processes import PUBLIC_URL, Stack, field, until

READERS = [f"reader{number}" for number in range(20)]
LEFT = ("suppressed", "opted_out")
SENT = ("handed_over", "")


def path(url: str) -> str:
    """The path of one of our links, for the process behind the public URL."""
    assert url.startswith(PUBLIC_URL)
    return url.removeprefix(PUBLIC_URL)


def unsubscribe(stack: Stack, name: str) -> str:
    """The path of the unsubscribe link in someone's newsletter."""
    (mail,) = stack.mails(To=f"{name}@example.org", Feedback_ID=":newsletter:")
    return path(field(mail, "List-Unsubscribe").partition(">")[0].lstrip("<"))


async def act(stack: Stack, client: httpx.AsyncClient) -> None:
    """Each does something else: 0 looks, 1 presses the page's button, 2 its other one, 3 one-click, 4 that again."""
    looked = await client.get(unsubscribe(stack, "reader0"))
    asked = await client.get(unsubscribe(stack, "reader1"))
    await client.head(unsubscribe(stack, "reader0"))
    buttons = re.findall(r'name="scope"\s+value="(\w+)"', asked.text)
    assert looked.status_code == 200
    assert "all" in buttons
    this = next(button for button in buttons if button != "all")
    pressed = await client.post(unsubscribe(stack, "reader1"), data={"scope": this})
    everything = await client.post(unsubscribe(stack, "reader2"), data={"scope": "all"})
    assert (pressed.status_code, everything.status_code) == (200, 200)
    for name in ("reader3", "reader4"):
        for form in ({"data": {"List-Unsubscribe": "One-Click"}}, {"files": {"List-Unsubscribe": (None, "One-Click")}}):
            answer = await client.post(unsubscribe(stack, name), headers={"user-agent": ""}, **form)
            assert answer.status_code == 200
            assert "set-cookie" not in answer.headers


async def test_who_leaves_gets_no_more_newsletters_and_every_service_notice(stack: Stack) -> None:
    """Looking changes nothing; the page, one-click as form and as multipart, once or twice, all opt out at once."""
    async with stack.running("web", "worker", "worker", "timekeeper"), stack.client() as client:
        lines = [f"{name},{name}@example.org,US,sign-up,yes\n" for name in READERS]
        (stack.folder / "readers.csv").write_text("ref,email,country,source,paid\n" + "".join(lines))
        await stack.done("recipients", "import", "readers.csv", "--brand", "interpals")
        await stack.application("publish", event("first", "interpals", "newsletter", {"refs": READERS}))
        await stack.finished("first")
        await act(stack, client)
        await stack.application(
            "publish",
            event("second", "interpals", "newsletter", {"refs": READERS}),
            event("offer", "interpals", "promotional", {"refs": READERS}),
            event("notice", "interpals", "service", {"refs": READERS}),
        )
        await stack.finished("second", "offer", "notice")
    gone = {f"reader{number}": LEFT for number in (1, 2, 3, 4)}
    assert await stack.states("second") == dict.fromkeys(READERS, SENT) | gone
    assert await stack.states("offer") == dict.fromkeys(READERS, SENT) | {"reader2": LEFT}
    assert await stack.states("notice") == dict.fromkeys(READERS, SENT)
    assert len(stack.mails(Feedback_ID=":newsletter:")) == 20 + 16
    assert len(stack.mails(Feedback_ID=":service:")) == 20


async def test_opens_are_counted_for_nobody_and_forged_links_do_nothing(stack: Stack) -> None:
    """No figure tells that somebody reads, no table has an address; a forged token gets 400, or the image."""
    async with stack.running("web", "worker", "timekeeper"), stack.client() as client:
        await stack.application("publish", event("first", "interpals", "newsletter", people(*READERS)))
        await stack.finished("first")
        link, pixel = unsubscribe(stack, "reader0"), path(pixel_of(stack.mails()[0]))
        forged = link[:-2] + ("AA" if link[-2:] != "AA" else "BB")
        refused = [await client.post(bad) for bad in (forged, pixel.replace("/o/", "/u/").removesuffix(".gif"), "/u/x")]
        proxy = {"user-agent": "Mozilla/5.0 (via ggpht.com GoogleImageProxy)"}
        browser = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.1.0"}
        images = [await client.get(pixel, headers=headers) for headers in (browser, browser, proxy)]
        images.append(await client.get("/o/forged.gif"))
        status = await stack.status("first")
    assert [answer.status_code for answer in refused] == [400, 400, 400]
    assert not any("reader0" in answer.text for answer in refused)
    assert await stack.query("SELECT FROM standings WHERE opted_out <> '{}'") == []
    assert [(len(image.content), image.headers["cache-control"]) for image in images] == [(43, "no-store")] * 4
    assert (status["opens"], status["machine_opens"]) == (None, None)
    columns = await stack.query("SELECT column_name FROM information_schema.columns WHERE table_name = 'opens'")
    assert {row[0] for row in columns} == {"mailing_id", "day", "machine", "n"}


def pixel_of(mail: CapturedMessage) -> str:
    """The pixel of a message."""
    (url,) = re.findall(r'src="(https://[^"]+\.gif)"', mail.html or "")
    return str(url)


async def test_a_dead_address_gets_no_more_mail_and_a_breach_notice_in_writing(stack: Stack) -> None:
    """A hard bounce is on record with its code; the next notice is suppressed, a breach notice is diverted."""
    async with stack.running("worker", "timekeeper"):
        await stack.application("publish", event("first", "interpals", "service", people("nobody", "ann")))
        await stack.finished("first")
        await stack.application(
            "publish",
            event("second", "interpals", "service", {"refs": ["nobody", "ann", "stranger"]}),
            event("leak", "interpals", "breach", {"refs": ["nobody", "ann"]}),
        )
        await stack.taken_in("leak")
        await stack.done("mailing", "approve", "leak", "--by", "Dana Duty")
        await stack.finished("second", "leak")
    assert await stack.states("first") == {"nobody": ("failed", "5.1.1"), "ann": SENT}
    assert await stack.states("second") == {
        "nobody": ("suppressed", "address_dead"),
        "ann": SENT,
        "stranger": ("suppressed", "no_address"),
    }
    assert await stack.states("leak") == {"nobody": ("diverted", "written_notice"), "ann": SENT}
    assert len(stack.mails(To="ann@")) == 3


async def test_who_has_no_link_leaves_with_an_address(stack: Stack) -> None:
    """A running web process takes an address; the timekeeper and a worker send the link; its button works."""
    async with stack.running("web", "worker", "timekeeper"), stack.client() as client:
        await stack.application("publish", event("first", "interpals", "newsletter", people("reader0", "reader1")))
        await stack.finished("first")
        pages = [
            await client.post("/leave/interpals", data={"email": f"{name}@example.org"})
            for name in ("READER0", "nobody")
        ]

        async def answered() -> bool:
            return bool(stack.mails(To="reader0@example.org", Feedback_ID=":rights:"))

        await until(answered, "the mail with the link to leave")
        mail = stack.mails(To="reader0@example.org", Feedback_ID=":rights:")[0]
        link = path(re.findall(rf"{PUBLIC_URL}/u/[\w.-]+", mail.text or "")[0])
        assert (await client.get(link)).status_code == 200
        assert (await client.post(link, data={"scope": "all"})).status_code == 200
        await stack.application("publish", event("second", "interpals", "newsletter", {"refs": ["reader0", "reader1"]}))
        await stack.finished("second")
        assert await stack.value("SELECT count(*) FROM leave_requests") == 0
    assert {page.status_code for page in pages} == {200}
    assert len({page.text for page in pages}) == 1
    assert await stack.states("second") == {"reader0": LEFT, "reader1": SENT}
    assert len(stack.mails(Feedback_ID=":rights:")) == 1


@pytest.mark.promise("peerstream-08", "peerstream-13", "paltalk06-30")
async def test_who_has_no_login_gets_a_copy_and_is_erased(stack: Stack) -> None:
    """Over HTTP and SMTP: form, mail, button, file, erasure; no cookie; later mail does not go out."""
    answers: list[httpx.Response] = []

    async def link(client: httpx.AsyncClient, wanted: str) -> str:
        known = {mail.id for mail in stack.mails(To="reader0@example.org")}
        form = {"email": "Reader0@example.org", "wanted": wanted}
        answers.append(await client.post("/data/interpals", data=form))

        async def mailed() -> bool:
            return any(mail.id not in known for mail in stack.mails(To="reader0@example.org"))

        await until(mailed, f"the mail with the link to the {wanted}")
        [mail] = [mail for mail in stack.mails(To="reader0@example.org") if mail.id not in known]
        return path(re.findall(rf"{PUBLIC_URL}/data-request/[\w.-]+", mail.text or "")[0])

    async with stack.running("web", "worker", "timekeeper"), stack.client() as client:
        await stack.application("publish", event("first", "interpals", "newsletter", people("reader0", "reader1")))
        await stack.finished("first")
        copy = await link(client, "copy")
        for form in ({"save": "page"}, {"confirm": "yes"}, {"save": "page"}):
            answers.append(await client.post(copy, data=form))
        erasure = await link(client, "erasure")
        answers += [await client.post(erasure, data={"confirm": "yes"}), await client.get(erasure)]
        await stack.application("publish", event("second", "interpals", "newsletter", {"refs": ["reader0", "reader1"]}))
        await stack.finished("second")
    assert {answer.status_code for answer in answers} == {200}
    assert ["content-disposition" in answer.headers for answer in answers] == [False] * 3 + [True] + [False] * 3
    assert ["reader0@example.org" in answer.text for answer in answers] == [False] * 3 + [True] + [False] * 3
    assert not any("set-cookie" in answer.headers for answer in answers)
    assert "Your data are erased" in answers[-1].text
    assert len(stack.mails(Feedback_ID=":newsletter:")) == 3
