"""AES-256-GCM. A module of its own, loaded where something is sealed: its library costs each process 4 MB."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class Cipher:
    """Encrypts and decrypts with one key; for any thread."""

    def __init__(self, key: bytes) -> None:
        self._aes = AESGCM(key)
        self.encrypt = self._aes.encrypt

    def decrypt(self, nonce: bytes | memoryview, sealed: bytes | memoryview, about: bytes) -> bytes:
        """Give the octets that were sealed.

        Raises:
            ValueError: another key, or something was changed.
        """
        try:
            return self._aes.decrypt(nonce, sealed, about)
        except InvalidTag:
            raise ValueError("the octets are not what was sealed") from None
