// The program that makes deploy/grafana/lockd.json, pinned apart from what lockd is built of.
module github.com/lockd/lockd/tools/dashboard

go 1.26.0

require github.com/grafana/grafana-foundation-sdk/go v0.0.22
