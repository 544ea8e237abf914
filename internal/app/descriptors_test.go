package app

import "testing"

func TestConnectionsFitTheLimitOfOpenFiles(t *testing.T) {
	for _, c := range []struct {
		conns, perIP int
		files        uint64
		want, wantIP int
	}{
		{16_384, 8_192, 1 << 20, 16_384, 8_192},
		{16_384, 8_192, ^uint64(0), 16_384, 8_192}, // no limit
		{16_384, 8_192, 65_536, 16_384, 8_192},
		{16_384, 8_192, 1_024, 768, 384},
		{16_384, 8_192, 64, 16, 8},
		{16_384, 8_192, 10, 8, 4},
		{16_384, 8_192, 0, 8, 4},
		{16_384, 16_384, 1_024, 768, 768},
		{100, 1_000, 64, 16, 16},
		{16_384, 1, 64, 16, 1},
		{4, 4, 64, 4, 4},
	} {
		conns, perIP := connLimits(c.conns, c.perIP, c.files)
		if conns != c.want || perIP != c.wantIP {
			t.Errorf("%d and %d with %d open files: %d and %d, want %d and %d", c.conns, c.perIP, c.files, conns, perIP, c.want, c.wantIP)
		}
	}
}
