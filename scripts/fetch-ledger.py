"""Fetches an ICRC-1 ledger: python3 scripts/fetch-ledger.py FOLDER

Module and interface are an example in the source package of `pocket-ic` on PyPI. They become FOLDER/ledger_canister.wasm
and FOLDER/ledger.did, unless they are there. Exits with 69 when they cannot be had, as on a machine without network.
"""

import hashlib
import pathlib
import subprocess
import sys
import tarfile
import tempfile

PACKAGE = "pocket-ic"
VERSION = "3.1.2"
PACKAGE_SHA256 = "60a9f049b68005fdfb4bd7622e9528522c63faffbb5ce09f0b543f7a9ce71ef3"

EXAMPLE = f"pocket_ic-{VERSION}/examples/ledger_canister"
FILES_SHA256 = {
    "ledger_canister.wasm": "80c384cc491fa37a4f08ebc9d01626f8bf7b4d289e223f8ebd0006352f77fc1e",
    "ledger.did": "85cacc76062fcc5e3c3669e3f02d4042a8f89607476d7d73a0ba00c9ed0b9e7a",
}

# How long the download may take, in seconds.
DOWNLOAD_LIMIT = 120

# "Service unavailable", by the convention of `sysexits.h`.
UNAVAILABLE = 69


def main():
    if len(sys.argv) != 2:
        sys.exit(f"usage: python3 {sys.argv[0]} FOLDER")
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    if not all(is_intact(folder / name) for name in FILES_SHA256):
        # In the same folder, so that files can be moved out of it.
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            unpack(download(pathlib.Path(scratch)), folder)


def is_intact(file):
    return file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == FILES_SHA256[file.name]


def download(scratch):
    """The source package, whose hash pip checks before it does anything with it."""
    requirements = scratch / "requirements.txt"
    requirements.write_text(f"{PACKAGE}=={VERSION} --hash=sha256:{PACKAGE_SHA256}\n")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--quiet"]
    options = ["--no-deps", "--no-binary", PACKAGE, "--require-hashes", "--retries", "0", "--dest", scratch]
    try:
        answer = subprocess.run(
            [*pip, *options, "-r", requirements], capture_output=True, text=True, timeout=DOWNLOAD_LIMIT
        )
    except subprocess.TimeoutExpired:
        unavailable(f"pip did not end within {DOWNLOAD_LIMIT} s")
    if "DO NOT MATCH THE HASHES" in answer.stderr:
        sys.exit(answer.stderr)
    packages = list(scratch.glob("*.tar.gz"))
    if answer.returncode != 0 or not packages:
        lines = [line for line in answer.stderr.splitlines() if line.startswith("ERROR") or "No module" in line]
        unavailable(lines[0] if lines else "it gives no reason")
    return packages[0]


def unavailable(reason):
    print(f"pip cannot download {PACKAGE} {VERSION}: {reason}", file=sys.stderr)
    sys.exit(UNAVAILABLE)


def unpack(package, folder):
    with tarfile.open(package) as archive:
        for name in FILES_SHA256:
            partial = package.with_name(name)
            partial.write_bytes(archive.extractfile(f"{EXAMPLE}/{name}").read())
            if not is_intact(partial):
                sys.exit(f"{name} of {PACKAGE} {VERSION} is not the file it was")
            # Moved into place: who sees the file sees all of it.
            partial.replace(folder / name)


main()
