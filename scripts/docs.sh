#!/usr/bin/env bash
# ./run docs: the pages as a site in build/site. A link that leads nowhere fails it.
# shellcheck source=scripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

docs() {
    need mkdocs
    # Where they lie in the repository, so that links between them are right in both places.
    rm --recursive --force -- build/site-source build/site
    mkdir --parents -- build/site-source
    git ls-files -z -- '*.md' LICENSE bench/*.svg bench/*.png ':!tests' | xargs --null cp --parents --target-directory=build/site-source
    mkdocs build --quiet --config-file mkdocs.yml
    say "build/site/index.html is the first page"
}

docs "$@"
