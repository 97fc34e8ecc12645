#!/usr/bin/env bash
# ./run package: Debian packages of what the release preset builds, their bill of materials, and a signed repository of them.
# shellcheck source=scripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

packages=$root/build/packages
targets=(clickhouse-mtls clickhouse-mtls-gateway clickhouse_mtls clickhouse_mtls_debian)

usage() {
    cat <<'TEXT'
usage: ./run package [--from BUILD] [--output DIRECTORY] [COMMAND]

  (no command)       the packages, *.changes and clickhouse-mtls.spdx.json in build/packages
  repository [KEY]   the same, and a signed repository of them in build/packages/repository. KEY is what gpg knows the key by;
                     without it a key is made for this one repository, and thrown away
  twice              the same, and once more from sources at another path, compiled anew: fails when a byte differs

  --from BUILD       package this build tree as it is, instead of building
  --output DIRECTORY instead of build/packages
TEXT
}

# The commit's is the moment of everything that carries one.
moment=$(git log --max-count=1 --format=%ct)
commit=$(git rev-parse HEAD)

# Later commits sort after earlier ones, and all of them before the release.
version() {
    local release
    release=$(sed --quiet 's/^project(clickhouse_mtls VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
    [[ -n $release ]] || die "CMakeLists.txt: there is no project(clickhouse_mtls VERSION …)"
    printf '%s~git%s.%s\n' "$release" "$(date --utc --date="@$moment" +%Y%m%d.%H%M%S)" "${commit:0:8}"
}

changelog() {
    printf 'clickhouse-mtls (%s) bookworm; urgency=medium\n\n  * Commit %s.\n\n' \
        "$(version)" "$commit"
    printf ' -- clickhouse-mtls maintainers <clickhouse-mtls@packages.invalid>  %s\n' "$(date --utc --rfc-email --date="@$moment")"
}

# make_packages FROM OUTPUT
make_packages() {
    local from=$1 output=$2
    local stage=$output/stage
    rm --recursive --force -- "$stage"
    mkdir --parents -- "$stage"
    cp --recursive -- packaging/debian "$stage/debian"
    ln --symbolic -- "$root/packaging" "$root/integration" "$stage"
    changelog >"$stage/debian/changelog"
    say "packages ($(head --lines=1 "$stage/debian/changelog"))"
    (
        cd -- "$stage"
        umask 022
        CHMTLS_BUILD=$from SOURCE_DATE_EPOCH=$moment LC_ALL=C.UTF-8 TZ=UTC \
            dpkg-buildpackage --build=binary --no-sign --no-check-builddeps >../build.log 2>&1
    ) || { tail --lines=30 "$output/build.log" >&2 && die "the packages do not build: $output/build.log"; }
    rm --recursive --force -- "$stage"
    "$python" packaging/sbom.py --commit "$commit" --moment "$moment" "$output"/*.deb >"$output/clickhouse-mtls.spdx.json"
}

# repository OUTPUT [KEY]: OUTPUT/repository, for `deb [signed-by=…/clickhouse-mtls.asc] file:/…/repository bookworm main`.
repository() {
    local output=$1 key=${2:-} keys=
    local there=$output/repository
    local pool=pool/main/c/clickhouse-mtls release=dists/bookworm
    rm --recursive --force -- "$there"
    mkdir --parents -- "$there/$pool" "$there/$release/main/binary-amd64"
    cp -- "$output"/*.deb "$there/$pool"
    if [[ -z $key ]]; then
        keys=$(mktemp --directory)
        # shellcheck disable=SC2064 # this directory
        trap "gpgconf --homedir '$keys' --kill all; rm --recursive --force -- '$keys'" EXIT
        key='clickhouse-mtls packages of this build'
        gpg --homedir "$keys" --batch --quiet --passphrase '' --quick-generate-key "$key" ed25519 sign never
    fi
    local gpg=(gpg ${keys:+--homedir "$keys"} --batch --quiet --yes --armor --local-user "$key")
    say "repository"
    (
        cd -- "$there"
        apt-ftparchive packages pool >"$release/main/binary-amd64/Packages"
        gzip --keep --no-name --best "$release/main/binary-amd64/Packages"
        apt-ftparchive -o APT::FTPArchive::Release::Origin=clickhouse-mtls -o APT::FTPArchive::Release::Label=clickhouse-mtls \
            -o APT::FTPArchive::Release::Codename=bookworm -o APT::FTPArchive::Release::Suite=bookworm \
            -o APT::FTPArchive::Release::Architectures=amd64 -o APT::FTPArchive::Release::Components=main \
            release "$release" >../Release.new
        mv ../Release.new "$release/Release"
        "${gpg[@]}" --clear-sign --output "$release/InRelease" "$release/Release"
        "${gpg[@]}" --detach-sign --output "$release/Release.gpg" "$release/Release"
        "${gpg[@]}" --export "$key" >clickhouse-mtls.asc
    )
}

# Without the cache, and at a path of another length: what depends on either is seen.
build_elsewhere() {
    local output=$1
    local other=$output/twice/sources-at-another-path
    rm --recursive --force -- "$output/twice"
    mkdir --parents -- "$other"
    git ls-files -z | xargs --null cp --parents --target-directory="$other"
    say "once more, compiled anew"
    (
        cd -- "$other"
        export CCACHE_DISABLE=1 CCACHE_BASEDIR=$other
        cmake --preset release -D CHMTLS_TESTS=OFF >/dev/null
        cmake --build --preset release --parallel "$jobs" --target "${targets[@]}"
    )
    make_packages "$other/build" "$output/twice"
}

same_bytes() {
    local output=$1 package differ=()
    for package in "$output"/*.deb; do
        cmp --quiet -- "$package" "$output/twice/${package##*/}" || differ+=("${package##*/}")
    done
    ((${#differ[@]} == 0)) || die "built twice, these differ: ${differ[*]}"
    say "built twice, the same bytes"
}

package() {
    local from='' output=$packages
    while [[ ${1:-} == --* ]]; do
        case $1 in
            --from) from=$(realpath -- "${2:?--from needs a build tree}") ;;
            --output) output=$(realpath --canonicalize-missing -- "${2:?--output needs a directory}") ;;
            --help) usage && exit 0 ;;
            *) usage >&2 && die "package has no option $1" ;;
        esac
        shift 2
    done
    [[ ${1:-} =~ ^(|repository|twice)$ ]] || { usage >&2 && die "package has no command $1"; }
    need "${package_packages[@]}"
    if [[ -z $from ]]; then
        need "${build_packages[@]}"
        configure_and_build release "${targets[@]}"
        from=$root/build
    fi
    rm --recursive --force -- "$output"
    mkdir --parents -- "$output"
    make_packages "$from" "$output"
    case ${1:-} in
        repository) repository "$output" "${2:-}" ;;
        twice) build_elsewhere "$output" && same_bytes "$output" ;;
    esac
    say "$output has the packages"
}

package "$@"
