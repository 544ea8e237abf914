#!/usr/bin/env bash
# Runs a command where `docker compose` works:  test/product/compose/engine.sh go test …
#
# Where it works already, the command is simply run. Elsewhere, as on a bare Debian
# machine in CI, an engine is started for the command and ended after it, with all
# that it keeps in a directory that is removed. Such a machine may reach package
# registries but no registry of images, so the image that the Dockerfile begins
# with is made of the machine's own Go.
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
  rm -rf "$work" || say "$work is left behind"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

install_engine() {
  [ "$(id -u)" = 0 ] || { say "no Docker engine answers, and only root can install and start one"; exit 1; }
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
  say "the engine does not answer:"
  tail -30 "$work/dockerd.log" >&2
  exit 1
}

# Compose is built from its own source, at the version of tools/compose/go.mod.
install_compose() {
  say "building Docker Compose (minutes where the build cache has none of it)"
  export DOCKER_CONFIG="$work/config" COMPOSE_BAKE=false # which wants buildx
  mkdir -p "$DOCKER_CONFIG/cli-plugins"
  local module=github.com/docker/compose/v2 version
  version=$(go list -C tools/compose -m -f '{{.Version}}' "$module")
  go build -C tools/compose -trimpath -ldflags "-s -w -X $module/internal.Version=$version" \
    -o "$DOCKER_CONFIG/cli-plugins/docker-compose" "$module/cmd"
  docker compose version >&2
}

# The image has what the Dockerfile uses of the real one: Go, a shell, the roots of
# TLS, and beyond that the modules of go.mod, which a build there could not fetch.
make_base_image() {
  local base root=$work/root modules
  base=$(sed -n 's/^FROM \(.*\) AS build$/\1/p' Dockerfile)
  say "making $base of $(go version)"
  mkdir -p "$root"/{bin,tmp,go,usr/local,etc/ssl/certs}
  cp "$(command -v busybox)" "$root/bin/"
  for applet in sh mkdir echo; do ln -s busybox "$root/bin/$applet"; done
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  cp -r "$(go env GOROOT)" "$root/usr/local/go"
  rm -rf "$root"/usr/local/go/{api,doc,test}
  go mod download
  modules=$(go env GOMODCACHE)/cache/download
  # Their sums are in go.sum, so that no database has to be asked.
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
