"""Plain requests through a stand-in's door, as whoever holds a token."""

from typing import Any

import requests

from xcomkit.stand_ins.common.stand_in import StandIn


class DoorClient:
    """Asks as ``admin`` where no other token is given."""

    admin: str

    def __init__(self, stand_in: StandIn) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.proxies = {"https": stand_in.facts["http_url"]}
        self.session.verify = str(stand_in.ca_bundle)

    def call(self, method: str, url: str, body: Any = None, *, token: str = "") -> Any:
        headers = {"Authorization": f"Bearer {token or self.admin}"}
        return self.session.request(method, url, json=body, headers=headers, timeout=60)
