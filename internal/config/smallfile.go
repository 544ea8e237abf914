package config

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ReadSmallFile reads a regular file or a pipe, such as /dev/stdin or <(command) of a shell. A
// content longer than limit is an error.
func ReadSmallFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() && info.Mode()&fs.ModeNamedPipe == 0 {
		return nil, fmt.Errorf("read %q: it is not a regular file or a pipe; pass another path", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("read %q: it is longer than %d bytes; make it shorter or pass another path", path, limit)
	}
	return text, nil
}
