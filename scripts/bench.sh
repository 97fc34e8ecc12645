#!/usr/bin/env bash
# ./run bench, bench-servers, bench-gateway.
# shellcheck source=scripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

bench() {
    need "${build_packages[@]}" "${bench_packages[@]}"
    configure_and_build bench
    local program found=no
    for program in build/bench/bench/*_bench; do
        [[ -x $program ]] || continue
        found=yes
        say "$(basename -- "$program")"
        # Ours and the baselines take turns, so that what else the machine does hits them alike.
        "$program" --benchmark_filter="${1:-.}" --benchmark_out="build/bench/$(basename -- "$program").json" \
            --benchmark_out_format=json --benchmark_repetitions="${CHMTLS_REPETITIONS:-5}" \
            --benchmark_enable_random_interleaving=true --benchmark_min_time="${CHMTLS_MIN_TIME:-0.1}"
    done
    [[ $found == yes ]] || die "no benchmark was built"
    local report=(--plots build/bench/plots)
    [[ $# -gt 0 ]] || report+=(--table bench/README.md) # a part of them is not the table
    "$python" bench/report.py "${report[@]}" build/bench/*_bench.json
}

bench_servers() {
    need "${build_packages[@]}" "${server_packages[@]}" "${test_packages[@]}"
    configure_and_build release clickhouse-mtls clickhouse_mtls clickhouse_mtls_debian
    mkdir --parents -- build/bench
    { "$python" bench/server_bench.py build "$@" && "$python" bench/cluster_bench.py build "$@"; } | tee build/bench/servers.jsonl
    "$python" bench/report.py --table bench/README.md --servers build/bench/servers.jsonl
}

bench_gateway() {
    need "${build_packages[@]}" "${bench_packages[@]}" "${gateway_bench_packages[@]}"
    configure_and_build bench tls_load clickhouse-mtls-gateway clickhouse_mtls
    CHMTLS_BUILD=build/bench "$python" bench/gateway/compare.py "$@"
}

case ${1:-} in
    bench) bench "${@:2}" ;;
    servers) bench_servers "${@:2}" ;;
    gateway) bench_gateway "${@:2}" ;;
    *) die "scripts/bench.sh takes bench, servers or gateway" ;;
esac
