package segments

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/hashicorp/raft"
)

// written returns a log of one segment, its end, and its entries. Each append was synced.
func written(t testing.TB) (raw []byte, end int64, entries map[uint64]raft.Log) {
	t.Helper()
	dir := t.TempDir()
	l := openLog(t, dir, &begun{})
	for i, size := range []int{40, 700, 100, 90, 300, 1500, 60} {
		if err := l.StoreLog(entryOf(uint64(i+1), 1, size)); err != nil {
			t.Fatal(err)
		}
		if i == 3 {
			if err := errors.Join(l.DeleteRange(1, 1), l.DeleteRange(4, 4), l.StoreLog(entryOf(4, 2, 90))); err != nil {
				t.Fatal(err)
			}
		}
	}
	end, entries = l.newest().end, contents(t, l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, segmentName(1)))
	if err != nil {
		t.Fatal(err)
	}
	return raw, end, entries
}

// reopen opens a log whose only segment has some bytes.
func reopen(t testing.TB, dir string, raw []byte) (map[uint64]raft.Log, error) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, segmentName(1)), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := Open(Config{Dir: dir, Least: 1, Begin: new(begun).begin})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	return contents(t, l), nil
}

// TestADamagedByteIsAnErrorOrHasNoEffect changes each byte of a log, the last entry included.
func TestADamagedByteIsAnErrorOrHasNoEffect(t *testing.T) {
	raw, end, entries := written(t)
	dir := t.TempDir()
	short := raw[:align(end+4*sectorBytes)] // the rest is as zero as the end of this
	binary.LittleEndian.PutUint64(short[24:], uint64(len(short)))
	binary.LittleEndian.PutUint32(short, crc32.Checksum(short[4:headerBytes], castagnoli))
	refused := 0
	for at := range short {
		short[at] ^= 1 << (at % 8)
		got, err := reopen(t, dir, short)
		short[at] ^= 1 << (at % 8)
		var damage *DamageError
		switch {
		case errors.As(err, &damage):
			refused++
		case err != nil:
			t.Fatalf("byte %d: %v", at, err)
		case !reflect.DeepEqual(got, entries):
			t.Fatalf("the change of byte %d is neither an error nor without effect", at)
		}
	}
	if refused < int(end) {
		t.Errorf("only %d damages of %d bytes were refused", refused, end)
	}
}

// TestALostSectorIsDamage removes each sector that was synced before the newest write, and cuts the file.
func TestALostSectorIsDamage(t *testing.T) {
	raw, end, _ := written(t)
	dir := t.TempDir()
	last := end - recordSize(entryOf(7, 1, 60))
	var damage *DamageError
	for at := int64(0); at+sectorBytes <= last; at += sectorBytes {
		lost := bytes.Clone(raw)
		clear(lost[at : at+sectorBytes])
		if _, err := reopen(t, dir, lost); !errors.As(err, &damage) {
			t.Errorf("the sector at %d is lost: %v", at, err)
		}
	}
	for _, size := range []int64{0, 1, headerBytes, end, int64(len(raw)) - 1, int64(len(raw)) + 1} {
		cut := append(bytes.Clone(raw), 0)[:size]
		if _, err := reopen(t, dir, cut); !errors.As(err, &damage) {
			t.Errorf("a file of %d bytes: %v", size, err)
		}
	}
}

// TestAMissingSegmentIsDamage removes each file of a log.
func TestAMissingSegmentIsDamage(t *testing.T) {
	dir, b := t.TempDir(), &begun{}
	l := openLog(t, dir, b)
	for i := uint64(1); i <= 200; i++ {
		if err := l.StoreLog(entryOf(i, 1, 8000)); err != nil {
			t.Fatal(err)
		}
	}
	l.Close()
	for n := uint64(2); n <= b.newest; n++ { // without the first one the entries after it are a log, which the snapshot must reach
		path := filepath.Join(dir, segmentName(n))
		if err := os.Rename(path, path+".away"); err != nil {
			t.Fatal(err)
		}
		var damage *DamageError
		if _, err := Open(Config{Dir: dir, Least: b.newest, Begin: b.begin}); !errors.As(err, &damage) {
			t.Errorf("segment %d of %d is missing: %v", n, b.newest, err)
		}
		if err := os.Rename(path+".away", path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAPowerCutLosesNothingThatWasSynced has a disk keep any of the sectors that were not
// synced, of several appends at once.
func TestAPowerCutLosesNothingThatWasSynced(t *testing.T) {
	lost, kept := 0, 0
	for seed := range uint64(150) {
		random := rand.New(rand.NewPCG(seed, 2))
		dir := filepath.Join(t.TempDir(), "log")
		l := openLog(t, dir, &begun{})
		next := uint64(1)
		add := func(store func([]*raft.Log) error) {
			entries := entriesFrom(next, 1+seed, random.IntN(40), random.IntN(200), random.IntN(2500))[:1+random.IntN(3)]
			if err := store(entries); err != nil {
				t.Fatal(err)
			}
			next += uint64(len(entries))
		}
		for range 1 + random.IntN(5) {
			add(l.StoreLogs)
		}
		synced := next - 1
		before, err := l.newest().readAll(0)
		if err != nil {
			t.Fatal(err)
		}
		for range 1 + random.IntN(4) {
			add(l.Append)
		}
		after, err := l.newest().readAll(0)
		if err != nil {
			t.Fatal(err)
		}
		all := contents(t, l)
		l.Close()
		for at := 0; at < len(after); at += sectorBytes {
			if random.IntN(2) == 0 {
				copy(after[at:at+sectorBytes], before[at:])
			}
		}
		got, err := reopen(t, dir, after)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if n := uint64(len(got)); n < synced || n > next-1 {
			t.Fatalf("seed %d: %d entries, of which %d were synced, are %d after the power cut", seed, next-1, synced, n)
		}
		for i, entry := range got {
			if !reflect.DeepEqual(entry, all[i]) {
				t.Fatalf("seed %d: entry %d is another one", seed, i)
			}
		}
		if len(got) == len(all) {
			kept++
		} else {
			lost++
		}
	}
	if lost == 0 || kept == 0 {
		t.Errorf("%d power cuts lost entries, and %d did not", lost, kept)
	}
}

// FuzzRecovery opens a segment of any bytes: it is a log that can be read and appended to, or
// a damaged file, and takes no more memory than the file.
func FuzzRecovery(f *testing.F) {
	raw, end, _ := written(f)
	f.Add(raw[headerBytes:end], false)
	f.Add(raw[headerBytes:end], true)
	f.Add(raw[headerBytes:end-headerBytes], true)
	f.Add([]byte{}, true)
	f.Fuzz(func(t *testing.T, records []byte, fixed bool) {
		if len(records) > 16<<10 {
			return
		}
		file := make([]byte, 32<<10)
		s := &segment{number: 1, size: int64(len(file)), salt: 7}
		s.describe(file)
		copy(file[headerBytes:], records)
		for at := headerBytes; fixed && at < len(file); at += headerBytes {
			if head := file[at : at+headerBytes]; !zero(head) {
				binary.LittleEndian.PutUint32(head, crc32.Update(s.salt, castagnoli, head[4:]))
			}
		}
		dir := t.TempDir()
		_, err := reopen(t, dir, file)
		var damage *DamageError
		if err != nil {
			if !errors.As(err, &damage) {
				t.Fatal(err)
			}
			return
		}
		b := &begun{newest: 1}
		l := openLog(t, dir, b)
		last, _ := l.LastIndex()
		if last+1 == 0 {
			return
		}
		if err := l.StoreLogs(entriesFrom(last+1, 9, 100, 20_000)); err != nil {
			t.Fatal(err)
		}
		l.Close()
		l = openLog(t, dir, b)
		defer l.Close()
		if got := contents(t, l); got[last+2].Term != 9 {
			t.Errorf("what was appended is %v", got[last+2])
		}
	})
}
