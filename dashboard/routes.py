"""What the server answers beside pages: whether it is well, files that are sent to it, a login with its brake.

``deep-potential serve`` loads this as a plugin of Panel's: ``panel serve app.py --plugins dashboard.routes``.
"""

import asyncio
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlparse

from bokeh.server.util import check_allowlist
from bokeh.server.views.auth_request_handler import AuthRequestHandler
from bokeh.settings import settings
from panel.config import config
from tornado.web import HTTPError, RequestHandler, stream_request_body

from core.catalog.incoming import LARGEST, IncomingFile
from core.catalog.presets import PRESETS
from core.catalog.store import CatalogueStore
from core.errors import DeepPotentialError
from core.runs.registry import runs_root
from dashboard.access.login import Login
from dashboard.access.visitors import WORDS, is_welcome
from dashboard.failures import words
from dashboard.upload import HEADER, offer

_readers = ThreadPoolExecutor(1, thread_name_prefix="upload")
"""Files are read one after the other, each in a process of its own with limits."""


class Health(RequestHandler):
    """``/health``: 200 where runs and catalogues have room on the disk, 503 otherwise; no word more."""

    def get(self) -> None:
        free = min(_free(CatalogueStore.default().root), _free(runs_root()))
        well = free > 1 << 28
        self.set_status(HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE)
        self.set_header("Cache-Control", "no-store")
        self.write({"status": "ok" if well else "disk full"})


def _free(path: Any) -> int:
    """Free bytes of the disk that holds ``path`` or will hold it."""
    here = next(p for p in (path, *path.absolute().parents) if p.is_dir())
    return shutil.disk_usage(here).free


class _RefusedError(Exception):
    """A request that is answered before its body is taken."""

    def __init__(self, status: HTTPStatus, words: str):
        self.status, self.words = status, words
        super().__init__(words)


@stream_request_body
class Upload(AuthRequestHandler):
    """``POST /upload``: the body is a catalogue's file, which goes to disk as it comes and is read when it is whole.

    ``X-Deep-Potential`` holds the file's name in percent encoding: a header that a page of another origin may not set.
    The answer is JSON: ``id`` and ``table`` (the cut-flow), or ``error``.
    """

    file: IncomingFile | None = None

    async def prepare(self) -> None:
        await super().prepare()
        try:
            self.request.connection.set_max_body_size(LARGEST)
            self.file = self._accepted()
        except _RefusedError as error:
            self._end(error.status, error.words)
        except DeepPotentialError as error:
            self._end(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error))

    def _accepted(self) -> IncomingFile:
        headers = self.request.headers
        if not is_welcome(self):
            raise _RefusedError(HTTPStatus.FORBIDDEN, WORDS)
        origin = urlparse(headers.get("Origin", "")).netloc.lower()
        allowed = settings.allowed_ws_origin() or self.application.websocket_origins
        # by its own number this machine is as good as by its name; any other name could be made to lead here
        here = origin == self.request.host.lower() and origin.rpartition(":")[0] in ("127.0.0.1", "[::1]")
        if HEADER not in headers or not (here or check_allowlist(origin, allowed)):
            raise _RefusedError(HTTPStatus.FORBIDDEN, "Files are taken from the pages of this server only.")
        size = headers.get("Content-Length", "")
        if not size.isdigit():
            raise _RefusedError(HTTPStatus.LENGTH_REQUIRED, "The size of the file was not said.")
        if self.get_query_argument("recipe", "") not in ("", *PRESETS):
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "There is no such recipe.")
        return IncomingFile(unquote(headers[HEADER]), int(size), CatalogueStore.default())

    def data_received(self, chunk: bytes) -> None:
        if self.file is not None:
            try:
                self.file.write(chunk)
            except DeepPotentialError as error:
                self._end(HTTPStatus.INSUFFICIENT_STORAGE, str(error))

    async def post(self) -> None:
        if self.file is None:
            return
        recipe = self.get_query_argument("recipe", "") or None
        try:
            catalogue = await asyncio.get_running_loop().run_in_executor(_readers, self.file.read, recipe)
            self._answer(HTTPStatus.OK, id=catalogue.id, name=catalogue.name, table=catalogue.cut_flow.table())
        except DeepPotentialError as error:
            self._answer(HTTPStatus.UNPROCESSABLE_ENTITY, error=str(error))

    def log_exception(self, *told: Any) -> None:
        """Nothing: :meth:`write_error` logs it, under the id that it tells."""

    def write_error(self, status_code: int, **about: Any) -> None:
        """Answer in words, as the pages do."""
        _, error, _ = about.get("exc_info", (None, None, None))
        told = (
            words(error) if error is not None and not isinstance(error, HTTPError) else HTTPStatus(status_code).phrase
        )
        self._answer(HTTPStatus(status_code), error=told)

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self._forget()

    def on_finish(self) -> None:
        self._forget()

    def _forget(self) -> None:
        if self.file is not None:
            self.file.discard()

    def _end(self, status: HTTPStatus, told: str) -> None:
        """Answer before the body has come, and take no more of it."""
        self._forget()
        self.file = None
        self.set_header("Connection", "close")
        self._answer(status, error=told)
        self.finish()

    def _answer(self, status: HTTPStatus, **told: str) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.write(json.dumps(told))


ROUTES = [(r"/health", Health), (r"/upload", Upload), *([(r"/login", Login)] if config.basic_auth else [])]
offer()
