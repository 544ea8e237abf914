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

// FuzzWatchResume resumes a watch from any revision, with after or Last-Event-ID, as a stream or a long-poll, and
// compares the events in the answer with those of the node.
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
		b.setUp(nil)
		b.node.dropped = uint64(dropped)
		query := url.Values{"after": {after}, "name": {name}, "prefix": {prefix}, "wait_ms": {"0"}}
		headers := map[string]string{"Last-Event-ID": last}
		if stream {
			headers["Accept"] = "text/event-stream"
		}
		r, resp := b.do(t, http.MethodGet, "/v1/watch?"+query.Encode(), nil, headers)
		if resp == nil {
			return
		}
		from, valid := resumption(append([]string{after}, r.Header.Values("Last-Event-ID")...))
		switch {
		case !valid || !isPart(name) || strings.HasSuffix(name, "/") || !isPart(prefix):
			wantStatus(t, resp, http.StatusBadRequest)
			return
		case from < b.node.dropped:
			wantStatus(t, resp, http.StatusGone)
			return
		}
		wantStatus(t, resp, http.StatusOK)
		if got, want := revisions(t, resp), b.since(from, name, prefix); !slices.Equal(got, want) {
			t.Errorf("after %d, with name %q and prefix %q: events %v, want %v", from, name, prefix, got, want)
		}
	})
}

func wantStatus(t *testing.T, resp *http.Response, status int) {
	t.Helper()
	if resp.StatusCode != status {
		b, err := io.ReadAll(resp.Body)
		t.Fatalf("%d, want %d: %s %v", resp.StatusCode, status, b, err)
	}
}

// since returns the revisions of the events that a watch must send.
func (b *rig) since(from uint64, name, prefix string) []uint64 {
	var want []uint64
	for _, e := range b.node.events {
		if e.Revision > from && (name == "" || e.Name == name) && strings.HasPrefix(e.Name, prefix) {
			want = append(want, e.Revision)
		}
	}
	return want
}

// revisions returns the revisions of the events in an answer.
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

// resumption returns the revision from which a watch resumes, as in the contract: all values must be decimal integers,
// and Last-Event-ID takes precedence.
func resumption(values []string) (from uint64, valid bool) {
	valid = true
	for _, s := range values[:min(len(values), 2)] {
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
