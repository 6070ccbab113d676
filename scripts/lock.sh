#!/bin/sh
# Resolve requirements.lock from pyproject.toml: exact versions with hashes, without addresses of indexes.
set -eu
cd "$(dirname "$0")/.."
.venv/bin/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-annotate --no-header \
    --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
    --extra test --extra dev --build-deps-for wheel --build-deps-for editable \
    --output-file requirements.lock pyproject.toml
