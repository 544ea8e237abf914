package fsm

import (
	"bytes"
	"fmt"
	"testing"
)

// BenchmarkVerify compares Verify with Restore for a snapshot of 100,000 leases.
func BenchmarkVerify(b *testing.B) {
	m := New()
	for i := range 100_000 {
		m.Apply(1, &Entry{Term: 1, Commands: []Command{&Acquire{
			Name: fmt.Sprintf("lease-%06d", i), Holder: "holder", Session: fmt.Sprintf("session-%016d", i), TTL: 15_000, Limit: 1,
		}}})
	}
	var snapshot bytes.Buffer
	if err := m.Snapshot().Write(&snapshot); err != nil {
		b.Fatal(err)
	}
	for name, read := range map[string]func() error{
		"verify":  func() error { return Verify(bytes.NewReader(snapshot.Bytes())) },
		"restore": func() error { _, err := Restore(bytes.NewReader(snapshot.Bytes())); return err },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(snapshot.Len()))
			for b.Loop() {
				if err := read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
