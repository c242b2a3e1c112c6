"""Both servers of one Synnefo, that share users and accounts."""
import threading

from .astakos import Astakos
from .pithos import Pithos
from .serving import Server
from .tree import Tree
from .users import Users


class Synnefo:
    """folder: for blocks. more: names of users beyond the usual ones. image_url: what the catalogue
    says about the image service, which is not here."""

    def __init__(self, folder, more=(), image_url=None, telling=False):
        self.users, self.image_url, self.telling = Users(more), image_url, telling
        self.tree = Tree(self.users, folder)
        self.pithos = self.astakos = None

    def start(self, pithos_port=0, astakos_port=0):
        self.pithos = self._listen(pithos_port, Pithos)
        self.start_astakos(astakos_port)
        return self

    def start_astakos(self, port=0):
        self.astakos = self._listen(port, Astakos)

    def stop_astakos(self):
        """Astakos alone is gone; Pithos can ask nobody then."""
        server, self.astakos = self.astakos, None
        server.end()
        return server.server_address[1]

    def _listen(self, port, handler):
        server = Server(('127.0.0.1', port), handler, self, self.telling)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server

    def hosts(self):
        """Where each of Synnefo's services is, as scheme://host:port."""
        here = self.pithos.url
        return {'astakos': self.astakos.url if self.astakos else here, 'pithos': here, 'cyclades': here}

    def stop(self):
        if self.astakos:
            self.stop_astakos()
        self.pithos.end()
