"""Read the addresses of targets, which hold tokens, and send messages to them with apprise.

No address is ever shown: a target goes by its number and the kind of its service. Documentation of
the addresses: the apprise project's wiki. Tested with apprise 2.3.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from secagg.errors import UsageError
from secagg.notify.digest import Digest
from secagg.notify.message import NotifyMessage, write_message
from secagg.notify.texts import TextFormat
from secagg.output.escape import cell
from secagg.secrets.encodings import is_distinctive
from secagg.secrets.lastfilter import filtered, filtered_error
from secagg.secrets.redactor import Redactor, Secret
from secagg.system.files import MIB, read_given

if TYPE_CHECKING:
    from apprise import AppriseAsset, NotifyBase

VARIABLE = "SECAGG_NOTIFY_URLS"
"""Addresses of targets, separated by white space."""

_INSTALL = "pip install 'secagg[notify]'"
_SCHEME = re.compile(r"[a-z][a-z0-9]{0,30}(?=://)", re.IGNORECASE)
# Parts of an address that may be tokens.
_SEPARATORS = re.compile(r"[/?&=;,:#\s]|(?<=[^/:])@")
_HOST = re.compile(r"localhost|(?:[\w-]+\.)+[a-z]{2,24}|[\d.]+")
_PASSWORD = re.compile(r"://[^/:@]*:([^/@]{6,})@")
_SHORTEST_TOKEN = 8
_CERTAIN_TOKEN = 32
_LONGEST_REASON = 300
_SALT = b"secagg notify: the name of a target"


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a target, and its ``number`` in the order in which they were given."""

    number: int
    value: Secret

    @property
    def scheme(self) -> str:
        """The kind of the service, such as ``slack``; ``?`` where the address has none."""
        match = _SCHEME.match(self.value.reveal())
        return match[0].lower() if match else "?"

    @property
    def name(self) -> str:
        """What is shown of it: ``target 2 (slack)``."""
        return f"target {self.number} ({self.scheme})"

    def fingerprint(self) -> str:
        """Return the name by which the journal knows it, from which it cannot be guessed quickly.

        The key of secrets would not do, as another runner may have another one.
        """
        value = self.value.reveal().encode("utf-8", "surrogateescape")
        return hashlib.scrypt(value, salt=_SALT, n=2**14, r=8, p=1, dklen=16).hex()

    def tokens(self) -> Iterator[str]:
        """Yield the address and those of its parts that may be tokens."""
        text = self.value.reveal()
        yield text
        # In slack:// and many others a token stands where the host stands elsewhere.
        for part in _SEPARATORS.split(text.partition("://")[2]):
            if _is_random(part) and not _HOST.fullmatch(part):
                yield part
                yield unquote(part)
        password = _PASSWORD.search(text)
        if password is not None and is_distinctive(password[1]):
            yield password[1]
            yield unquote(password[1])


def find_addresses(
    arguments: Iterable[str], file: Path | None, environ: Mapping[str, str]
) -> list[Address]:
    """Return the addresses of the command line, of ``file`` and of the environment, each once.

    In a file each line is one; empty lines and those that begin with ``#`` do not count. Raises
    :class:`UsageError` for a file that cannot be read.
    """
    texts = [*arguments]
    if file is not None:
        try:
            lines = read_given(file, limit=MIB).decode("utf-8", "surrogateescape").splitlines()
        except OSError as error:
            raise UsageError(f"cannot read {file}: {error.strerror}") from None
        texts += [line for line in lines if not line.lstrip().startswith("#")]
    texts += environ.get(VARIABLE, "").split()
    distinct = dict.fromkeys(text.strip() for text in texts if text.strip())
    return [Address(number, Secret(text)) for number, text in enumerate(distinct, start=1)]


def learn_addresses(addresses: Iterable[Address], redactor: Redactor) -> None:
    """Let ``redactor`` mask the addresses and their tokens in everything that leaves."""
    for address in addresses:
        for token in address.tokens():
            redactor.learn(Secret(token))


def _is_random(part: str) -> bool:
    """Tell whether a part of an address may be a token; names such as ``web-team`` are none."""
    if len(part) < _SHORTEST_TOKEN:
        return False
    letters = any(map(str.isalpha, part))
    mixed = any(map(str.islower, part)) and any(map(str.isupper, part))
    return len(part) >= _CERTAIN_TOKEN or mixed or (letters and any(map(str.isdigit, part)))


@dataclass(frozen=True, slots=True)
class NotifyTarget:
    """An address with the service of apprise that sends to it."""

    address: Address
    service: NotifyBase

    def message(self, digest: Digest) -> NotifyMessage:
        """Return ``digest`` in the format and the length that the service takes."""
        service = self.service
        titled = service.title_maxlen > 0
        room = service.body_maxlen
        if titled and service.overflow_amalgamate_title:
            room -= service.title_maxlen
        message = write_message(
            digest,
            TextFormat(service.resolve_format().value),
            # A tenth is for the escapes that the service itself adds.
            most_characters=max(0, room - room // 10),
            titled=titled,
        )
        return NotifyMessage(filtered(message.title), filtered(message.body))

    def send(self, message: NotifyMessage, *, alarm: bool) -> str | None:
        """Send ``message``; return None once the service accepted it, else the masked reason.

        ``alarm`` colours it as a warning, where the service has colours.
        """
        from apprise import Apprise, NotifyType

        apprise = Apprise(asset=_asset())
        apprise.add(self.service)
        with _logged() as lines:
            try:
                was_accepted = bool(
                    apprise.notify(
                        title=message.title,
                        body=message.body,
                        body_format=self.service.resolve_format(),
                        notify_type=NotifyType.WARNING if alarm else NotifyType.INFO,
                    )
                )
            except Exception as error:
                # Services raise what their libraries raise.
                return type(error).__name__
        if was_accepted:
            return None
        # The last line sums up.
        reason = lines[-1] if lines else "the service did not take it"
        return cell(filtered_error(reason), _LONGEST_REASON)


def targets_of(addresses: Iterable[Address]) -> list[NotifyTarget]:
    """Return a target for each of ``addresses``.

    Raises :class:`UsageError` where apprise is not installed, or does not know an address.
    """
    addresses = list(addresses)
    if not addresses:
        return []
    try:
        from apprise import Apprise
    except ImportError:
        raise UsageError("secagg notify needs apprise", hint=_INSTALL) from None
    asset, targets = _asset(), []
    for address in addresses:
        with _logged():
            service = Apprise.instantiate(address.value.reveal(), asset=asset)
        if service is None:
            raise UsageError(
                f"{address.name} is no address that apprise knows",
                hint="addresses are as in apprise's documentation, such as "
                "slack://TOKEN_A/TOKEN_B/TOKEN_C or json://HOST/PATH; quote them for the shell",
            )
        targets.append(NotifyTarget(address, service))
    return targets


def _asset() -> AppriseAsset:
    from apprise import AppriseAsset

    return AppriseAsset(
        app_id="secagg",
        app_desc="secagg",
        app_url="",
        # No picture from elsewhere, and nothing in the text is a notation.
        image_url_mask="",
        image_url_logo="",
        interpret_emojis=False,
        interpret_escapes=False,
        async_mode=False,
        secure_logging=True,
        # An address's token goes to its own host only.
        http_redirects=False,
    )


class _logged:  # noqa: N801 - used as a function
    """Keep apprise's messages, which may quote a service, off the screen and give them as lines."""

    def __enter__(self) -> list[str]:
        self._lines: list[str] = []
        self._handler = _ListHandler(self._lines)
        self._logger = logging.getLogger("apprise")
        self._before = self._logger.propagate
        self._logger.propagate = False
        self._logger.addHandler(self._handler)
        return self._lines

    def __exit__(self, *problem: object) -> None:
        self._logger.removeHandler(self._handler)
        self._logger.propagate = self._before


class _ListHandler(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())
