"""A folder in which the real ``tutor`` renders the files of a site."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

#: The folder with the programs of this environment.
PROGRAMS = Path(sys.executable).parent
#: A program in the place of docker. It keeps its arguments, and answers as if nothing ran.
DOCKER = """#!/bin/sh
echo "$*" >> "$0.log"
echo '[]'
"""
#: A run of a program takes seconds. After this time it hangs.
SECONDS = 120


class Site:
    """A site of Tutor, with ``config.yml`` and the rendered folder ``env``."""

    def __init__(self, folder: Path):
        self.root = folder / "root"
        self.env = self.root / "env"
        self.plugins = folder / "plugins"
        self._variables = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TUTOR_")},
            "TUTOR_ROOT": str(self.root),
            "TUTOR_PLUGINS_ROOT": str(self.plugins),
        }

    def tutor(self, *arguments: str) -> str:
        """Run ``tutor``, and return what it printed."""
        return self.run("tutor", *arguments)

    def calls_of_docker(self, *arguments: str) -> list[str]:
        """Run ``tutor``, and return the arguments of each call of docker. Nothing is built or started."""
        docker = self.root.parent / "docker"
        docker.write_text(DOCKER, encoding="utf-8")
        docker.chmod(0o755)
        self._variables["PATH"] = f"{docker.parent}{os.pathsep}{self._variables['PATH']}"
        self.tutor(*arguments)
        return Path(f"{docker}.log").read_text(encoding="utf-8").splitlines()

    def run(self, program: str, *arguments: str) -> str:
        """Run a program of this environment in the site, and return what it printed."""
        done = subprocess.run(
            [str(PROGRAMS / program), *arguments],
            cwd=self.env if self.env.exists() else None,
            env=self._variables,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def config(self) -> dict[str, Any]:
        """Return what is stored in ``config.yml``."""
        return yaml.safe_load((self.root / "config.yml").read_text(encoding="utf-8"))

    def text(self, path: str) -> str:
        """Return a rendered file."""
        return (self.env / path).read_text(encoding="utf-8")

    def files(self) -> dict[str, bytes]:
        """Return all rendered files by their path."""
        return {str(path.relative_to(self.env)): path.read_bytes() for path in self.env.rglob("*") if path.is_file()}

    def manifests(self) -> list[dict[str, Any]]:
        """Return the Kubernetes objects that ``kubectl apply --kustomize`` would create."""
        return [found for found in yaml.safe_load_all(self.run("kubectl", "kustomize", ".")) if found]

    def compose(self, mode: str) -> dict[str, Any]:
        """Return what docker-compose reads from the files of ``tutor local`` or ``tutor dev``."""
        override = {"local": "local/docker-compose.prod.yml", "dev": "dev/docker-compose.yml"}[mode]
        files = ["--file", "local/docker-compose.yml", "--file", override, "--project-name", "test"]
        read = yaml.safe_load(self.run("docker-compose", *files, "config"))
        # the package of docker-compose hides its exit status; a refusal prints nothing
        assert read, "docker-compose refused the files"
        return read
