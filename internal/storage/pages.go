package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
)

// checkPages reads every page of the log's file that is in use. It does so here,
// where a panic over a damaged page can be caught: when bbolt opens the file for
// writing it reads them in a goroutine of its own.
func checkPages(dir, path string) error {
	if info, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil
	} else if err != nil {
		return unusable(path, err)
	} else if info.IsDir() {
		return unusable(path, &fs.PathError{Op: "open", Path: path, Err: syscall.EISDIR})
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		return unopened(dir, path, err)
	}
	defer db.Close()
	file, err := os.Open(path)
	if err != nil {
		return unusable(path, err)
	}
	defer file.Close()
	err = db.View(func(tx *bbolt.Tx) error {
		w := walk{file: file, size: uint64(db.Info().PageSize), seen: make(map[uint64]bool)}
		w.end = uint64(tx.Size()) / w.size
		if err := w.page(uint64(tx.Cursor().Bucket().Root()), nil, nil); err != nil {
			return err
		}
		return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error {
			return b.ForEach(func(k, v []byte) error {
				crc32.Update(crc32.Checksum(k, castagnoli), castagnoli, v)
				return nil
			})
		})
	})
	if err != nil {
		return unusable(path, err)
	}
	return nil
}

// A walk follows the pages of a tree by what they say of themselves, which bbolt
// trusts: it would note each page that a damaged head claims, billions of them, run
// in circles, or overwrite pages that are another's. The format is that of bbolt's
// internal/common: page.go and bucket.go.
type walk struct {
	file *os.File
	size uint64          // of a page, in bytes
	end  uint64          // the number of the first page past the file's end
	seen map[uint64]bool // the pages that something refers to
}

const (
	pageHead   = 16 // number uint64, kind uint16, count uint16, further pages uint32
	pageItem   = 16 // branch: pos, key size uint32, number uint64; leaf: flags, pos, key size, value size uint32
	bucketHead = 16 // number of the root page uint64, sequence uint64
	branchPage = 1
	leafPage   = 2
	bucketItem = 1 // a leaf's item whose value is a bucket
)

func (w *walk) page(id uint64, low, high []byte) error {
	if id < 2 || id >= w.end {
		return fmt.Errorf("page %d is referred to, of %d", id, w.end)
	}
	head := make([]byte, pageHead)
	if _, err := w.file.ReadAt(head, int64(id*w.size)); err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	more := uint64(binary.LittleEndian.Uint32(head[12:]))
	if binary.LittleEndian.Uint64(head) != id || id+more >= w.end {
		return fmt.Errorf("page %d has another's number, or claims more pages than there are", id)
	}
	for i := id; i <= id+more; i++ {
		if w.seen[i] {
			return fmt.Errorf("page %d is referred to twice", i)
		}
		w.seen[i] = true
	}
	page := make([]byte, (more+1)*w.size)
	if _, err := w.file.ReadAt(page, int64(id*w.size)); err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	if err := w.items(page, low, high); err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return nil
}

// items follows what a page refers to. Its keys ascend, from low on and below high,
// where those are not nil: bbolt stops at one that does not in a panic.
func (w *walk) items(page, low, high []byte) error {
	kind, count := binary.LittleEndian.Uint16(page[8:]), int(binary.LittleEndian.Uint16(page[10:]))
	if kind != leafPage && (kind != branchPage || count == 0) || pageHead+count*pageItem > len(page) {
		return errors.New("it is of no known kind, or claims more than it holds")
	}
	items, err := readItems(page, kind, count)
	if err != nil {
		return err
	}
	if !ordered(items, low, high) {
		return errors.New("its keys are out of order")
	}
	for i, it := range items {
		below := high
		if i < count-1 {
			below = items[i+1].key
		}
		switch {
		case kind == branchPage:
			err = w.page(it.child, it.key, below)
		case it.flags == bucketItem:
			err = w.bucket(it.value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func readItems(page []byte, kind uint16, count int) ([]item, error) {
	items := make([]item, count)
	for i := range items {
		if err := items[i].read(page, kind, pageHead+i*pageItem); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// ordered reports whether keys ascend, from low on and below high, if those are not nil.
func ordered(items []item, low, high []byte) bool {
	for i, it := range items {
		if i == 0 && low != nil && bytes.Compare(it.key, low) < 0 ||
			i > 0 && bytes.Compare(it.key, items[i-1].key) <= 0 ||
			high != nil && bytes.Compare(it.key, high) >= 0 {
			return false
		}
	}
	return true
}

// An item is one of a page: of a branch it has a child, of a leaf flags and a value.
type item struct {
	key, value []byte
	child      uint64
	flags      uint64
}

func (it *item) read(page []byte, kind uint16, at int) error {
	field := func(n int) uint64 { return uint64(binary.LittleEndian.Uint32(page[at+4*n:])) }
	pos, size, value := field(0), field(1), uint64(0)
	if kind == leafPage {
		it.flags, pos, size, value = field(0), field(1), field(2), field(3)
	} else {
		it.child = binary.LittleEndian.Uint64(page[at+8:])
	}
	from := uint64(at) + pos
	if from+size+value > uint64(len(page)) || it.flags > bucketItem {
		return errors.New("an item reaches past its end, or is of no known kind")
	}
	it.key, it.value = page[from:from+size], page[from+size:from+size+value]
	return nil
}

// bucket follows a bucket to its root page; a small one has it within itself.
func (w *walk) bucket(value []byte) error {
	if len(value) < bucketHead {
		return errors.New("a bucket is too short")
	}
	if root := binary.LittleEndian.Uint64(value); root != 0 {
		return w.page(root, nil, nil)
	}
	if inline := value[bucketHead:]; len(inline) >= pageHead && binary.LittleEndian.Uint16(inline[8:]) == leafPage {
		return w.items(inline, nil, nil)
	}
	return errors.New("a bucket has no pages")
}

// recoverDamage turns a panic or a fault over damaged pages into an error.
func recoverDamage(path string, err *error) func() {
	old := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(old)
		if p := recover(); p != nil {
			*err = damaged(path, fmt.Errorf("%v", p))
		}
	}
}

// undamaged calls the store of a log whose pages may have been damaged since it was
// opened, and may make it panic.
func undamaged(path string, call func() error) (err error) {
	defer recoverDamage(path, &err)()
	return call()
}
