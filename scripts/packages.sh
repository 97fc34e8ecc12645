# shellcheck shell=bash disable=SC2034 # used where this is sourced
# Debian's packages: what each command needs, and how it comes by it. Sourced by common.sh.

build_packages=(
    g++ cmake ninja-build ccache pkg-config libssl-dev libpoco-dev libsodium-dev libre2-dev libfmt-dev libc-ares-dev libcli11-dev
    libexpected-dev libboost-dev libgtest-dev libgmock-dev python3
)
server_packages=(clickhouse-server clickhouse-client patchelf binutils)
client_packages=(curl openssl python3-clickhouse-driver)
keeper_packages=(libzookeeper-java libnetty-java libslf4j-java default-jre-headless)
demo_packages=(python3-cryptography libnss-wrapper "${keeper_packages[@]}")
test_packages=(python3-pytest python3-cryptography python3-yaml minisign haproxy nginx-light "${keeper_packages[@]}")
docker_packages=(debootstrap iproute2 tcpdump)
package_packages=(debhelper dpkg-dev apt-utils gnupg cmake python3)
package_test_packages=(mmdebstrap lintian python3-pytest systemd)
coverage_packages=(gcovr)
bench_packages=(libbenchmark-dev python3-matplotlib)
gateway_bench_packages=(stunnel4 haproxy nginx-light libnginx-mod-stream hitch)
clang_packages=(clang-14 libclang-rt-14-dev)
lint_packages=(clang-format-14 clang-tidy-14 cppcheck flake8 mypy shellcheck python3-pytest python3-cryptography)

as_root() {
    if ((EUID == 0)); then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo -- "$@"
    else
        die "packages are missing; run this as root or install sudo"
    fi
}

installed() { [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

# Debian starts a daemon when its package is installed; this keeps apt from doing so.
policy_file=/usr/sbin/policy-rc.d
policy_written=no

forbid_daemons() {
    [[ -e $policy_file ]] && return
    as_root install --mode=755 /dev/stdin "$policy_file" <<<$'#!/bin/sh\nexit 101'
    policy_written=yes
}

allow_daemons() {
    [[ $policy_written == yes ]] || return 0
    policy_written=no
    as_root rm --force -- "$policy_file"
}

need() {
    command -v dpkg-query >/dev/null || die "this needs Debian's package tools"
    local missing=() package
    for package in "$@"; do
        installed "$package" || missing+=("$package")
    done
    ((${#missing[@]})) || return 0

    say "installing ${missing[*]}"
    trap allow_daemons EXIT
    forbid_daemons
    as_root apt-get update --quiet=2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet=2 --no-install-recommends "${missing[@]}"
    allow_daemons
    trap - EXIT
    # Nor at the next boot: the tests start their own copies.
    if [[ " ${missing[*]} " == *" clickhouse-server "* && -d /run/systemd/system ]]; then
        as_root systemctl disable --quiet clickhouse-server || true
    fi
}
