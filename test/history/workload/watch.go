package workload

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/lockd/lockd/test/history/linear"
)

// A watcher reads all events of the run. It repeatedly cuts its own stream and resumes at another node.
type watcher struct {
	run    *Run
	rng    *rand.Rand
	stream linear.Stream
}

// finishing is the time before a stream is cut once the clients have stopped. A new stream receives the revision of
// its node at once.
const finishing = 100 * time.Millisecond

// watch reads events until the last one of the clients.
func (r *Run) watch(i int) {
	w := &watcher{run: r, rng: r.rng(1<<32 + uint64(i))}
	w.begin(r.from)
	gaveUp := time.Duration(0)
	for turn := i; !w.finished(); turn++ {
		at := w.stream.To
		node := r.cfg.Nodes[turn%len(r.cfg.Nodes)]
		if w.stream.Node == "" {
			w.stream.Node = node
		} else {
			w.stream.Resumed++
		}
		if err := w.follow(node); err != nil {
			time.Sleep(backoff)
		}
		switch now := r.cfg.Now(); {
		case r.until.Load() == 0 || w.stream.To > at:
			gaveUp = now + r.cfg.Patience
		case now > gaveUp:
			w.end()
			return
		}
	}
	w.end()
}

func (w *watcher) begin(from uint64) {
	w.stream = linear.Stream{Prefix: w.run.cfg.Prefix, From: from, To: from}
}

func (w *watcher) end() {
	w.run.mu.Lock()
	defer w.run.mu.Unlock()
	w.run.history.Events = append(w.run.history.Events, w.stream)
}

func (w *watcher) finished() bool {
	select {
	case <-w.run.ended:
		return w.stream.To >= w.run.until.Load()
	default:
		return false
	}
}

// life returns the time before the next stream is cut.
func (w *watcher) life() (time.Duration, <-chan struct{}) {
	select {
	case <-w.run.ended:
		return finishing, nil
	default:
		longest := w.run.cfg.Resume
		return longest/3 + time.Duration(w.rng.Int64N(int64(longest)*2/3+1)), w.run.ended
	}
}

// follow reads one stream of a node until it is cut.
func (w *watcher) follow(node string) error {
	life, ended := w.life()
	ctx, cut := context.WithTimeout(context.Background(), life)
	defer cut()
	go func() {
		select {
		case <-ended:
			cut()
		case <-ctx.Done():
		}
	}()
	resp, err := w.open(ctx, node)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusGone {
		var gone frame
		if err := json.NewDecoder(resp.Body).Decode(&gone); err != nil {
			return err
		}
		w.gone(gone)
		return nil
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %d", node, resp.StatusCode)
	}
	return w.read(bufio.NewReader(resp.Body))
}

func (w *watcher) open(ctx context.Context, node string) (*http.Response, error) {
	at := strconv.FormatUint(w.stream.To, 10)
	query := url.Values{"prefix": {w.stream.Prefix}}
	header := http.Header{"Accept": {"text/event-stream"}}
	if w.rng.IntN(2) == 0 {
		query.Set("after", at)
	} else {
		header.Set("Last-Event-ID", at)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, node+"/v1/watch?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	req.Header = header
	return w.run.client.Do(req)
}

// frame is the data of one server-sent event.
type frame struct {
	Revision uint64 `json:"revision"`
	Type     string `json:"type"`
	Name     string `json:"name"`
	Holder   string `json:"holder"`
	Token    uint64 `json:"token"`
	Cause    string `json:"cause"`
	Current  uint64 `json:"current"`
}

// read processes whole frames only. It ignores a frame that was cut.
func (w *watcher) read(lines *bufio.Reader) error {
	var data string
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return err
		}
		line = strings.TrimSuffix(line, "\n")
		if d, ok := strings.CutPrefix(line, "data: "); ok {
			data = d
			continue
		}
		if line != "" || data == "" {
			continue
		}
		var f frame
		if err := json.Unmarshal([]byte(data), &f); err != nil {
			return err
		}
		data = ""
		if !w.take(f) {
			return errors.New("the stream has ended")
		}
	}
}

// take records a frame and reports whether more frames are expected.
func (w *watcher) take(f frame) bool {
	switch f.Type {
	case "mark":
		w.stream.To = max(w.stream.To, f.Revision)
	case "gone":
		w.gone(f)
		return false
	default:
		w.stream.Events = append(w.stream.Events, linear.Event{
			Revision: f.Revision, Type: f.Type, Name: f.Name, Holder: f.Holder, Token: f.Token,
			Cause: f.Cause, Seen: w.run.cfg.Now(),
		})
		w.stream.To = f.Revision
	}
	return !w.finished()
}

// gone starts a new stream after the events to resume from were deleted.
func (w *watcher) gone(f frame) {
	w.stream.Gone = true
	w.end()
	w.begin(f.Current)
}
