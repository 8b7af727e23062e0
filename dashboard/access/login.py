"""Panel's login with a password, behind the brake, on a page that asks no other machine for anything."""

import math
from pathlib import Path
from urllib.parse import urlencode

import jinja2
from panel.auth import BasicLoginHandler

from dashboard.access.brake import Brake, Visitor

_ASSETS = Path(__file__).parents[1] / "assets"
_brake = Brake()


def _template() -> jinja2.Template:
    """The page; ``errormessage`` comes from the address, and is text whatever it holds."""
    parts = {"shell_css": "shell.css", "icon": "icon.html"}
    ours = {name: (_ASSETS / file).read_text(encoding="utf-8") for name, file in parts.items()}
    page = (_ASSETS / "login.html").read_text(encoding="utf-8")
    return jinja2.Environment(autoescape=True).from_string(page, globals=ours)


class Login(BasicLoginHandler):
    """``/login``: an attempt that comes too early is not looked at, right or wrong."""

    _login_template = _template()

    @property
    def _visitor(self) -> Visitor:
        return self.request.remote_ip or "", self.get_argument("username", "")

    def get(self) -> None:
        error = self.get_argument("error", "")
        if error:  # the page that was asked for is in the cookie, and Panel would forget it
            self.write(self._login_template.render(login_endpoint=self._login_endpoint, errormessage=error))
        else:
            super().get()

    def post(self) -> None:
        seconds = math.ceil(_brake.wait(self._visitor))
        if seconds:
            self.set_header("Retry-After", seconds)
            error = f"Too many wrong passwords: the next one is looked at in {seconds} s."
            self.redirect(f"{self.request.path}?{urlencode({'error': error})}")
            return
        super().post()

    def _validate(self, username: str, password: str) -> bool:
        passed = bool(super()._validate(username, password))
        (_brake.right if passed else _brake.wrong)(self._visitor)
        return passed
