package conformance

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/test/harness/nodes"
)

// root is the root of the repository, relative to this package.
const root = "../../.."

var (
	clients = flag.String("clients", "go", "clients to test, separated by commas")
	trials  = flag.Int("trials", 1, "how often each client is partitioned to measure when it reports the loss")
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(nodes.Main(m))
}

// startCluster starts three nodes and waits until they write the newest entry version. Older
// versions have no attempt IDs.
func startCluster(t *testing.T) *nodes.Cluster {
	t.Helper()
	c := nodes.StartThree(t)
	nodes.Eventually(t, "the newest version of entries is written", func() bool {
		return c.Leader().Metric("lockd_entry_version") == fsm.EntryVersion
	})
	return c
}

// each runs a test once for each language in -clients, with a new driver.
func each(t *testing.T, do func(t *testing.T, language string, c *nodes.Cluster, e *driver)) {
	c := startCluster(t)
	known := languages(t)
	for _, language := range strings.Split(*clients, ",") {
		line, ok := known[language]
		if !ok {
			t.Fatalf("unknown client %q", language)
		}
		t.Run(language, func(t *testing.T) { do(t, language, c, startDriver(t, line)) })
	}
}

func TestEveryClientPassesTheScenarios(t *testing.T) {
	all := scenarios(t)
	c := startCluster(t)
	secured := sync.OnceValue(func() *securedCluster { return startSecured(t) })
	known := languages(t)
	kept := make(results)
	for _, language := range strings.Split(*clients, ",") {
		line, ok := known[language]
		if !ok {
			t.Fatalf("unknown client %q", language)
		}
		kept[language] = make(map[string]bool)
		for i, s := range all {
			if s.Except[language] != "" {
				continue
			}
			t.Run(language+"/"+s.Name, func(t *testing.T) {
				defer func() { kept[language][s.Name] = !t.Failed() }()
				p := newPlay(t, c, startDriver(t, line), fmt.Sprintf("%s-%d-", language, i))
				if s.Secured {
					p.secured = secured()
					p.cluster = p.secured.Cluster
				}
				p.run(s)
			})
		}
	}
	if *write {
		kept.write(t, all)
	}
}
