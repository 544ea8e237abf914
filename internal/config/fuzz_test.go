package config

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// FuzzConfigFile checks that a file is refused with an error that has the file's name, or that
// every setting has a value that its flag accepts.
func FuzzConfigFile(f *testing.F) {
	for _, text := range []string{
		"", "---\n", "# nothing\n", "node-id: lock-1\n", "join: [10.0.0.1:7400, dns:lockd]\nbootstrap-expect: 3\n",
		"request-timeout: 3s\nmax-conns: 100\nlog-level: DEBUG\n", "request-timeout: 3\n", "request-timeout: -1s\n",
		"max-conns: 1e400\n", "max-conns: .nan\n", "max-conns: 0x10\n", "max-conns: 99999999999999999999\n", "max-conns: \"5\"\n",
		"node-id: &a x\ndata-dir: *a\n", "<<: {node-id: a}\n", "? [a, b]\n: c\n", "node-id: a\nnode-id: b\n", "- a\n- b\n",
		"node-id: !!binary aGVsbG8=\n", "join: []\n", "join: [[a]]\n", "config: /etc/passwd\n", "nodeid: a\n", "a: b\n---\nc: d\n",
		"node-id: |\n  a\n  b\n", "\xff\xfe", "{node-id: a", "&a [*a]", "*a", "drain-timeout: 1.5\n", "join: &a [*a]\n", "~: ~\n",
	} {
		f.Add([]byte(text))
	}
	const path = "lockd.yaml"
	f.Fuzz(func(t *testing.T, text []byte) {
		s, flags := NewServer(), pflag.NewFlagSet("server", pflag.ContinueOnError)
		s.AddTo(flags)
		if err := loadText(path, text, flags); err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if !strings.HasPrefix(line, path+":") {
					t.Errorf("%q is refused by %q", text, err)
				}
			}
			return
		}
		for _, each := range s.Settings {
			holds(t, each.Value)
		}
	})
}

// FuzzSettingValue checks that a value of a setting is refused, or is formatted so that it can be
// set again.
func FuzzSettingValue(f *testing.F) {
	for i := range NewServer().Settings {
		for _, text := range []string{
			"", "0", "-1", "1", "1e400", "NaN", "Inf", "-0", "+5", "0x7f", "1_000", "9223372036854775807", "9223372036854775808",
			"5s", "-5s", "1ns", "2562047h47m16.854775807s", "2562047h47m16.854775808s", "1e3s", "1h1h", ".5s", "1µs", " 5s",
			"127.0.0.1:7400", "[::1]:7400", ":", "a:b:c", "dns:lockd:7410", "srv:_lockd._tcp.example.org", "http://[::1]:7400/",
			"a,b", ",", "info", "JSON", "lock-1", "\x00", strings.Repeat("9", 400),
		} {
			f.Add(uint8(i), text)
		}
	}
	f.Fuzz(func(t *testing.T, i uint8, text string) {
		settings := NewServer().Settings
		v := settings[int(i)%len(settings)].Value
		before := v.String()
		err := v.Set(text)
		switch {
		case err == nil:
			holds(t, v)
		case err.Error() == "" || v.String() != before:
			t.Errorf("%q is refused (%v), and %q became %q", text, err, before, v)
		}
	})
}

// holds checks that a value is within its bounds: the formatted value can be set, and is the same
// value.
func holds(t *testing.T, v SettingValue) {
	t.Helper()
	if _, err := json.Marshal(v.Plain()); err != nil {
		t.Error(err)
	}
	shown := v.String()
	if shown == "" {
		return // empty, or without a text
	}
	if l, ok := v.(*List); ok {
		l.given = false
	}
	if err := v.Set(shown); err != nil || v.String() != shown {
		t.Errorf("it is %q, which sets it to %q: %v", shown, v, err)
	}
	if d, ok := v.(*Value[time.Duration]); ok && *d.to < 0 {
		t.Errorf("it is %v", *d.to)
	}
}
