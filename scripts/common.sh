# shellcheck shell=bash disable=SC2034 # used where this is sourced
# What the commands of ./run share. Sourced; the working directory is the top of the repository then.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd -- "$root"
# shellcheck source=scripts/packages.sh
source scripts/packages.sh

python=/usr/bin/python3 # Debian's modules are installed for this one
jobs=$(nproc)
results=$root/build/test-results # of each layer of tests: NAME.xml, in JUnit's format

# Compiled objects are the same in every checkout and build directory.
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=true

say() { printf '\n== %s\n' "$*" >&2; }

die() {
    printf 'run: %s\n' "$*" >&2
    exit 2
}

# ThreadSanitizer needs a memory layout that some kernels no longer give by default: cmake and ctest of one function
# run without address randomisation, and with them what they start.
launcher=()

without_aslr() {
    if setarch "$(uname -m)" --addr-no-randomize true 2>/dev/null; then
        launcher=(setarch "$(uname -m)" --addr-no-randomize)
    fi
    local status=0
    "$@" || status=$?
    launcher=()
    return "$status"
}

# configure_and_build PRESET [TARGET...]
configure_and_build() {
    local preset=$1
    shift
    say "building ($preset${*:+: $*})"
    # Joined by && because the layers of `test` go on after a failure.
    cmake --preset "$preset" >/dev/null \
        && "${launcher[@]}" cmake --build --preset "$preset" --parallel "$jobs" ${@:+--target "$@"}
}

# A step of this command that may take long, and must not outlive it.
step=

# Runs a command so that a signal is acted on at once, and not when the command has ended.
interruptible() {
    local status=0
    set -m # a process group of its own
    "$@" &
    set +m
    step=$!
    wait "$step" || status=$?
    step=
    return "$status"
}

interrupted() {
    trap '' INT TERM HUP
    # Pytest then saves the logs and takes the cluster down. Not SIGINT: what is started in the background of a script ignores it.
    [[ -z $step ]] || { kill -TERM -- "-$step" && wait "$step" || true; }
    exit 130
}
