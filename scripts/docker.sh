#!/usr/bin/env bash
# ./run docker-test: the cluster in containers, in a Docker that runs already or one that is started for it.
# shellcheck source=scripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

# The Docker that was started for this command: a process, or "service".
daemon=

# Docker, by the service manager or without one.
start_docker() {
    docker info >/dev/null 2>&1 && return
    say "starting docker"
    if [[ -d /run/systemd/system ]]; then
        daemon=service
        systemctl start docker || die "docker does not start; see journalctl --unit docker"
    else
        # In a session of its own: Ctrl-C must not end it before the containers are removed.
        setsid dockerd >build/dockerd.log 2>&1 </dev/null &
        daemon=$!
    fi
    local tries
    for ((tries = 0; tries < 120; tries++)); do
        docker info >/dev/null 2>&1 && return
        [[ $daemon == service ]] || kill -0 "$daemon" 2>/dev/null || { daemon= && break; }
        sleep 0.5
    done
    [[ $daemon == service ]] || tail --lines=20 build/dockerd.log >&2
    die "docker does not start, so nothing was tested with it"
}

# Everything that a run has made, whatever became of the run; and the daemon, when it is ours.
docker_clean() {
    local project=$1 kind list remove ids
    trap '' INT TERM HUP
    for kind in container network volume; do
        list=(ls --quiet) remove=(rm)
        [[ $kind != container ]] || { list+=(--all) && remove+=(--force --volumes); }
        ids=$(docker "$kind" "${list[@]}" --filter "label=com.docker.compose.project=$project" 2>/dev/null) || ids=
        [[ -z $ids ]] || xargs docker "$kind" "${remove[@]}" <<<"$ids" >/dev/null || say "left behind: $kind" "$ids"
    done
    case $daemon in
        '') ;;
        service) systemctl stop docker.socket docker.service || true ;;
        *) kill "$daemon" && wait "$daemon" || true ;;
    esac
}

docker_test() {
    ((EUID == 0)) || die "docker-test needs root, for docker and for the capture on its bridge"
    need "${build_packages[@]}" "${server_packages[@]}" "${test_packages[@]}" "${docker_packages[@]}"
    # Whoever has another Docker keeps it.
    command -v dockerd >/dev/null || need docker.io iptables
    command -v docker-compose >/dev/null || docker compose version >/dev/null 2>&1 || need docker-compose
    configure_and_build release clickhouse-mtls clickhouse_mtls clickhouse_mtls_debian
    mkdir --parents -- "$results"
    rm --recursive --force -- "$results/docker.xml" build/reports/cluster{.html,.json,-logs}
    local project=chmtls$$ compose=(docker-compose)
    # shellcheck disable=SC2064 # the project of this run
    trap "docker_clean $project" EXIT
    trap interrupted INT TERM HUP
    start_docker
    command -v docker-compose >/dev/null || compose=(docker compose)
    docker image inspect debian:bookworm-slim >/dev/null 2>&1 || interruptible docker/base-image

    say "images"
    # The libraries were built just now, on the same Debian as the images'.
    local -x CHMTLS_LIBRARIES=built CHMTLS_PROJECT=$project
    interruptible "${compose[@]}" --project-name "$project" --file docker/compose.yaml build >build/docker-images.log 2>&1 \
        || { tail --lines=40 build/docker-images.log >&2 && die "the images do not build"; }
    say "the cluster"
    local status=0
    interruptible "$python" -m pytest -p no:cacheprovider --quiet --junit-xml="$results/docker.xml" docker/tests "$@" || status=$?
    [[ ! -e build/reports/cluster.html ]] \
        || say "build/reports/cluster.html shows each property; the logs of all hosts are in build/reports/cluster-logs"
    return "$status"
}

docker_test "$@"
