#!/usr/bin/env bash
# ./run test [LAYER...], stress, soak, coverage: the layers of tests.
# shellcheck source=scripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

layer_statuses=()

# Minutes that a layer may take on a slow machine that compiles all of it anew. Where the whole must end in time (CHMTLS_MINUTES),
# what would not is left out, and the summary says so: better than a run that is cut off and says nothing.
declare -A longest=([packages]=15 [docker]=15 [asan]=30 [tsan]=35 [fuzz]=25)

is_too_late_for() { ((SECONDS / 60 + ${longest[$1]:-0} > ${CHMTLS_MINUTES:-1000000})); }

# layer NAME: runs test_NAME, which leaves its results in $results/NAME.xml. How it ended counts too.
layer() {
    local status=0
    if is_too_late_for "$1"; then
        say "left out: $1, which may take ${longest[$1]} minutes; $((SECONDS / 60)) of $CHMTLS_MINUTES have gone"
        layer_statuses+=("$1=left-out")
        return
    fi
    say "testing: $1"
    "test_$1" || status=$?
    layer_statuses+=("$1=$status")
}

# run_ctest PRESET [ARGUMENT...]
run_ctest() {
    "${launcher[@]}" ctest --preset "$1" --output-junit "$results/$1.xml" --parallel "$jobs" --progress "${@:2}"
}

test_release() {
    configure_and_build release && run_ctest release
}

# The leak check crashes on the thread-local storage of a thread that still runs at exit when it tracks __tls_get_addr: the preset
# switches that off.
test_asan() {
    configure_and_build asan && run_ctest asan
}

test_tsan() {
    # The build starts the tests as well, to ask for their names.
    without_aslr configure_and_build tsan && without_aslr run_ctest tsan
}

stress() {
    need "${build_packages[@]}" "${clang_packages[@]}"
    mkdir --parents -- "$results"
    without_aslr configure_and_build tsan stress_tests
    without_aslr run_ctest stress
}

soak() {
    need "${build_packages[@]}"
    mkdir --parents -- "$results"
    configure_and_build release soak_tests
    run_ctest soak --verbose
}

run_pytest() {
    local name=$1 directory=$2
    "$python" -m pytest -p no:cacheprovider --quiet --junit-xml="$results/$name.xml" "$directory"
}

test_cli() { run_pytest cli tests/cli; }

test_integration() { run_pytest integration integration/tests; }

# The gateway before a ClickHouse of today, from npm's registry; skipped, with the reason, where that cannot be had.
test_modern() { scripts/modern test --quiet --junit-xml="$results/modern.xml"; }

# Roots of Debian with systemd, which install the packages by apt.
test_packages() {
    need "${package_packages[@]}" "${package_test_packages[@]}"
    run_pytest packages packaging/tests
}

# Commands of their own, which install what they need and clean up after themselves.
test_docker() { interruptible "$root/run" docker-test; }

test_fuzz() { interruptible "$root/run" fuzz "${CHMTLS_FUZZ_SECONDS:-60}"; }

run_tests() {
    local layers=("$@") name
    ((${#layers[@]})) || layers=(release asan tsan cli integration)
    for name in "${layers[@]}"; do
        [[ $name =~ ^(release|asan|tsan|cli|integration|packages|modern|docker|fuzz)$ ]] || die "no such layer: $name"
    done

    need "${build_packages[@]}" "${server_packages[@]}" "${client_packages[@]}" "${test_packages[@]}"
    [[ ! " ${layers[*]} " =~ \ (asan|tsan)\  ]] || need "${clang_packages[@]}"
    trap interrupted INT TERM HUP
    rm --recursive --force -- "$results"
    mkdir --parents -- "$results"
    if [[ " ${layers[*]} " =~ \ (cli|integration|packages|modern)\  && ! " ${layers[*]} " == *" release "* ]]; then
        configure_and_build release
    fi
    for name in "${layers[@]}"; do
        layer "$name"
    done
    "$python" scripts/summary.py "$results" "${layer_statuses[@]}"
}

least_covered=90 # per cent of the lines of plugin/

# What runs of plugin/ in the layers that ctest knows (fuzz targets over their corpora among them) and in the tool's tests.
coverage() {
    need "${build_packages[@]}" "${client_packages[@]}" "${test_packages[@]}" "${coverage_packages[@]}"
    local build=build/coverage
    local results=$root/$build/test-results tested=yes # where the functions below leave their results
    mkdir --parents -- "$results"
    find "$build" -name '*.gcda' -delete # counts are added up
    configure_and_build coverage
    say "testing (coverage)"
    # All but stress and soak, which go many times where the others have been.
    run_ctest coverage || tested=no
    CHMTLS_BUILD=$root/$build run_pytest cli tests/cli || tested=no

    say "counting"
    mkdir --parents -- "$build/html"
    gcovr --root "$root" --filter plugin/ --exclude-throw-branches --exclude-unreachable-branches -j "$jobs" \
        --json "$build/coverage.json" --html-details "$build/html/index.html" "$build"
    "$python" scripts/coverage_report.py "$build/coverage.json" "$build/uncovered.txt" "$least_covered"
    say "$build/html/index.html shows each file, $build/uncovered.txt lists each line that did not run"
    [[ $tested == yes ]] || die "coverage: tests failed"
}

case ${1:-} in
    layers) run_tests "${@:2}" ;;
    stress | soak | coverage) "$1" ;;
    *) die "scripts/test.sh takes layers, stress, soak or coverage" ;;
esac
