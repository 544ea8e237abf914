#!/usr/bin/env bash
# Installs the servers that lockd is compared with, if that needs no confirmation: etcd
# from its Go module, ZooKeeper from Debian. It starts nothing.
#
#   bench/peers.sh DIR      then  PATH=DIR:$PATH make bench-peers
set -euo pipefail
dir=$(mkdir -p "${1:?directory for the programs}" && cd "$1" && pwd)
etcd=${ETCD_VERSION:-v3.7.3}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(
  cd "$work"
  go mod init peers 2>/dev/null
  go get "go.etcd.io/etcd/server/v3@$etcd"
  CGO_ENABLED=0 go build -o "$dir/etcd" go.etcd.io/etcd/server/v3
)

# Debian's package zookeeper has the script and no service. Its package zookeeperd would
# install a service.
if [ ! -x /usr/share/zookeeper/bin/zkServer.sh ]; then
  apt-get update -qq && apt-get install -y -qq --no-install-recommends zookeeper >/dev/null
fi

cat <<END
etcd:      $dir/etcd
zookeeper: /usr/share/zookeeper/bin/zkServer.sh
consul:    not installed by this script: download it from https://releases.hashicorp.com/consul
           and put it on PATH, or pass -consul
END
