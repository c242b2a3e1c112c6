"""Our daemons in Plankton mode, over a Pithos and an Astakos of their own."""
import pathlib
import tempfile

from cloud import Cloud

from .service import Synnefo

ASTAKOS = """
[astakos]
auth_url = %(astakos)s/astakos/identity/v2.0
# Synnefo asks about every request.
token_cache_time = 0
service_token = the-api-makes-itself-known-by-this-one
"""
API = """
dialects = plankton
[plankton]
level = %(level)s
prefix = %(prefix)s
[glance_store]
stores = pithos
default_store = pithos
pithos_store_endpoint = %(pithos)s/pithos/object-store/v1
""" + ASTAKOS


class SynnefoCloud:
    """`with SynnefoCloud(...) as cloud:` starts and stops everything. level: guide or synnefo; prefix:
    where the image API is."""

    def __init__(self, level, prefix):
        self.folder = tempfile.TemporaryDirectory(prefix='glance-synnefo-')
        self.synnefo = Synnefo(pathlib.Path(self.folder.name)).start()
        settings = {'level': level, 'prefix': prefix, 'astakos': self.synnefo.astakos.url,
                    'pithos': self.synnefo.pithos.url}
        self.glance = Cloud(flavor='astakos', api=API % settings, registry=ASTAKOS % settings)
        # The catalogue has the address without the version.
        self.synnefo.image_url = 'http://' + self.glance.api_address + prefix.rpartition('/')[0]

    def start(self):
        try:
            self.glance.start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self):
        self.glance.stop()
        self.synnefo.stop()
        self.folder.cleanup()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
