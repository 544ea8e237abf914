package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"log/slog"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

// anyName answers for every name.
type anyName struct{}

func (anyName) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")}, nil
}

func (anyName) LookupSRV(context.Context, string, string, string) (string, []*net.SRV, error) {
	return "", []*net.SRV{{Target: "a.example.org.", Port: 7400}}, nil
}

// FuzzJoinForms looks up whatever passes for an address to join: all that comes
// of it can be asked who is there.
func FuzzJoinForms(f *testing.F) {
	for _, s := range []string{
		"10.0.0.1:7400", "[::1]:7400", "[fe80::1%eth0]:7400", "lock-1:7400", "http://lock-1:7400/", "https://lock.example.org",
		"HTTP://a:1", "http://user@a:1", "http://a:1/base?x#y", "http://[::1", "http://%zz", "http:///", "http://a:1e400",
		"dns:lockd", "dns:lockd:7410", "dns:[::1]:7410", "dns::", "dns:7400", "dns:-1", "srv:_lockd._tcp.example.org", "srv:", "srv:a:1",
		"a:0", "a:65536", "a:-1", "a:+1", "a%20b:1", "a\x00:1", "a\x7f:1", "ä:1", "a b:1", "a/b:1", "[a]:1", "[]:1", ":1", "a:NaN",
	} {
		f.Add(s)
	}
	l := newLookup(anyName{}, slog.New(slog.DiscardHandler))
	f.Fuzz(func(t *testing.T, s string) {
		if !ValidJoin(s) {
			return
		}
		found := l.addresses(t.Context(), s)
		if len(found) == 0 {
			t.Errorf("nobody is found at %q", s)
		}
		for _, address := range found {
			if req, err := askWho(t.Context(), address); err != nil || req.URL.Host == "" || !strings.HasSuffix(req.URL.Path, whoPath) {
				t.Errorf("%q leads to %q, which cannot be asked: %v", s, address, err)
			}
		}
	})
}

// identities are files that were, or might have been, written.
func identities() [][]byte {
	raw := []byte(`{"name":"a","incarnation":"7f879413","cluster":"c","forming":[{"ID":"a.7f879413","Name":"a","Peer":"h:1","HTTP":"h:2","Version":1}]}`)
	good, _ := identityOnDisk{1, raw, crc32.Checksum(raw, castagnoli)}.encode()
	return [][]byte{
		good, good[:len(good)-1], nil, []byte("{}"), []byte("null"), []byte(`{"format":2}`), []byte(`{"format":-1,"crc32c":0}`),
		[]byte(`{"format":1e400}`), []byte(`{"identity":null}`), []byte(`{"identity":{"name":"a"},"crc32c":4294967296}`),
		[]byte(`{"identity":"a","crc32c":1}`), append([]byte("\xef\xbb\xbf"), good...),
	}
}

// FuzzIdentity starts over a file that says who the node is: it is believed as it
// was written, or the file is named and nothing is believed.
func FuzzIdentity(f *testing.F) {
	for _, file := range identities() {
		f.Add(file, false)
		f.Add(file, true)
	}
	f.Fuzz(func(t *testing.T, file []byte, mended bool) {
		if mended {
			file = mend(file)
		}
		id, err := parseIdentity(identityFile, file)
		if err != nil {
			if !strings.HasPrefix(err.Error(), identityFile) || !reflect.DeepEqual(id, identity{}) {
				t.Errorf("%q: %v, and yet %+v", file, err, id)
			}
			return
		}
		raw, err := json.Marshal(id)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseIdentity(identityFile, mend(fmt.Appendf(nil, `{"format":1,"identity":%s}`, raw)))
		if err != nil || !reflect.DeepEqual(again, id) {
			t.Errorf("%q is %+v and, written again, %+v: %v", file, id, again, err)
		}
	})
}

// mend gives a file the checksum that is right for what it says, which keeps most
// of it from the fuzzer.
func mend(file []byte) []byte {
	var disk identityOnDisk
	if json.Unmarshal(file, &disk) != nil {
		return file
	}
	disk.CRC32C = crc32.Checksum(compact(disk.Identity), castagnoli)
	out, err := disk.encode()
	if err != nil {
		return file
	}
	return out
}
