package upgrade

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

// pack stores directories in one archive, named 0, 1 and so on. It is compressed, because the file of a log is mostly
// empty.
func pack(path string, dirs []string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	zipped, _ := gzip.NewWriterLevel(f, gzip.BestCompression)
	w := tar.NewWriter(zipped)
	for i, dir := range dirs {
		err = errors.Join(err, filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
			if err != nil {
				return err
			}
			within, err := filepath.Rel(dir, path)
			if err != nil {
				return err
			}
			head := &tar.Header{Name: filepath.Join(strconv.Itoa(i), within), Mode: 0o600, Size: info.Size(), Typeflag: tar.TypeReg}
			if info.IsDir() {
				head.Mode, head.Size, head.Typeflag = 0o700, 0, tar.TypeDir
			}
			if err := w.WriteHeader(head); err != nil || info.IsDir() {
				return err
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			_, err = w.Write(raw)
			return err
		}))
	}
	return errors.Join(err, w.Close(), zipped.Close(), f.Close())
}

func unpack(path, to string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	zipped, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	for r := tar.NewReader(zipped); ; {
		head, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		at := filepath.Join(to, filepath.Clean("/"+head.Name))
		if head.Typeflag == tar.TypeDir {
			if err := os.MkdirAll(at, 0o700); err != nil {
				return err
			}
			continue
		}
		raw, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if err := os.WriteFile(at, raw, 0o600); err != nil {
			return err
		}
	}
}
