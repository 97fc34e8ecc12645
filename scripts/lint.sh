#!/usr/bin/env bash
# ./run lint: everything that is checked without running the product.
# shellcheck source=scripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

sources() { find include plugin integration tests bench -type f \( -name '*.[ch]' -o -name '*.[ch]pp' \) -print0 | sort --zero-terminated; }

python_sources() { git ls-files -z -- '*.py' integration/debian/patch-server; }

# Scripts have no suffix where they are commands: the first line tells.
shell_sources() {
    git ls-files -z -- run .ci docker integration packaging scripts \
        | xargs --null grep --files-with-matches --null --max-count=1 --extended-regexp '^(#!.*\b(ba)?sh|# shellcheck shell=)'
}

changed_sources() {
    { git diff --name-only -z HEAD -- && git ls-files --others --exclude-standard -z; } \
        | grep --null-data --extended-regexp '^(plugin|integration|tests|bench)/.*\.cpp$' || true
}

lint() {
    [[ $# == 0 || $* == --changed ]] || die "lint takes --changed or nothing"
    need "${build_packages[@]}" "${clang_packages[@]}" "${lint_packages[@]}" "${server_packages[@]}"
    cmake --preset release >/dev/null
    local failed=()

    say "arrows between folders"
    "$python" scripts/check_arrows.py || failed+=(arrows)
    say "words"
    "$python" scripts/check_words.py || failed+=(words)
    say "python"
    python_sources | xargs --null flake8 || failed+=(flake8)
    mypy || failed+=(mypy)
    say "shell"
    shell_sources | xargs --null shellcheck --external-sources --severity=warning || failed+=(shellcheck)
    say "format"
    sources | xargs --null clang-format-14 --dry-run -Werror || failed+=(format)
    say "clang"
    configure_and_build clang || failed+=(clang)
    say "cppcheck"
    # It takes what a lambda throws for what the noexcept function throws that hands it to the guard.
    cppcheck --quiet --language=c++ --std=c++20 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 -j "$jobs" \
        --suppress=missingIncludeSystem --suppress=unknownMacro --suppress=throwInNoexceptFunction -I plugin -I include -I integration plugin integration \
        || failed+=(cppcheck)
    say "clang-tidy"
    {
        if [[ ${1:-} == --changed ]]; then
            changed_sources
        else
            sources | grep --null-data --extended-regexp '^(plugin|integration)/.*\.cpp$'
        fi
    } | xargs --null --no-run-if-empty --max-procs="$jobs" --max-args=1 clang-tidy-14 -p build --quiet || failed+=(clang-tidy)

    ((${#failed[@]} == 0)) || die "lint: ${failed[*]}"
    say "lint: clean"
}

lint "$@"
