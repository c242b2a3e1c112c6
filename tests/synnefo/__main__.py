"""Runs both servers until it is told to end: see scripts/services/synnefo."""
import argparse
import signal

from .service import Synnefo


def main():
    parser = argparse.ArgumentParser(prog='synnefo', description=__doc__)
    parser.add_argument('--pithos-port', type=int, required=True)
    parser.add_argument('--astakos-port', type=int, required=True)
    parser.add_argument('--folder', required=True, help='for blocks')
    parser.add_argument('--image-url', help='what the catalogue says about the image service')
    options = parser.parse_args()
    synnefo = Synnefo(options.folder, more=['glance'], image_url=options.image_url, telling=True)
    synnefo.start(options.pithos_port, options.astakos_port)
    signal.sigwait([signal.SIGTERM, signal.SIGINT])


if __name__ == '__main__':
    # Before the first thread, so that only this one gets them.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])
    main()
