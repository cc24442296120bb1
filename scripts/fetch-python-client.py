"""Downloads the source of PocketIC's Python client: python3 scripts/fetch-python-client.py FOLDER

The source is unpacked to FOLDER/pocket_ic-VERSION, if that folder does not exist. Exits with status 69 if the source
cannot be downloaded, for example without a network.
"""

import pathlib
import subprocess
import sys
import tarfile
import tempfile

PACKAGE = "pocket-ic"
VERSION = "3.1.2"
SHA256 = "60a9f049b68005fdfb4bd7622e9528522c63faffbb5ce09f0b543f7a9ce71ef3"
SOURCE = f"pocket_ic-{VERSION}"

# Time limit of the download, in seconds.
DOWNLOAD_LIMIT = 120

# The exit status "service unavailable" of `sysexits.h`.
UNAVAILABLE = 69


def main():
    if len(sys.argv) != 2:
        sys.exit(f"usage: python3 {sys.argv[0]} FOLDER")
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / SOURCE).exists():
        return
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        package = download(pathlib.Path(scratch))
        with tarfile.open(package) as archive:
            archive.extractall(scratch)
        # Rename the complete folder, so that nobody reads an incomplete source.
        (pathlib.Path(scratch) / SOURCE).rename(folder / SOURCE)


def download(scratch):
    """Downloads the source package and returns its path. pip verifies the hash first."""
    requirements = scratch / "requirements.txt"
    requirements.write_text(f"{PACKAGE}=={VERSION} --hash=sha256:{SHA256}\n")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--quiet"]
    options = ["--no-deps", "--no-binary", PACKAGE, "--require-hashes", "--retries", "0", "--dest", scratch]
    try:
        answer = subprocess.run(
            [*pip, *options, "-r", requirements], capture_output=True, text=True, timeout=DOWNLOAD_LIMIT
        )
    except subprocess.TimeoutExpired:
        unavailable(f"pip did not finish within {DOWNLOAD_LIMIT} s")
    if "DO NOT MATCH THE HASHES" in answer.stderr:
        sys.exit(answer.stderr)
    package = scratch / f"{SOURCE}.tar.gz"
    if answer.returncode != 0 or not package.exists():
        lines = [line for line in answer.stderr.splitlines() if line.startswith("ERROR") or "No module" in line]
        unavailable(lines[0] if lines else "pip printed no error")
    return package


def unavailable(reason):
    print(f"pip cannot download {PACKAGE} {VERSION}: {reason}", file=sys.stderr)
    sys.exit(UNAVAILABLE)


main()
