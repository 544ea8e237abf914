package clients

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockd/lockd/test/harness/nodes"
)

var figures = flag.Bool("figures", false, "measure renewals through the Kubernetes API")

// A renewer renews one lease over and over.
type renewer struct {
	client *http.Client
	url    string
	name   string
	last   string // resourceVersion, or session
}

// send sends a request and returns the value that follows a key in the answer.
func (r *renewer) send(method, url, body, key string) (string, error) {
	q, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	q.Header.Set("Content-Type", "application/json")
	resp, err := r.client.Do(q)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= http.StatusMultipleChoices {
		return "", fmt.Errorf("%s: %d %s %w", url, resp.StatusCode, b, err)
	}
	_, rest, _ := bytes.Cut(b, []byte(`"`+key+`":"`))
	value, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(value), nil
}

func (r *renewer) lease() string {
	return fmt.Sprintf(`{"metadata":{"name":%q,"resourceVersion":%q},"spec":{"holderIdentity":"a","leaseDurationSeconds":40,"renewTime":%q}}`,
		r.name, r.last, time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"))
}

const leasesPath = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"

func (r *renewer) createLease() (err error) {
	r.last, err = r.send(http.MethodPost, r.url+leasesPath, r.lease(), "resourceVersion")
	return err
}

func (r *renewer) putLease() (err error) {
	r.last, err = r.send(http.MethodPut, r.url+leasesPath+"/"+r.name, r.lease(), "resourceVersion")
	return err
}

func (r *renewer) acquire() (err error) {
	r.last, err = r.send(http.MethodPost, r.url+"/v1/leases/"+r.name+"/acquire", `{"holder":"a","ttl_ms":40000}`, "session")
	return err
}

func (r *renewer) renew() error {
	_, err := r.send(http.MethodPost, r.url+"/v1/leases/"+r.name+"/renew", `{"session":"`+r.last+`"}`, "session")
	return err
}

// TestFigures measures, with -args -figures, renewals through the Kubernetes API against those of lockd's own, and what
// 1,000 kubelets cost.
func TestFigures(t *testing.T) {
	if !*figures {
		t.Skip("without -figures")
	}
	n := nodes.New(t, "n0")
	n.Program = binary(t)
	n.Start()
	n.WaitReady()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	nodes.Eventually(t, "the node stores Leases", func() bool {
		return (&renewer{client: client, url: n.URL(""), name: "first"}).createLease() == nil
	})
	for _, c := range []int{1, 16, 64} {
		measureRenewals(t, n, client, c, "Kubernetes PUT", (*renewer).createLease, (*renewer).putLease)
		measureRenewals(t, n, client, c, "lockd renew", (*renewer).acquire, (*renewer).renew)
	}
	measureKubelets(t, n, client)
}

func measureRenewals(t *testing.T, n *nodes.Node, client *http.Client, clients int, what string, begin, renew func(*renewer) error) {
	t.Helper()
	const took = 3 * time.Second
	var count atomic.Int64
	var group sync.WaitGroup
	cpu := cpuOf(t, n)
	for i := range clients {
		r := &renewer{client: client, url: n.URL(""), name: fmt.Sprintf("renewed-%d-%d", clients, i)}
		group.Go(func() {
			err := begin(r)
			for end := time.Now().Add(took); err == nil && time.Now().Before(end); count.Add(1) {
				err = renew(r)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	t.Logf("%2d clients, %s: %.0f/s, %.0f µs of the node's CPU each", clients, what, float64(count.Load())/took.Seconds(),
		float64((cpuOf(t, n)-cpu).Microseconds())/float64(count.Load()))
}

func measureKubelets(t *testing.T, n *nodes.Node, client *http.Client) {
	t.Helper()
	const kubelets, period, rounds = 1_000, 10 * time.Second, 2
	all := make([]*renewer, kubelets)
	for i := range all {
		all[i] = &renewer{client: client, url: n.URL(""), name: "node-" + strconv.Itoa(i)}
		must(t, all[i].createLease())
	}
	cpu, began := cpuOf(t, n), time.Now()
	var group sync.WaitGroup
	for round := range rounds {
		for i, r := range all {
			time.Sleep(time.Until(began.Add(time.Duration(round)*period + period*time.Duration(i)/kubelets)))
			group.Go(func() {
				if err := r.putLease(); err != nil {
					t.Error(err)
				}
			})
		}
	}
	group.Wait()
	used, passed := cpuOf(t, n)-cpu, time.Since(began)
	t.Logf("%d kubelets, a PUT each %s: %.1f %% of a CPU", kubelets, period, 100*used.Seconds()/passed.Seconds())
}

// cpuOf returns the CPU time that a node has used.
func cpuOf(t *testing.T, n *nodes.Node) time.Duration {
	t.Helper()
	text := string(got(os.ReadFile(fmt.Sprintf("/proc/%d/stat", n.PID())))(t))
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	user, system := got(strconv.Atoi(fields[11]))(t), got(strconv.Atoi(fields[12]))(t)
	return time.Duration(user+system) * 10 * time.Millisecond // ticks of 100 Hz
}
