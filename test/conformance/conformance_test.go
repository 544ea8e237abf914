package conformance

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/test/nodes"
)

// root is the project's, seen from here.
const root = "../.."

var (
	clients = flag.String("clients", "go", "which clients are tested, with commas between")
	trials  = flag.Int("trials", 1, "how often each client is cut off to measure when it tells of the loss")
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(nodes.Main(m))
}

// startCluster starts three nodes and waits until they write the newest version of
// entries: an older one has no attempts.
func startCluster(t *testing.T) *nodes.Cluster {
	t.Helper()
	c := nodes.StartThree(t)
	nodes.Eventually(t, "the newest version of entries is written", func() bool {
		return c.Leader().Metric("lockd_entry_version") == fsm.EntryVersion
	})
	return c
}

// each runs a test with a testee of each language that was asked for.
func each(t *testing.T, do func(t *testing.T, language string, c *nodes.Cluster, e *testee)) {
	c := startCluster(t)
	known := languages(t)
	for _, language := range strings.Split(*clients, ",") {
		line, ok := known[language]
		if !ok {
			t.Fatalf("there is no client in %q", language)
		}
		t.Run(language, func(t *testing.T) { do(t, language, c, startTestee(t, line)) })
	}
}

func TestEveryClientKeepsTheRules(t *testing.T) {
	all := scenarios(t)
	c := startCluster(t)
	known := languages(t)
	kept := make(results)
	for _, language := range strings.Split(*clients, ",") {
		line, ok := known[language]
		if !ok {
			t.Fatalf("there is no client in %q", language)
		}
		kept[language] = make(map[string]bool)
		for i, s := range all {
			if s.Except[language] != "" {
				continue
			}
			t.Run(language+"/"+s.Name, func(t *testing.T) {
				defer func() { kept[language][s.Name] = !t.Failed() }()
				p := &play{
					t: t, cluster: c, prefix: fmt.Sprintf("%s-%d-", language, i), testee: startTestee(t, line),
					clients: make(map[string]*actor), holds: make(map[string]*hold),
				}
				p.run(s)
			})
		}
	}
	if *write {
		kept.write(t, all)
	}
}
