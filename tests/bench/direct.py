"""Moves bytes straight to or from a server with its own Python client; prints the seconds it took.

    direct.py swift|s3 upload FILE SIZE
    direct.py swift|s3 download NAME SIZE
    direct.py swift|s3 delete NAME

Where and as whom, the environment says (scripts/services/README.md). Only the transfer is timed.
"""
import os
import sys
import time

BUCKET = 'direct'
PART = 8 << 20


class Swift:
    """python-swiftclient: static large objects, ten segments at a time."""

    def __init__(self):
        from swiftclient.service import SwiftService
        self.service = SwiftService({
            'auth_version': '1.0', 'auth': os.environ['SWIFT_AUTH_URL'],
            'user': os.environ['SWIFT_USER'], 'key': os.environ['SWIFT_KEY'],
            'use_slo': True, 'segment_size': 64 << 20, 'segment_threads': 10, 'checksum': True,
        })
        self.done(self.service.post(container=BUCKET))

    @staticmethod
    def done(results):
        results = [results] if isinstance(results, dict) else list(results)
        for result in results:
            if not result['success']:
                sys.exit('swift: %s' % result)
        return results

    def upload(self, file, name):
        from swiftclient.service import SwiftUploadObject
        self.done(self.service.upload(BUCKET, [SwiftUploadObject(file, object_name=name)]))

    def download(self, name):
        connection = self.connection()
        length = 0
        _, body = connection.get_object(BUCKET, name, resp_chunk_size=1 << 20)
        for piece in body:
            length += len(piece)
        return length

    def delete(self, name):
        self.done(self.service.delete(BUCKET, [name]))

    @staticmethod
    def connection():
        import swiftclient
        return swiftclient.Connection(os.environ['SWIFT_AUTH_URL'], os.environ['SWIFT_USER'],
                                      os.environ['SWIFT_KEY'], auth_version='1')


class S3:
    """boto3: its managed transfers, ten parts of 8 MiB at a time."""

    def __init__(self):
        import boto3
        from boto3.s3.transfer import TransferConfig
        from botocore.config import Config
        config = Config(s3={'addressing_style': 'path'}, request_checksum_calculation='when_required',
                        response_checksum_validation='when_required')
        self.client = boto3.client('s3', endpoint_url=os.environ['S3_ENDPOINT'], config=config,
                                   region_name=os.environ['S3_REGION'],
                                   aws_access_key_id=os.environ['S3_ACCESS_KEY'],
                                   aws_secret_access_key=os.environ['S3_SECRET_KEY'])
        self.transfer = TransferConfig(multipart_chunksize=PART, max_concurrency=10)
        if BUCKET not in [bucket['Name'] for bucket in self.client.list_buckets()['Buckets']]:
            self.client.create_bucket(Bucket=BUCKET)

    def upload(self, file, name):
        self.client.upload_file(file, BUCKET, name, Config=self.transfer)

    def download(self, name):
        class Nowhere:
            """A file that only counts; parts are written in whatever order they come."""
            length = 0

            def seekable(self):
                return True

            def seek(self, *_):
                pass

            def tell(self):
                return 0

            def write(self, piece):
                self.length += len(piece)
        nowhere = Nowhere()
        self.client.download_fileobj(BUCKET, name, nowhere, Config=self.transfer)
        return nowhere.length

    def delete(self, name):
        self.client.delete_object(Bucket=BUCKET, Key=name)


def main():
    client, what, name, *size = sys.argv[1:]
    client = {'swift': Swift, 's3': S3}[client]()
    begin = time.monotonic()
    if what == 'upload':
        client.upload(name, 'object')
    elif what == 'download':
        length = client.download(name)
        if length != int(size[0]):
            sys.exit('%d bytes came instead of %s' % (length, size[0]))
    else:
        client.delete(name)
    print(time.monotonic() - begin)


if __name__ == '__main__':
    main()
