package storage

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"reflect"
	"strings"
	"testing"
)

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
			if !strings.HasPrefix(err.Error(), identityFile) || !reflect.DeepEqual(id, Identity{}) {
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
