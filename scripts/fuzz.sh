#!/usr/bin/env bash
# ./run fuzz [SECONDS]: all targets, as many at once as there are cores.
# shellcheck source=scripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

# fuzz_target PROGRAM SECONDS
fuzz_target() {
    local program=$1 seconds=$2 subject=${1##*/fuzz_}
    local seeds=build/fuzz/seeds/$subject corpus=build/fuzz/corpus/$subject checked_in=(tests/fuzz/corpus/"$subject")
    local dictionary=(-dict=tests/fuzz/dictionaries/"$subject".dict)
    mkdir --parents -- "$corpus"
    build/fuzz/tests/fuzz/make_seeds "$subject" "$seeds"
    [[ -d ${checked_in[0]} ]] || checked_in=()
    [[ -f ${dictionary[0]#-dict=} ]] || dictionary=()
    exec "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 "${dictionary[@]}" \
        -artifact_prefix="build/fuzz/findings/$subject-" "$corpus" "$seeds" "${checked_in[@]}"
}

# fuzz_ended SUBJECT STATUS: a line of what it did, or what it found; and its result.
fuzz_ended() {
    local subject=$1 status=$2 log=build/fuzz/logs/$1.log failure=
    if ((status == 0)); then
        printf '%-16s %12d runs\n' "$subject" "$(awk '$1 == "stat::number_of_executed_units:" { print $2 }' "$log")"
    else
        say "$subject failed (status $status); the end of $log"
        tail --lines=60 "$log" >&2
        failure='<failure/>'
    fi
    printf '<testcase name="fuzz.%s">%s</testcase>\n' "$subject" "$failure" >>"$results/fuzz.xml"
}

fuzz() {
    local seconds=${1:-60}
    [[ $seconds =~ ^[0-9]+$ ]] || die "fuzz takes a number of seconds"
    need "${build_packages[@]}" "${clang_packages[@]}"
    configure_and_build fuzz
    # As in the preset asan: the targets that drive the module have its threads, and the leak check runs beside them.
    local -x ASAN_OPTIONS=intercept_tls_get_addr=0
    local waiting=() program
    for program in build/fuzz/tests/fuzz/fuzz_*; do
        [[ -f $program && -x $program ]] || continue
        waiting+=("$program")
    done
    ((${#waiting[@]})) || die "there is no fuzz target"
    say "fuzzing ${#waiting[@]} targets for $seconds s each, $jobs at a time"
    mkdir --parents -- build/fuzz/{findings,logs} "$results"
    printf '<testsuite name="fuzz">\n' >"$results/fuzz.xml"
    local -A running=()
    local process status failed=()
    trap 'exit 130' INT TERM HUP
    trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
    while ((${#waiting[@]} + ${#running[@]})); do
        if ((${#waiting[@]} && ${#running[@]} < jobs)); then
            program=${waiting[0]}
            waiting=("${waiting[@]:1}")
            fuzz_target "$program" "$seconds" >"build/fuzz/logs/${program##*/fuzz_}.log" 2>&1 &
            running[$!]=${program##*/fuzz_}
        else
            status=0
            wait -n -p process "${!running[@]}" || status=$?
            fuzz_ended "${running[$process]}" "$status"
            ((status == 0)) || failed+=("${running[$process]}")
            unset "running[$process]"
        fi
    done
    printf '</testsuite>\n' >>"$results/fuzz.xml"
    ((${#failed[@]} == 0)) || die "fuzz: ${failed[*]}"
}

fuzz "$@"
