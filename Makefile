# Targets for developers. `make test` must always pass; `make help` lists the others.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
GOLANGCI := go tool -modfile=$(CURDIR)/tools/go.mod golangci-lint

.PHONY: help build run test race lint vuln sbom reproducible fuzz mutants sim bubble chaos fencing overload soak contract console-test observability dashboard compose python typescript java conformance interop samples bench bench-peers cover clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

build: ## build bin/lockd, static
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/lockd ./cmd/lockd

run: build ## run one node with data in ./lockd-data
	bin/lockd server

test: ## run every test of every module
	go vet ./... && go test ./...
	cd clients/go && go vet ./... && go test ./...
	cd clients/go/gocron && go vet ./... && go test ./...
	cd clients/go/samples && go vet ./...
	cd bench && go vet ./... && go test ./...

# test/proof and test/product run lockd as processes or in one goroutine: there is no data race to
# detect. test/proof/bubble is the exception.
RACE := . ./cmd/... ./internal/... ./lockdtest/... ./test/harness/... ./test/history/... ./test/proof/bubble
# Go 1.26's race detector crashes when timers of one synctest bubble fire on two processors
# at once: they share a race context (runtime.timer.unlockAndRun). Such packages get one.
ONE_PROCESSOR := -exec 'env GOMAXPROCS=1'
PACKAGES := go list -f '{{.ImportPath}} {{.Imports}}{{.TestImports}}{{.XTestImports}}' $(RACE)
race: ## run the tests that run lockd in their own process, under the race detector
	go test -race $$($(PACKAGES) | grep -v testing/synctest | cut -d' ' -f1)
	go test -race $(ONE_PROCESSOR) $$($(PACKAGES) | grep testing/synctest | cut -d' ' -f1)
	cd clients/go && go test -race $(ONE_PROCESSOR) ./...
	cd clients/go/gocron && go test -race ./...

lint: ## check with gofmt and golangci-lint, as in CI
	@test -z "$$(gofmt -l . | tee /dev/stderr)"
	$(GOLANGCI) run --allow-parallel-runners ./...
	cd clients/go && $(GOLANGCI) run --allow-parallel-runners --config ../../.golangci.yml ./...
	cd clients/go/gocron && $(GOLANGCI) run --allow-parallel-runners --config ../../../.golangci.yml ./...
	cd clients/go/samples && $(GOLANGCI) run --allow-parallel-runners --config ../../../.golangci.yml ./...
	cd bench && $(GOLANGCI) run --allow-parallel-runners --config ../.golangci.yml ./...
	cd tools/dashboard && $(GOLANGCI) run --allow-parallel-runners --config ../../.golangci.yml ./...
	cd test/interop/kube && $(GOLANGCI) run --allow-parallel-runners --config ../../../.golangci.yml ./...
	cd test/interop/kube031 && $(GOLANGCI) run --allow-parallel-runners --config ../../../.golangci.yml ./...
	cd clients/kubernetes/controller && $(GOLANGCI) run --allow-parallel-runners --config ../../../.golangci.yml ./...

# The vulnerability database is a Go module, so the module proxy is sufficient. The toolchain
# is the one in go.mod: releases are built with it.
vuln: export GOTOOLCHAIN = $(shell sed -n 's/^toolchain //p' go.mod)
vuln: ## check the called code for known vulnerabilities
	@rm -rf bin/vulndb && mkdir -p bin/vulndb
	go build -modfile=tools/vuln/go.mod -o bin/vulndb/ golang.org/x/vuln/cmd/govulncheck golang.org/x/vulndb/cmd/indexdb
	go mod download -modfile=tools/vuln/go.mod golang.org/x/vulndb
	bin/vulndb/indexdb -vulns "$$(go list -modfile=tools/vuln/go.mod -m -f '{{.Dir}}' golang.org/x/vulndb)/data/osv" -out bin/vulndb/db
	bin/vulndb/govulncheck -db "file://$(CURDIR)/bin/vulndb/db" ./cmd/... ./internal/...
	cd clients/go && $(CURDIR)/bin/vulndb/govulncheck -db "file://$(CURDIR)/bin/vulndb/db" ./...

sbom: build ## write bin/lockd.cdx.json, the SBOM of bin/lockd, and check both
	go tool -modfile=tools/sbom/go.mod cyclonedx-gomod bin -json -std -version $(VERSION) -output bin/lockd.cdx.json bin/lockd
	go test -count=1 ./test/product/release -args -binary $(CURDIR)/bin/lockd -sbom $(CURDIR)/bin/lockd.cdx.json

reproducible: ## build the commit twice, in different directories, and compare the binaries
	test/product/release/reproducible

FUZZTIME ?= 2m
fuzz: ## run every fuzz target of every module, FUZZTIME each
	@for dir in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
	  for target in $$(sed -n 's/^func \(Fuzz[A-Za-z]*\)(.*/\1/p' $$dir/*_test.go); do \
	    echo "$$dir $$target"; \
	    (cd $$dir && go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x .) || exit 1; \
	  done; done

mutants: ## add named defects to lockd, and check that a named test detects each
	go test -count=1 -v ./test/proof/mutants -args -all

# Suites that try to break the promise, for DURATION: see docs/testing.md.
DURATION ?= 10m
SEED ?= 1
LONG := go test -count=1 -v -timeout 0

sim: ## simulate clusters from seeds, starting at SEED, for DURATION
	$(LONG) ./test/proof/sim -run SimulatedCluster -args -seed $(SEED) -duration $(DURATION)

bubble: ## run real nodes in simulated time, for DURATION
	$(LONG) ./test/proof/bubble -args -seed $(SEED) -duration $(DURATION) -hours 0.25

chaos: ## run real nodes, networks, disks and faults for DURATION, at least three minutes; as root
	$(LONG) ./test/proof/chaos -args -seed $(SEED) -duration $(DURATION) -nodes 5

fencing: ## pause holders in front of a store that checks tokens, and one that does not
	$(LONG) ./test/proof/fencing -args -seed $(SEED) -fencing.updates 3000 -fencing.control 3000

overload: ## send ten times the acquires that the cluster can process, for a minute
	$(LONG) ./test/proof/overload -args -flood 60s -open 12000

soak: sim bubble chaos fencing overload mutants ## run sim, bubble and chaos for DURATION each, then fencing, overload and mutants

contract: build ## lint openapi.yaml, compare it with the last release, and send generated requests to a node
	test/product/contract/run

# The browser is Debian's chromium. SCREENSHOTS=docs/img makes the pictures of the README again.
CONSOLE := bin/console
console-test: build ## test the console, /docs and /problems in a real browser, on a real cluster; needs chromium and npm
	mkdir -p $(CONSOLE) && cp test/product/console/* $(CONSOLE)/
	cd $(CONSOLE) && npm ci --silent --no-audit --no-fund
	cd $(CONSOLE) && LOCKD_BINARY=$(CURDIR)/bin/lockd SCREENSHOTS=$(abspath $(or $(SCREENSHOTS),$(CONSOLE)/shots)) node --test *.test.mjs

observability: ## check the dashboard and the alerts, and the metrics of running nodes, with promtool if there is one
	cd tools/dashboard && go vet ./... && go test ./...
	go test -count=1 -timeout 5m ./test/product/observability

dashboard: ## generate deploy/grafana/lockd.json
	cd tools/dashboard && go run . > dashboard.json && mv dashboard.json ../../deploy/grafana/lockd.json

compose: ## run docker-compose.yml on a real engine, and kill and pause its nodes
	test/product/compose/engine.sh go test -tags compose -count=1 -v -timeout 15m ./test/product/compose

# BASELINE is an older binary: make bench BASELINE=/path/to/lockd compares the two.
bench: build ## measure lockd on this machine, and compare it with the binary BASELINE, in some minutes
	cd bench && go run . -systems lockd,lockd-http,lockd-lean,lockd-before,lockd-http-before -baseline "$(BASELINE)" \
		-only acquire,renew,read,hand-over,leader -clients 1,64 -duration 1s

# The other services must be on PATH; bench/peers.sh installs them.
bench-peers: build ## compare lockd with the installed lock services in every measurement, three runs: half an hour
	cd bench && go run . -runs 3 -duration 800ms -warmup 200ms -rate 500 -idle 5s -json figures.json

PYENV := clients/python/.venv
python: build ## build the Python client, and test it from its package
	rm -rf $(PYENV) clients/python/dist clients/python/build
	python3 -m venv $(PYENV)
	$(PYENV)/bin/pip -q --disable-pip-version-check install build
	$(PYENV)/bin/python -m build --wheel clients/python >/dev/null
	$(PYENV)/bin/pip -q --disable-pip-version-check install "$$(echo clients/python/dist/lockd-*.whl)[test]"
	cd clients/python && .venv/bin/mypy && LOCKD_BINARY=$(CURDIR)/bin/lockd .venv/bin/python -m pytest -q tests

TSUSE := clients/typescript/.packed
typescript: build ## build and pack the TypeScript client, and test it from its package
	rm -rf $(TSUSE) clients/typescript/dist && mkdir -p $(TSUSE)
	cd clients/typescript && npm ci --silent --no-audit --no-fund
	cd clients/typescript && npm pack --silent --pack-destination .packed >/dev/null
	cp -r clients/typescript/test clients/typescript/samples clients/typescript/conformance/. clients/conformance/addresses.json clients/conformance/tls $(TSUSE)
	cd $(TSUSE)/samples && npm install --silent --no-audit --no-fund ../lockd-client-*.tgz
	cd $(TSUSE) && npm install --silent --no-audit --no-fund ./lockd-client-*.tgz && LOCKD_BINARY=$(CURDIR)/bin/lockd node --test test/*.test.mjs

java: build ## build and test the Java client and its ShedLock provider
	cd clients/java && mvn -q -B verify -Dlockd.binary=$(CURDIR)/bin/lockd

conformance: python typescript java ## test every client against a real cluster, by the same scenarios
	CONFORMANCE_PYTHON=$(CURDIR)/$(PYENV)/bin/python CONFORMANCE_NODE=$(CURDIR)/$(TSUSE) \
	  go test -count=1 -timeout 15m ./test/product/conformance -args -clients go,python,asyncio,node,java

# Most of these tests wait, so more of them run at the same time than there are processors.
interop: build ## run unmodified clients of Kubernetes on a real cluster: client-go, kubectl, Python, Java, Node
	test/interop/install
	cd test/interop/kube && go vet ./... && LOCKD_BINARY=$(CURDIR)/bin/lockd go test -count=1 -parallel 16 -timeout 10m ./...
	cd test/interop/kube031 && go vet ./... && LOCKD_BINARY=$(CURDIR)/bin/lockd go test -count=1 -timeout 5m ./...
	cd clients/kubernetes/controller && go vet ./... && LOCKD_BINARY=$(CURDIR)/bin/lockd go test -count=1 -timeout 5m ./...

samples: python typescript java ## run every client's samples on a real cluster, and kill and stop some of them
	go test -count=1 -v -timeout 15m ./test/product/samples -args -databases -languages go,python,node,java \
	  -python $(CURDIR)/$(PYENV)/bin/python -node $(CURDIR)/$(TSUSE)/samples

cover: ## measure the coverage of each package
	go test -cover ./...

clean:
	rm -rf bin
