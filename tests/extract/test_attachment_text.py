import subprocess
import sys

from pymailcore.extract.attachment_text import NO_ATTACHMENT_TEXT


async def test_nothing_is_wanted_and_nothing_given() -> None:
    assert not NO_ATTACHMENT_TEXT.wants("application/pdf", "a.pdf", 10)
    assert await NO_ATTACHMENT_TEXT.text("application/pdf", "a.pdf", b"%PDF-") is None


def test_asking_brings_no_reader_into_the_process() -> None:
    """What reads hostile octets is in the helper's memory only."""
    code = "import sys, pymailcore.extract.extractor; print('pypdf' in sys.modules, 'zipfile' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False"]
