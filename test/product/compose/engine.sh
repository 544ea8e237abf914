#!/usr/bin/env bash
# Runs a command where `docker compose` works:  test/product/compose/engine.sh go test …
#
# If it works already, the script only runs the command. Otherwise, as on a bare Debian machine in CI, it starts an
# engine for the command and stops it afterwards. The engine's data is in a directory that is removed. Such a machine
# may reach package registries but no image registry, so the base image of the Dockerfile is built from the Go of the
# machine.
set -euo pipefail
cd "$(dirname "$0")/../../.."

if docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; then
  exec "$@"
fi

say() { printf 'engine: %s\n' "$*" >&2; }

work=$(mktemp -d "${TMPDIR:-/tmp}/lockd-engine-XXXXXX")
pid=

cleanup() {
  if [ -n "$pid" ]; then
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  fi
  rm -rf "$work" || say "$work was not removed"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

install_engine() {
  [ "$(id -u)" = 0 ] || { say "no Docker engine responds, and installing one needs root"; exit 1; }
  say "installing Debian's docker.io"
  apt-get update -qq
  # RUNLEVEL=1 keeps the package from starting a service: this script starts its own engine.
  DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends \
    docker.io busybox-static ca-certificates >"$work/apt.log" 2>&1 || { cat "$work/apt.log" >&2; exit 1; }
}

start_engine() {
  say "starting an engine"
  dockerd --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/dockerd.pid" \
    --host "unix://$work/docker.sock" >"$work/dockerd.log" 2>&1 &
  pid=$!
  export DOCKER_HOST="unix://$work/docker.sock"
  for _ in $(seq 300); do
    docker info >/dev/null 2>&1 && return
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.2
  done
  say "the engine does not respond:"
  tail -30 "$work/dockerd.log" >&2
  exit 1
}

# install_compose builds Compose from source, at the version in tools/compose/go.mod.
install_compose() {
  say "building Docker Compose (minutes without a build cache)"
  export DOCKER_CONFIG="$work/config" COMPOSE_BAKE=false # which needs buildx
  mkdir -p "$DOCKER_CONFIG/cli-plugins"
  local module=github.com/docker/compose/v2 version
  version=$(go list -C tools/compose -m -f '{{.Version}}' "$module")
  go build -C tools/compose -trimpath -ldflags "-s -w -X $module/internal.Version=$version" \
    -o "$DOCKER_CONFIG/cli-plugins/docker-compose" "$module/cmd"
  docker compose version >&2
}

# make_base_image builds an image with what the Dockerfile uses of the real one: Go, a shell, the TLS root
# certificates. It adds the modules of go.mod, which a build in the container could not fetch.
make_base_image() {
  local base root=$work/root modules
  base=$(sed -n 's/^FROM \(.*\) AS build$/\1/p' Dockerfile)
  say "building $base from $(go version)"
  mkdir -p "$root"/{bin,tmp,go,usr/local,etc/ssl/certs}
  cp "$(command -v busybox)" "$root/bin/"
  for applet in sh mkdir echo; do ln -s busybox "$root/bin/$applet"; done
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  cp -r "$(go env GOROOT)" "$root/usr/local/go"
  rm -rf "$root"/usr/local/go/{api,doc,test}
  go mod download
  modules=$(go env GOMODCACHE)/cache/download
  # go.sum has their sums, so that the checksum database is not needed.
  GOMODCACHE=$root/go/pkg/mod GOFLAGS=-modcacherw GOSUMDB=off GOPROXY="file://$modules" go mod download
  tar -C "$root" -c . | docker import \
    -c 'ENV PATH=/usr/local/go/bin:/bin' -c 'ENV GOPATH=/go' -c 'ENV GOTOOLCHAIN=local' -c 'ENV GOPROXY=off' -c 'WORKDIR /go' \
    - "$base" >/dev/null
  rm -rf "$root"
}

if ! docker info >/dev/null 2>&1; then
  command -v dockerd >/dev/null && command -v busybox >/dev/null || install_engine
  start_engine
  make_base_image
fi
docker compose version >/dev/null 2>&1 || install_compose
"$@"
