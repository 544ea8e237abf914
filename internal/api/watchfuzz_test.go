package api_test

import (
	"bufio"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lockd/lockd/internal/fsm"
)

// FuzzWatchResume resumes a watch from anywhere, over any of the two ways to say
// so and any of the two forms, and holds what is told to what happened since.
func FuzzWatchResume(f *testing.F) {
	for _, after := range []string{"", "0", "3", "007", "8", "1000", "-1", "+1", "1_0", "0x3", "1e3", "NaN", "9007199254740991",
		"9007199254740992", "18446744073709551616", " 3", "3 "} {
		f.Add(after, "", "", "", uint8(0), false)
		f.Add("1", after, "held", "", uint8(4), true)
		f.Add(after, "", "", "he", uint8(5), true)
		f.Add(after, "", "a/b", "a/", uint8(0), false)
	}
	b := newRig()
	part := regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._:-]*(/[A-Za-z0-9][A-Za-z0-9._:-]*)*/?)?$`)
	isPart := func(s string) bool { return part.MatchString(s) && len(s) <= fsm.MaxNameBytes }
	f.Fuzz(func(t *testing.T, after, last, name, prefix string, dropped uint8, stream bool) {
		b.furnish(nil)
		b.node.dropped = uint64(dropped)
		query := url.Values{"after": {after}, "name": {name}, "prefix": {prefix}, "wait_ms": {"0"}}
		headers := map[string]string{"Last-Event-ID": last}
		if stream {
			headers["Accept"] = "text/event-stream"
		}
		r, resp := b.ask(t, http.MethodGet, "/v1/watch?"+query.Encode(), nil, headers)
		if resp == nil {
			return
		}
		from, valid := resumption(append([]string{after}, r.Header.Values("Last-Event-ID")...))
		switch {
		case !valid || !isPart(name) || strings.HasSuffix(name, "/") || !isPart(prefix):
			wants(t, resp, http.StatusBadRequest)
			return
		case from < b.node.dropped:
			wants(t, resp, http.StatusGone)
			return
		}
		wants(t, resp, http.StatusOK)
		if got, want := revisions(t, resp), b.since(from, name, prefix); !slices.Equal(got, want) {
			t.Errorf("after %d, of %q and %q: told %v of %v", from, name, prefix, got, want)
		}
	})
}

func wants(t *testing.T, resp *http.Response, status int) {
	t.Helper()
	if resp.StatusCode != status {
		b, err := io.ReadAll(resp.Body)
		t.Fatalf("%d, want %d: %s %v", resp.StatusCode, status, b, err)
	}
}

// since returns what a watch must tell, as of the node's own record.
func (b *rig) since(from uint64, name, prefix string) []uint64 {
	var want []uint64
	for _, e := range b.node.events {
		if e.Revision > from && (name == "" || e.Name == name) && strings.HasPrefix(e.Name, prefix) {
			want = append(want, e.Revision)
		}
	}
	return want
}

// revisions returns those of the events that an answer tells.
func revisions(t *testing.T, resp *http.Response) []uint64 {
	t.Helper()
	type event struct {
		Revision uint64
		Type     string
	}
	var poll struct{ Events []event }
	if resp.Header.Get("Content-Type") == "text/event-stream" {
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() {
			data, ok := strings.CutPrefix(lines.Text(), "data: ")
			if !ok {
				continue
			}
			var e event
			if err := json.Unmarshal([]byte(data), &e); err != nil {
				t.Fatal(err)
			}
			if e.Type != "mark" {
				poll.Events = append(poll.Events, e)
			}
		}
		if err := lines.Err(); err != nil {
			t.Fatal(err)
		}
	} else if err := json.NewDecoder(resp.Body).Decode(&poll); err != nil {
		t.Fatal(err)
	}
	var all []uint64
	for _, e := range poll.Events {
		all = append(all, e.Revision)
	}
	return all
}

// resumption is the point that a request names, by the words of the contract: all
// that it says are whole numbers in plain decimals, and Last-Event-ID wins.
func resumption(said []string) (from uint64, valid bool) {
	valid = true
	for _, s := range said[:min(len(said), 2)] {
		n, ok := decimal(s)
		from, valid = n, valid && ok
	}
	return from, valid
}

func decimal(s string) (uint64, bool) {
	n, ok := new(big.Int).SetString(s, 10)
	plain := strings.Trim(s, "0123456789") == ""
	if !ok || !plain || n.Cmp(big.NewInt(fsm.MaxSafeInteger)) > 0 {
		return 0, false
	}
	return n.Uint64(), true
}
