"""An invoice as a PDF: one page with its number and total, enough to open and to recognise."""

from sandbox.paymo.model import Invoice

_PARTS = (
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources 6 0 R >>",
)
_RESOURCES = "<< /Font << /F1 5 0 R >> >>"
_FONT = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def printed(invoice: Invoice) -> bytes:
    """Print an invoice."""
    words = f"Invoice {invoice.number}: {invoice.total} {invoice.currency}"
    safe = "".join(each for each in words if each not in "()\\").encode("latin-1", "replace")
    stream = b"BT /F1 18 Tf 72 770 Td (" + safe + b") Tj ET"
    length = f"<< /Length {len(stream)} >>\nstream\n".encode()
    objects = [part.encode() for part in _PARTS]
    objects += [length + stream + b"\nendstream", _FONT.encode(), _RESOURCES.encode()]
    return _assembled(objects)


def _assembled(objects: list[bytes]) -> bytes:
    """Put the objects into a file, with the table of where each begins."""
    file, places = b"%PDF-1.4\n", list[int]()
    for number, each in enumerate(objects, start=1):
        places.append(len(file))
        file += f"{number} 0 obj\n".encode() + each + b"\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    count = len(objects) + 1
    end = f"xref\n0 {count}\n0000000000 65535 f \n{table}"
    end += f"trailer << /Size {count} /Root 1 0 R >>\nstartxref\n{len(file)}\n%%EOF\n"
    return file + end.encode()
