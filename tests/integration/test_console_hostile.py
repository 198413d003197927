"""The requests of strangers to the console and to /leave: from other sites, in frames, too large, with odd paths."""

import json
import random
from collections.abc import AsyncIterator

import cbor2
import httpx
import pytest

from mailer.web.app import MAX_DRAFT_FORM_BYTES
from mailer.web.console.breach_access import is_breach_path
from mailer.web.console.campaign_access import is_editor_path
from mailer.web.console.console_context import console_path_or_home
from mailer.web.console.passkey_checks import check_new_passkey, check_presented_passkey
from mailer.web.picture_limits import is_picture_upload_path
from mailer.web.upload_limits import is_upload_path
from tests.factories import BRAND, World
from tests.integration.console_browser import OWN, ConsoleBrowser, open_browser
from tests.integration.test_console_passkeys import HERE
from tests.integration.test_console_roles import ROUTES
from tests.integration.web_world import PUBLIC_URL, browse, site_over
from tests.promises.test_web import tables
from tests.software_authenticator import SoftwareAuthenticator, decode, encode

LEAVE = f"/leave/{BRAND}"
POSTS = sorted(path for method, path in ROUTES if method == "POST")
GETS = sorted(path for method, path in ROUTES if method == "GET")


def real(path: str) -> str:
    """A path for the template of a route."""
    return path.replace("{staff_id}", "2").replace("{token}", "nobodys").replace("{name}", "console.css")


async def test_another_site_reaches_no_form(world: World) -> None:
    """Each form of the console, with the right cookie: without our origin or without its token it is refused."""
    kind = {"content-type": OWN["content-type"]}
    async with open_browser(world) as browser:
        await browser.enter()
        token = await browser.token("/console/staff")
        before = await rows(world)
        for path in map(real, POSTS):
            for headers in (
                {**kind, "sec-fetch-site": "cross-site"},
                {**kind, "sec-fetch-site": "same-site", "origin": PUBLIC_URL},
                {**kind, "origin": "https://evil.example"},
                {**kind, "origin": "null"},
                kind,
            ):
                refused = await browser.post(path, {"form_token": token}, headers)
                assert refused.status_code == 403, (path, headers)
                assert "access-control-allow-origin" not in refused.headers
            for wrong in ("", "0" * 64):
                assert (await browser.post(path, {"form_token": wrong})).status_code == 403, path
        assert await rows(world) == before
        assert (await browser.open("/console/staff")).status_code == 200


async def rows(world: World) -> list[object]:
    """All rows of staff that a form could change."""
    found = await tables(world)
    return [found[name] for name in sorted(found) if name.startswith("staff") and name != "staff_sessions"]


async def test_nobody_frames_or_keeps_a_page(world: World) -> None:
    """Pages, redirects, refusals and errors of the console and of /leave say so to browsers."""
    async with open_browser(world) as browser:
        await browser.enter()
        answers = [await browser.open(real(path)) for path in GETS]
        answers += [await browser.post(real(path), {}) for path in POSTS]
        answers += [await browser.open("/console/nothing"), await browser.client.put("/console/sign-in")]
        browser.client.cookies.clear()
        answers += [await browser.open(real(path)) for path in GETS]
        answers += [await browser.open(LEAVE), await browser.client.post(LEAVE, data={"email": "x"})]
        answers += [await browser.client.post(LEAVE, data={"email": "ada@people.example"})]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy, answer.url
        assert "base-uri 'none'" in policy, answer.url
        assert "unsafe" not in policy, answer.url
        assert "http" not in policy, answer.url
        assert answer.headers["x-frame-options"] == "DENY", answer.url
        assert answer.headers["x-content-type-options"] == "nosniff", answer.url
        kept = "private, max-age=300" if "/static/" in str(answer.url) else "no-store"
        assert answer.headers["cache-control"] == kept, answer.url


async def test_bodies_are_bounded_at_every_form(world: World) -> None:
    """A larger one gets 413, whether its length is said or not, and is never held; a form has few fields.

    Forms with a file, the editor of campaigns and breach cases have limits of their own (`test_pictures`,
    `test_import_api`). A form with a file is refused before it is read, here for want of a right.
    """
    async with open_browser(world) as browser:
        await browser.enter()
        for path in (*map(real, POSTS), LEAVE):
            if is_picture_upload_path(path) or is_upload_path(path) or path.endswith("/letters/reports"):
                continue
            is_draft = is_editor_path(path) or is_breach_path(path)
            most = MAX_DRAFT_FORM_BYTES if is_draft else 65_536
            large = await browser.client.post(path, content=b"email=" + b"x" * (most + 1), headers=OWN)
            assert large.status_code == 413, path
            if is_draft:
                continue

            async def pieces() -> AsyncIterator[bytes]:
                for _ in range(70):
                    yield b"x" * 1000

            streamed = await browser.client.post(path, content=pieces(), headers=OWN)
            assert streamed.status_code == 413, path


ODD_PATHS = (
    "/console/static/../texts.toml",
    "/console/static/..%2ftexts.toml",
    "/console/static/%2e%2e/texts.toml",
    "/console/static/..%5ctexts.toml",
    "/console/static/%2fetc%2fpasswd",
    "/console/static/....//texts.toml",
    "/console/static/console.css%00.toml",
    "/console/static/texts.toml",
    "/console/join/..%2f..%2fstaff",
    "/console/staff/..%2f..%2fsign-in",
    "/console/staff/1%2froles",
    "//evil.example/console",
    "/console//staff",
    "/leave/..%2fconsole",
    "/leave/%2e%2e/console/staff",
    "/leave/" + "x" * 5000,
    "/leave/%00",
)


@pytest.mark.parametrize("path", ODD_PATHS)
async def test_no_path_leads_out(world: World, path: str) -> None:
    """A path out of the site leads to no file and no page. The answer repeats nothing of the path."""
    async with open_browser(world) as browser:
        await browser.enter()
        request = browser.client.build_request("GET", "/")
        request.url = httpx.URL(PUBLIC_URL).copy_with(raw_path=path.encode())
        answer = await browser.client.send(request)
    assert answer.status_code in (400, 404, 405, 410), path
    assert "[errors]" not in answer.text
    assert "root:" not in answer.text
    assert "evil" not in answer.text


@pytest.mark.parametrize(
    "path",
    ["/console//evil.example", "//evil.example", "/console/\\evil.example", "/console/%0d%0ax", "/console/..;/x"],
)
async def test_a_link_from_elsewhere_leads_to_own_pages_only(world: World, path: str) -> None:
    """A foreign path never stands in a redirect, or in the page that leads on."""
    assert console_path_or_home(path) == "/console"
    async with open_browser(world) as browser:
        request = browser.client.build_request("GET", "/", headers={"sec-fetch-site": "cross-site"})
        request.url = httpx.URL(PUBLIC_URL).copy_with(raw_path=path.encode())
        answer = await browser.client.send(request)
        assert "evil" not in answer.text + answer.headers.get("location", "")
        await browser.enter()
        for place in ("/console/sign-in", "/console/second-step"):
            sent = await browser.client.get(place, params={"next": path})
            assert "evil" not in sent.text + sent.headers.get("location", "")


async def test_a_given_cookie_is_no_session_at_any_step(world: World) -> None:
    """Cookies of sessions, forms and browsers that a stranger made up bring nobody in, and are replaced."""
    async with open_browser(world) as browser, open_browser(world) as thief:
        await thief.open("/console/sign-in")
        given = dict(thief.client.cookies.items())
        await browser.enter()
        await sign_out(browser)
        for name in ("__Host-mailer", "__Host-mailer-device"):
            browser.client.cookies.set(name, "given", domain=HERE, path="/")
        browser.client.cookies.set("__Host-mailer-form", given["__Host-mailer-form"], domain=HERE, path="/")
        await browser.sign_in()
        await browser.forget_steps()
        assert (await browser.send("/console/second-step", {"code": browser.code()})).status_code == 303
        assert browser.client.cookies["__Host-mailer"] not in ("given", *given.values())
        assert browser.client.cookies["__Host-mailer-device"] != "given"
        token = await browser.token("/console/staff")
        assert (await thief.post("/console/staff", {"form_token": token, "name": "Mallory"})).status_code == 403
        assert (await thief.open("/console/staff")).headers["location"].startswith("/console/sign-in")


async def sign_out(browser: ConsoleBrowser) -> None:
    """Signs out by the button."""
    await browser.send("/console/sign-out", on="/console/sessions")


def spoilt(credential: str, rng: random.Random) -> str:
    """A credential with some octets changed, cut off or doubled, in one of its parts or in its JSON."""
    said = json.loads(credential)
    part = rng.choice([*said["response"], "rawId", "whole"])
    if part == "whole":
        place = rng.randrange(len(credential))
        return credential[:place] + rng.choice(["", "[", "{", "9" * 400, "\ud800", "null,"]) + credential[place + 1 :]
    holder = said if part == "rawId" else said["response"]
    octets = bytearray(decode(holder[part]))
    for _ in range(rng.randrange(1, 4)):
        place = rng.randrange(len(octets))
        match rng.randrange(3):
            case 0:
                octets[place] = rng.randrange(256)
            case 1:
                octets = octets[: place + 1]
            case _:
                octets[place:place] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 40)))
    holder[part] = encode(bytes(octets))
    return json.dumps(said)


def attested(credential: str, kind: str, statement: object, public: object = None) -> str:
    """A new credential with another attestation, and with another public key if one is given."""
    said = json.loads(credential)
    data = cbor2.loads(decode(said["response"]["attestationObject"]))["authData"]
    if public is not None:
        data = data[: 37 + 16 + 2 + 32] + cbor2.dumps(public)
    told = cbor2.dumps({"fmt": kind, "attStmt": statement, "authData": data})
    said["response"]["attestationObject"] = encode(told)
    return json.dumps(said)


async def test_no_credential_is_an_error_of_ours(world: World) -> None:
    """Each of two thousand spoilt answers of an authenticator is a passkey or is refused, for any error."""
    console, rng = site_over(world).console, random.Random(20261129)
    key = SoftwareAuthenticator(PUBLIC_URL, HERE)
    made = key.create({"challenge": encode(b"challenge")})
    passkey = check_new_passkey(console, made, b"challenge", "laptop")
    assert passkey is not None
    shown = key.get({"challenge": encode(b"challenge")})
    assert check_presented_passkey(console, [passkey], shown, b"challenge") is not None
    for _ in range(1000):
        check_new_passkey(console, spoilt(made, rng), b"challenge", "laptop")
        check_presented_passkey(console, [passkey], spoilt(shown, rng), b"challenge")
    for statement in ({}, {"alg": -7, "sig": b"x", "x5c": [b"no certificate"]}, {"x5c": 5}, "text", [1]):
        for kind in ("packed", "fido-u2f", "android-key", "android-safetynet", "tpm", "apple", "none", "new"):
            check_new_passkey(console, attested(made, kind, statement), b"challenge", "laptop")
    for public in ("text", [1, 2], 5, {}, {1: 2, 3: -7}, {1: 9, 3: 1}, {1: 3, 3: -257, -1: b"", -2: b""}):
        assert check_new_passkey(console, attested(made, "none", {}, public), b"challenge", "laptop") is None, public
    deep = "[" * 15_000
    for odd in (deep, '{"a":' * 3000, "\0", "NaN", '{"rawId": 1}', '{"rawId": null, "response": []}'):
        assert check_new_passkey(console, odd, b"challenge", "laptop") is None
        assert check_presented_passkey(console, [passkey], odd, b"challenge") is None


async def test_leave_takes_a_form_from_anywhere_and_does_no_more_than_anybody_could(world: World) -> None:
    """The page has no session: with any cookie and origin the answer is the same, and nothing is set."""
    seen = set()
    for headers in ({}, {"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site", "cookie": "a=b"}):
        async with browse(world, **headers) as client:
            answer = await client.post(LEAVE, data={"email": "nobody@people.example"})
        seen.add((answer.status_code, answer.text, "set-cookie" in answer.headers))
    assert len(seen) == 1
    assert not next(iter(seen))[2]
