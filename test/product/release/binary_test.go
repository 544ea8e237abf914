package release

import (
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"testing"
)

var (
	binary = flag.String("binary", "", "check this binary of lockd for Linux")
	sbom   = flag.String("sbom", "", "check this SBOM of -binary, in CycloneDX's JSON")
)

// TestBinaryNeedsNoLibrary checks that the binary runs in an image that has no other file.
func TestBinaryNeedsNoLibrary(t *testing.T) {
	if *binary == "" {
		t.Skip("make sbom runs this test on bin/lockd")
	}
	if err := standalone(*binary); err != nil {
		t.Errorf("%s: %v", *binary, err)
	}
}

// TestInterpreterIsDetected shows that the check of a binary can fail.
func TestInterpreterIsDetected(t *testing.T) {
	const shell = "/bin/sh"
	if _, err := elf.Open(shell); err != nil {
		t.Skip(err)
	}
	if err := standalone(shell); err == nil {
		t.Errorf("%s needs no interpreter and no library", shell)
	}
}

// standalone returns an error if an ELF file needs an interpreter or a shared library.
func standalone(path string) error {
	f, err := elf.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return errors.New("it needs an interpreter, such as ld-linux")
		}
	}
	libraries, err := f.ImportedLibraries()
	if err == nil && len(libraries) > 0 {
		err = fmt.Errorf("it needs the libraries %v", libraries)
	}
	return err
}

// TestSBOMListsEachModule compares the SBOM with the binary that it describes.
func TestSBOMListsEachModule(t *testing.T) {
	if *binary == "" || *sbom == "" {
		t.Skip("make sbom runs this test on bin/lockd and its SBOM")
	}
	var bom struct {
		Metadata struct {
			Properties []struct{ Name, Value string }
		}
		Components []struct{ Name, Version string }
	}
	if err := json.Unmarshal([]byte(read(t, *sbom)), &bom); err != nil {
		t.Fatal(err)
	}
	listed := make(map[string]bool)
	for _, c := range bom.Components {
		listed[c.Name+" "+c.Version] = true
	}
	info, err := buildinfo.ReadFile(*binary)
	if err != nil {
		t.Fatal(err)
	}
	if len(info.Deps) < 20 {
		t.Errorf("the binary has only %d modules", len(info.Deps))
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		if !listed[m.Path+" "+m.Version] {
			t.Errorf("the SBOM does not list %s %s", m.Path, m.Version)
		}
	}
	if !listed["std "+info.GoVersion] {
		t.Errorf("the SBOM does not list the standard library of %s", info.GoVersion)
	}
	sum, described := fmt.Sprintf("%x", sha256.Sum256([]byte(read(t, *binary)))), ""
	for _, p := range bom.Metadata.Properties {
		if p.Name == "cdx:gomod:binary:hash:SHA-256" {
			described = p.Value
		}
	}
	if described != sum {
		t.Errorf("the SBOM describes a binary with SHA-256 %q, want %s", described, sum)
	}
}
