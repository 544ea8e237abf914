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

// root is the project's, seen from here.
const root = "../../.."

var (
	which     = flag.String("languages", "go", "whose samples are run, with commas between")
	python    = flag.String("python", "python3", "a Python that has the client")
	node      = flag.String("node", "", "where the samples for Node stand, beside the client's package")
	databases = flag.Bool("databases", false, "run what writes to a database, too: Go's driver is fetched, and takes a minute to build")
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(nodes.Main(m))
}

// each runs a test with the sample of each language that was asked for, on a cluster
// of its own.
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

func TestTwoProcessesDoTheJobOneAfterTheOther(t *testing.T) {
	each(t, "mutex", func(t *testing.T, p *play) {
		const lease = "nightly-report"
		mine := nodes.In{"holder": "the test", "session": "a-session-of-the-test", "ttl_ms": 60_000}
		p.cluster.Nodes[0].Post("/v1/leases/"+lease+"/acquire", mine).Want(t, http.StatusCreated)
		both := []*actor{p.start(), p.start()}
		p.queued(lease, 2) // now they both want it
		p.cluster.Nodes[0].Post("/v1/leases/"+lease+"/release", nodes.In{"session": mine["session"]}).Want(t, http.StatusOK)
		var turns []string
		for next := 0; len(turns) < 4; {
			var line string
			line, next = p.hear(next, "")
			if strings.Contains(line, " runs with token ") || strings.HasSuffix(line, " is done") {
				turns = append(turns, line)
			}
		}
		for i, a := range both {
			if code := a.end(); code != 0 {
				t.Errorf("process %d ended with %d", i, code)
			}
		}
		first, second := both[0], both[1]
		if !strings.Contains(turns[0], first.label()) {
			first, second = second, first
		}
		want := []string{first.label() + "runs", first.label() + "is done", second.label() + "runs", second.label() + "is done"}
		if !slices.EqualFunc(turns, want, strings.Contains) {
			t.Fatalf("they ran at once: %q", turns)
		}
		if token(t, turns[2]) <= token(t, turns[0]) {
			t.Errorf("the second token is not above the first: %q", turns)
		}
	})
}

func TestAnotherWorkerLeadsWhereTheLeaderIsKilled(t *testing.T) {
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
			t.Errorf("they led with the tokens %d, %d and %d", first.token, second.token, third.token)
		}
		third.actor.signal(syscall.SIGTERM)
		third.actor.end()
		if last := p.lastEvent(lease); last["type"] != "released" || last["token"] != float64(third.token) {
			t.Errorf("who resigned gave nothing back: %v", last)
		}
	})
}

// A leadership is that of a worker, and how it was told.
type leadership struct {
	actor *actor
	token int64
	next  int // line
}

// leading waits until a worker says, from a line on, that it leads.
func (p *play) leading(among []*actor, from int) leadership {
	p.t.Helper()
	line, next := p.hear(from, " leads with token ")
	for _, a := range among {
		if strings.Contains(line, a.label()) {
			return leadership{a, token(p.t, line), next}
		}
	}
	p.t.Fatalf("who said %q?", line)
	return leadership{}
}

// outliveTheLeadingNode kills the node that leads, and waits until the worker has led
// for so long after that its lease was renewed at another one.
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
	nodes.Eventually(p.t, "the leader goes on", func() bool {
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

// lastEvent returns the newest event of a lease, which is told first.
func (p *play) lastEvent(lease string) map[string]any {
	p.t.Helper()
	a := p.cluster.Nodes[0].Get("/v1/leases/"+lease+"/history").Want(p.t, http.StatusOK)
	events, _ := a.Body["events"].([]any)
	if len(events) == 0 {
		p.t.Fatalf("nothing has happened to %s: %s", lease, a.Raw)
	}
	return events[0].(map[string]any)
}

// tooLate is how the sample ends whose write was refused.
const tooLate = 3

func TestAStoppedHoldersLateWriteIsRefused(t *testing.T) {
	if !*databases {
		t.Skip("without -databases")
	}
	each(t, "fencing", func(t *testing.T, p *play) {
		const lease = "account-1"
		stopped := p.start()
		old := token(t, stopped.says("holds with token "))
		stopped.signal(syscall.SIGSTOP)
		nodes.Eventually(t, "the stopped holder's lease ends", func() bool { return p.lease(lease).Text("state") == "free" })
		next := p.start()
		young := token(t, next.says("holds with token "))
		next.pressEnter()
		next.says("wrote with token ")
		if code := next.end(); code != 0 || young <= old {
			t.Errorf("the next holder ended with %d; the tokens were %d and %d", code, old, young)
		}
		stopped.pressEnter()
		stopped.signal(syscall.SIGCONT)
		refused := stopped.says("was refused with token ")
		if code := stopped.end(); code != tooLate || token(t, refused) != young {
			t.Errorf("it ended with %d and said %q; the last token was %d", code, refused, young)
		}
	})
}
