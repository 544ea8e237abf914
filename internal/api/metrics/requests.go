package metrics

import (
	"maps"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Requests measures requests by their route, method and status. It keeps the histogram of each of these, because a
// lookup by labels costs more than the observation. Routes and methods must be of a fixed set.
type Requests struct {
	vec   *prometheus.HistogramVec
	mu    sync.Mutex                                     // held while known is replaced
	known atomic.Pointer[map[labels]prometheus.Observer] // never changed once it is stored
}

type labels struct {
	route, method string
	status        int
}

func newRequests(vec *prometheus.HistogramVec) *Requests {
	r := &Requests{vec: vec}
	r.known.Store(&map[labels]prometheus.Observer{})
	return r
}

// Observe records the seconds that a request took.
func (r *Requests) Observe(route, method string, status int, seconds float64) {
	of := labels{route, method, status}
	o := (*r.known.Load())[of]
	if o == nil {
		o = r.resolve(of)
	}
	o.Observe(seconds)
}

// resolve finds the histogram of labels, and keeps it.
func (r *Requests) resolve(of labels) prometheus.Observer {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.vec.WithLabelValues(of.route, of.method, strconv.Itoa(of.status))
	known := maps.Clone(*r.known.Load())
	known[of] = o
	r.known.Store(&known)
	return o
}
