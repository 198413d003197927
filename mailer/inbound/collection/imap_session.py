"""A connection to a mailbox by IMAP (RFC 3501, 2177), over imap-tools. Every call blocks: it belongs into a thread."""

import imaplib
import re
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from imap_tools import MailBox, MailboxFolderSelectError, MailMessageFlags
from imap_tools.errors import ImapToolsError

from mailer.inbound.collection.imap_url import ImapUrl
from mailer.ports.received_mail import MAX_OCTETS

SECONDS: Final = 30.0
"""Seconds that a server has for an answer."""
IDLE_SECONDS: Final = 60.0
"""Seconds after which the folder is read without news, too: a server may have none, or they may be lost."""
_ROUND: Final = 1.0
"""Seconds for which one call waits for news."""
_SIZE: Final = re.compile(rb"RFC822\.SIZE (\d{1,20})")
_FOR_NOW: Final = ("[UNAVAILABLE]", "[INUSE]", "[SERVERBUG]", "[LIMIT]")
"""Response codes of a login that may succeed later (RFC 5530 3)."""


class MailboxRefused(Exception):
    """The server refuses the login or the folder, and will do so again. The message says what to change."""


class MailboxAway(Exception):
    """The server cannot be reached, or the connection is lost. The message gives the reason without an address."""


class ImapSession:
    """A connection that is signed in, with a folder that is open.

    Args:
        url: the mailbox.

    Raises:
        MailboxRefused: the user name, the password or the folder is wrong. MailboxAway: there is no connection.
    """

    def __init__(self, url: ImapUrl) -> None:
        with _errors_as_away():
            self._box = MailBox(url.host, url.port, timeout=SECONDS, ssl_context=ssl.create_default_context())
        self._idle_since: float | None = None
        try:
            self._sign_in(url)
        except BaseException:
            self.close()
            raise

    def _sign_in(self, url: ImapUrl) -> None:
        try:
            with _errors_as_away():
                self._box.login_utf8(url.user, url.password, url.folder)
        except MailboxFolderSelectError:
            raise MailboxRefused("the folder cannot be opened; correct its name in MAILER_INBOUND") from None
        except imaplib.IMAP4.error as error:
            if any(code in str(error) for code in _FOR_NOW):
                raise MailboxAway("the server takes no login for now") from None
            raise MailboxRefused("the server refuses the user name or the password; correct MAILER_INBOUND") from None

    def list_unseen(self) -> list[str]:
        r"""Returns the UIDs of the messages without the flag \Seen."""
        with _errors_as_away():
            return self._box.uids("UNSEEN", charset=None)

    def fetch_message(self, uid: str) -> bytes | None:
        """Returns a message, and leaves its flags; None if it is longer than `MAX_OCTETS`, or gone."""
        with _errors_as_away():
            sizes = [_SIZE.search(part) for part in self._fetch(uid, "(RFC822.SIZE)") if isinstance(part, bytes)]
            if not any(found and int(found[1]) <= MAX_OCTETS for found in sizes):
                return None
            parts = self._fetch(uid, "(BODY.PEEK[])")
            return next((bytes(part[1]) for part in parts if isinstance(part, tuple)), None)

    def mark_seen(self, uids: list[str]) -> None:
        r"""Sets the flag \Seen."""
        with _errors_as_away():
            self._box.flag(uids, MailMessageFlags.SEEN, True)

    def wait_for_news(self) -> bool:
        """Waits about a second. Returns True if the folder is to be read: the server has news (IDLE), or it is time."""
        with _errors_as_away():
            if self._idle_since is None:
                self._idle_since = time.monotonic()
                if self._can_idle:
                    self._box.idle.start()  # type: ignore[no-untyped-call]
            began = time.monotonic()
            has_news = self._poll()
            # A closed connection ends the wait at once. The end of IDLE then says so.
            is_over = has_news or time.monotonic() - began < _ROUND / 2
            if not is_over and began - self._idle_since < IDLE_SECONDS:
                return False
            self._idle_since = None
            if self._can_idle:
                self._box.idle.stop()  # type: ignore[no-untyped-call]
            return True

    def close(self) -> None:
        """Closes the connection. A server that does not answer keeps nobody waiting."""
        with suppress(OSError, imaplib.IMAP4.error):
            self._box.client.shutdown()

    @property
    def _can_idle(self) -> bool:
        return "IDLE" in self._box.client.capabilities

    def _poll(self) -> bool:
        if self._can_idle:
            return bool(self._box.idle.poll(timeout=_ROUND))
        time.sleep(_ROUND)
        return False

    def _fetch(self, uid: str, wanted: str) -> list[Any]:
        status, parts = self._box.client.uid("fetch", uid, wanted)
        if status != "OK":
            raise MailboxAway("the server did not give a message")
        return list(parts)


@contextmanager
def _errors_as_away() -> Iterator[None]:
    """Turns the errors of a connection into `MailboxAway`. A refused login and folder stay what they are."""
    try:
        yield
    except (MailboxFolderSelectError, MailboxAway):
        raise
    except ssl.SSLCertVerificationError as error:
        raise MailboxAway(f"its certificate cannot be trusted: {error.verify_message}") from None
    except imaplib.IMAP4.abort:
        raise MailboxAway("the connection is lost") from None
    except OSError as error:
        raise MailboxAway(f"there is no connection: {error.strerror or type(error).__name__}") from None
    except ImapToolsError as error:
        raise MailboxAway(f"the server refused a command: {type(error).__name__}") from None
