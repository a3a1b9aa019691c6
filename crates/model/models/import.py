"""Takes service models out of a botocore wheel and slims them.

Usage: python3 import.py botocore-VERSION-py3-none-any.whl

What is dropped is prose and what only clients need (endpoint rules). The rest is as published.
"""

import gzip
import hashlib
import json
import pathlib
import re
import sys
import zipfile

MODELS = {
    "iam": "botocore/data/iam/2010-05-08/service-2.json.gz",
    "s3": "botocore/data/s3/2006-03-01/service-2.json.gz",
    "sts": "botocore/data/sts/2011-06-15/service-2.json.gz",
}
DROPPED = {
    "documentation",
    "documentationUrl",
    "clientContextParams",
    "staticContextParams",
    "operationContextParams",
    "contextParam",
    "examples",
}
# Names of members and shapes stand one level below these keys, and may equal a dropped key.
NAMED = {"operations", "shapes", "members"}


def slim(value, named=False):
    if isinstance(value, dict):
        return {
            key: slim(inner, not named and key in NAMED)
            for key, inner in value.items()
            if named or key not in DROPPED
        }
    if isinstance(value, list):
        return [slim(inner) for inner in value]
    return value


def main():
    wheel = pathlib.Path(sys.argv[1])
    folder = pathlib.Path(__file__).parent
    version = re.match(r"botocore-([0-9.]+)-", wheel.name).group(1)
    lines = []
    with zipfile.ZipFile(wheel) as archive:
        for name, path in MODELS.items():
            packed = archive.read(path)
            text = json.dumps(slim(json.loads(gzip.decompress(packed))), indent=1) + "\n"
            (folder / f"{name}.json").write_text(text)
            lines.append(
                f"{name}.json\n"
                f"  from      {path}\n"
                f"  sha256    {hashlib.sha256(packed).hexdigest()} (as published)\n"
                f"  sha256    {hashlib.sha256(text.encode()).hexdigest()} (slimmed)\n"
            )
    source = f"botocore {version}, sha256 of the wheel {hashlib.sha256(wheel.read_bytes()).hexdigest()}\n\n"
    (folder / "SOURCES").write_text(source + "\n".join(lines))


main()
