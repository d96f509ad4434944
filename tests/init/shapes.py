"""Five shapes of repositories that ``secagg init`` is tried on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tests.workflows.act import git

NPM = json.dumps({"name": "web", "version": "1.0.0"})
NPM_LOCK = json.dumps({"name": "web", "lockfileVersion": 3, "packages": {}})
SHAPES: Mapping[str, Mapping[str, str]] = {
    "monorepo": {
        "rust-core-engine/Cargo.toml": '[package]\nname = "core"\nversion = "0.1.0"\n',
        "rust-core-engine/Dockerfile": "FROM scratch\n",
        "rust-core-engine/src/main.rs": "fn main() {}\n",
        "python-ai-service/requirements.txt": "flask==3.0.0\n",
        "python-ai-service/app/main.py": "print('hello')\n",
        "python-ai-service/worker/poetry.lock": "",
        "nextjs-ui-dashboard/package.json": NPM,
        "nextjs-ui-dashboard/package-lock.json": NPM_LOCK,
        "nextjs-ui-dashboard/src/page.tsx": "export default 1\n",
        "docker-compose.yml": "services: {}\n",
        "infra/main.tf": 'resource "null_resource" "x" {}\n',
    },
    "python": {
        "pyproject.toml": '[project]\nname = "one"\nversion = "1.0"\n',
        "uv.lock": "version = 1\n",
        "src/one/__init__.py": "",
    },
    "npm": {
        "package.json": NPM,
        "package-lock.json": NPM_LOCK,
        "packages/a b/package.json": NPM,
        "packages/a b/index.ts": "export {}\n",
        "packages/${{ github.token }}/package.json": NPM,
    },
    "go": {
        "go.mod": "module example.com/x\n\ngo 1.24\n",
        "main.go": "package main\n",
        "build/Dockerfile": "FROM scratch\n",
    },
    "empty": {},
}


def make_shape(name: str, root: Path) -> Path:
    """A git repository of that shape at ``root``."""
    root.mkdir(parents=True)
    for path, text in SHAPES[name].items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", "first")
    return root
