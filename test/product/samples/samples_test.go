package samples

import (
	"flag"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lockd/lockd/test/harness/nodes"
)

// root is the root of the repository, relative to this package.
const root = "../../.."

var (
	which     = flag.String("languages", "go", "languages of the samples to run, separated by commas")
	python    = flag.String("python", "python3", "Python interpreter with the client installed")
	node      = flag.String("node", "", "directory of the samples for Node, with the client installed")
	databases = flag.Bool("databases", false, "also run the samples that write to a database; fetches and builds Go's driver, which takes a minute")
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(nodes.Main(m))
}

// each runs a test with the sample of each selected language, on a cluster of its own.
func each(t *testing.T, sample string, test func(*testing.T, *play)) {
	t.Helper()
	t.Parallel()
	c := nodes.StartThree(t)
	known := languages(t)
	for _, name := range strings.Split(*which, ",") {
		language, ok := known[name]
		if !ok {
			t.Fatalf("there are no samples in %q", name)
		}
		t.Run(name, func(t *testing.T) { test(t, newPlay(t, c, language(sample))) })
	}
}

func TestTwoProcessesRunOneAfterTheOther(t *testing.T) {
	each(t, "mutex", func(t *testing.T, p *play) {
		const lease = "nightly-report"
		mine := nodes.In{"holder": "the test", "session": "a-session-of-the-test", "ttl_ms": 60_000}
		p.cluster.Nodes[0].Post("/v1/leases/"+lease+"/acquire", mine).Want(t, http.StatusCreated)
		both := []*actor{p.start(), p.start()}
		p.queued(lease, 2) // both processes wait for it
		p.cluster.Nodes[0].Post("/v1/leases/"+lease+"/release", nodes.In{"session": mine["session"]}).Want(t, http.StatusOK)
		var order []string
		for next := 0; len(order) < 4; {
			var line string
			line, next = p.lineWith(next, "")
			if strings.Contains(line, " runs with token ") || strings.HasSuffix(line, " is done") {
				order = append(order, line)
			}
		}
		for i, a := range both {
			if code := a.end(); code != 0 {
				t.Errorf("process %d exited with %d", i, code)
			}
		}
		first, second := both[0], both[1]
		if !strings.Contains(order[0], first.label()) {
			first, second = second, first
		}
		want := []string{first.label() + "runs", first.label() + "is done", second.label() + "runs", second.label() + "is done"}
		if !slices.EqualFunc(order, want, strings.Contains) {
			t.Fatalf("the processes ran at the same time: %q", order)
		}
		if token(t, order[2]) <= token(t, order[0]) {
			t.Errorf("the second token is not above the first: %q", order)
		}
	})
}

func TestAnotherWorkerLeadsAfterTheLeaderIsKilled(t *testing.T) {
	each(t, "election", func(t *testing.T, p *play) {
		const lease = "scheduler"
		workers := []*actor{p.start(), p.start(), p.start()}
		first := p.leading(workers, 0)
		p.queued(lease, 2)
		first.actor.signal(syscall.SIGKILL)
		second := p.leading(workers, first.next)
		p.outliveTheLeadingNode(lease, second)
		second.actor.signal(syscall.SIGKILL)
		third := p.leading(workers, second.next)
		if first.actor == second.actor || first.token >= second.token || second.actor == third.actor || second.token >= third.token {
			t.Errorf("the tokens of the leaders are %d, %d and %d", first.token, second.token, third.token)
		}
		third.actor.signal(syscall.SIGTERM)
		third.actor.end()
		if last := p.lastEvent(lease); last["type"] != "released" || last["token"] != float64(third.token) {
			t.Errorf("the worker that resigned did not release the lease: %v", last)
		}
	})
}

// A leadership is a leading worker, and the line that reported it.
type leadership struct {
	actor *actor
	token int64
	next  int // index of the line after it
}

// leading waits until a worker prints that it leads, from line from on.
func (p *play) leading(among []*actor, from int) leadership {
	p.t.Helper()
	line, next := p.lineWith(from, " leads with token ")
	for _, a := range among {
		if strings.Contains(line, a.label()) {
			return leadership{a, token(p.t, line), next}
		}
	}
	p.t.Fatalf("no worker printed %q", line)
	return leadership{}
}

// outliveTheLeadingNode kills the leading node and waits until the worker has led for so long that another node has
// renewed its lease.
func (p *play) outliveTheLeadingNode(lease string, l leadership) {
	p.t.Helper()
	dead := p.cluster.Leader()
	dead.Kill()
	alive := p.cluster.Others(dead)
	nodes.LeaderAmong(p.t, alive...)
	ask := func() nodes.Answer { return alive[0].Get("/v1/leases/" + lease) }
	s := ask().Want(p.t, http.StatusOK)
	holder := s.Body["holders"].([]any)[0].(map[string]any)
	enough := time.Duration(holder["held_ms"].(float64)+2*holder["ttl_ms"].(float64)) * time.Millisecond
	nodes.Eventually(p.t, "the worker still leads", func() bool {
		a := ask()
		if a.Status == http.StatusOK && a.Number("token") != l.token {
			p.t.Fatalf("it no longer leads: %s", a.Raw)
		}
		holders, _ := a.Body["holders"].([]any)
		return len(holders) == 1 && time.Duration(holders[0].(map[string]any)["held_ms"].(float64))*time.Millisecond > enough
	})
	dead.Start()
	dead.WaitReady()
}

// lastEvent returns the latest event of a lease.
func (p *play) lastEvent(lease string) map[string]any {
	p.t.Helper()
	a := p.cluster.Nodes[0].Get("/v1/leases/"+lease+"/history").Want(p.t, http.StatusOK)
	events, _ := a.Body["events"].([]any)
	if len(events) == 0 {
		p.t.Fatalf("%s has no events: %s", lease, a.Raw)
	}
	return events[0].(map[string]any)
}

// tooLate is the exit code of the sample if its write was refused.
const tooLate = 3

func TestLateWriteOfAStoppedHolderIsRefused(t *testing.T) {
	if !*databases {
		t.Skip("without -databases")
	}
	each(t, "fencing", func(t *testing.T, p *play) {
		const lease = "account-1"
		stopped := p.start()
		old := token(t, stopped.prints("holds with token "))
		stopped.signal(syscall.SIGSTOP)
		nodes.Eventually(t, "the stopped holder's lease ends", func() bool { return p.lease(lease).Text("state") == "free" })
		next := p.start()
		young := token(t, next.prints("holds with token "))
		next.pressEnter()
		next.prints("wrote with token ")
		if code := next.end(); code != 0 || young <= old {
			t.Errorf("the next holder exited with %d; the tokens were %d and %d", code, old, young)
		}
		stopped.pressEnter()
		stopped.signal(syscall.SIGCONT)
		refused := stopped.prints("was refused with token ")
		if code := stopped.end(); code != tooLate || token(t, refused) != young {
			t.Errorf("it exited with %d and printed %q; the last token was %d", code, refused, young)
		}
	})
}
