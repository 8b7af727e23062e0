"""Panel's login with a password, behind the brake."""

import math
from urllib.parse import urlencode

from panel.auth import BasicLoginHandler

from dashboard.access.brake import Brake, Visitor

_brake = Brake()


class Login(BasicLoginHandler):
    """``/login``: an attempt that comes too early is not looked at, right or wrong."""

    @property
    def _visitor(self) -> Visitor:
        return self.request.remote_ip or "", self.get_argument("username", "")

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
