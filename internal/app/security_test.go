package app

import (
	"strings"
	"testing"
)

// TestStartOfListeners has each combination of a listener, TLS and --insecure. Whether clients need credentials is not
// known at the start, so it is not part of the decision: the first token is made on a running node.
func TestStartOfListeners(t *testing.T) {
	for address, loopback := range map[string]bool{
		"127.0.0.1:7400": true, "127.8.0.1:7400": true, "[::1]:7400": true, "localhost:7400": true,
		"0.0.0.0:7400": false, ":7400": false, "[::]:7400": false, "10.0.0.1:7400": false, "lock-1:7400": false,
		"127.0.0.1.example.org:7400": false, "localhost.example.org:7400": false, "[fe80::1%lo]:7400": false, "[::ffff:127.0.0.1]:7400": true,
	} {
		for _, secured := range []bool{false, true} {
			for _, insecure := range []bool{false, true} {
				for _, flag := range []string{"--http-addr", "--peer-addr"} {
					err := startAllowed(listener{flag: flag, address: address, reach: "reach", instead: "instead"}, secured, insecure)
					if want := loopback || secured || insecure; (err == nil) != want {
						t.Errorf("%s %s, TLS %v, insecure %v: %v", flag, address, secured, insecure, err)
					}
					if err == nil {
						continue
					}
					for _, want := range []string{flag, address, "lockd tls init", "--tls-dir", "instead", "--insecure"} {
						if !strings.Contains(err.Error(), want) {
							t.Errorf("the error does not name %s: %v", want, err)
						}
					}
				}
			}
		}
	}
}

func TestListenersOfAConfig(t *testing.T) {
	const local, open = "127.0.0.1:7400", "0.0.0.0:7400"
	for _, c := range []struct {
		http, peer string
		Security
		want string // part of the error; "": none
	}{
		{local, local, Security{}, ""},
		{open, local, Security{}, "--http-addr"},
		{local, open, Security{}, "--peer-addr"},
		{open, open, Security{TLSDir: "d"}, ""},
		{open, open, Security{TLSDir: "d", PeerTLS: "require"}, ""},
		{open, open, Security{TLSDir: "d", PeerTLS: "allow"}, "--peer-addr"}, // it accepts every connection, as off does
		{open, open, Security{TLSDir: "d", PeerTLS: "off"}, "--peer-addr"},
		{open, local, Security{TLSDir: "d", PeerTLS: "off"}, ""},
		{open, open, Security{TLSDir: "d", PeerTLS: "allow", Insecure: true}, ""},
		{open, open, Security{Insecure: true}, ""},
		{local, local, Security{PeerTLS: "allow"}, "also needs --tls-dir"},
		{local, local, Security{PeerTLS: "require", Insecure: true}, "also needs --tls-dir"},
		{local, local, Security{PeerTLS: "off"}, ""},
	} {
		err := (&Config{HTTPAddr: c.http, PeerAddr: c.peer, Security: c.Security}).CheckListeners()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s, %s, %+v: %v, want %q", c.http, c.peer, c.Security, err, c.want)
		}
	}
}
