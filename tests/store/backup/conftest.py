from tests.store.objects.conftest import bucket, proxy, s3_port, s3_store

__all__ = ["bucket", "proxy", "s3_port", "s3_store"]
