package release

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/licensecheck"
)

var update = flag.Bool("update", false, "write THIRD_PARTY_LICENSES")

const (
	module       = "github.com/lockd/lockd"
	root         = "../../.."
	thirdParty   = root + "/THIRD_PARTY_LICENSES"
	preactScript = root + "/internal/api/ui/fetch.sh"
	preactText   = root + "/internal/api/ui/preact.LICENSE.txt"
)

// allowedLicenses are compatible with lockd's own license, Apache-2.0, in a binary.
var allowedLicenses = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0"}

// systems are the operating systems whose binaries THIRD_PARTY_LICENSES describes.
var systems = []string{"linux", "darwin", "windows"}

const introduction = `Third-party software in lockd

The binaries of lockd for Linux, macOS and Windows contain the software below, under its own licenses.
To obtain the source of a Go module, run: go mod download MODULE@VERSION

`

// component is a piece of third-party software in the binary.
type component struct {
	name, version string
	licenses      []string // SPDX identifiers
	files         []string // the paths of its licenses and notices, sorted
}

// TestThirdPartyLicensesAreCurrent compares THIRD_PARTY_LICENSES with the modules that are linked into lockd.
func TestThirdPartyLicensesAreCurrent(t *testing.T) {
	components := linked(t)
	for i := range components {
		c := &components[i]
		if c.licenses != nil {
			continue
		}
		var err error
		if c.licenses, err = identify(c.files); err != nil {
			t.Errorf("%s %s: %v", c.name, c.version, err)
		}
	}
	want := introduction
	for _, c := range components {
		want += fmt.Sprintln(title(c))
	}
	for _, c := range components {
		want += fmt.Sprintf("\n%s\n%s\n", strings.Repeat("=", 80), title(c))
		for _, path := range c.files {
			want += fmt.Sprintf("%s\n\n%s\n", strings.Repeat("-", 80), strings.TrimSpace(read(t, path)))
		}
	}
	if *update && !t.Failed() {
		if err := os.WriteFile(thirdParty, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(t, thirdParty); got != want {
		t.Errorf("%s is not current: run go test ./test/product/release -update", filepath.Base(thirdParty))
	}
}

const beerware = `"THE BEER-WARE LICENSE" (Revision 42):
<a@example.com> wrote this file. As long as you retain this notice you can do whatever you want with this stuff. If we
meet some day, and you think this stuff is worth it, you can buy me a beer in return. A. Author
`

// TestModuleWithoutAllowedLicenseIsDetected shows that the check of a module's license can fail.
func TestModuleWithoutAllowedLicenseIsDetected(t *testing.T) {
	for name, test := range map[string]struct{ file, text, want string }{
		"notice only": {"NOTICE", "Copyright 2020 Someone", "no license found"},
		"unknown":     {"LICENSE", "Use this on Tuesdays only.", "text of no known license"},
		"not allowed": {"LICENSE", beerware, "license Beerware is not allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), test.file)
			if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if ids, err := identify([]string{path}); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("licenses %v, error %v, want the error %q", ids, err, test.want)
			}
		})
	}
}

func title(c component) string {
	return fmt.Sprintf("%s %s: %s", c.name, c.version, strings.Join(c.licenses, ", "))
}

// linked returns the software that is linked into lockd on any of the systems, sorted by name: Go modules, the standard
// library, and the library of the console.
func linked(t *testing.T) []component {
	t.Helper()
	goRoot := strings.TrimSpace(goCommand(t, "", "env", "GOROOT"))
	found := map[string]*component{
		"Go":             {name: "Go standard library", version: "of the toolchain", files: licenseFiles(t, goRoot)},
		"htm and Preact": {name: "htm and Preact", version: preactVersion(t), licenses: []string{"Apache-2.0", "MIT"}, files: []string{preactText}},
	}
	for _, system := range systems {
		packages := json.NewDecoder(strings.NewReader(goCommand(t, system, "list", "-deps", "-json=Dir,Module", module+"/cmd/lockd")))
		for {
			var p struct {
				Dir    string
				Module *struct{ Path, Version, Dir string }
			}
			if err := packages.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if p.Module == nil || p.Module.Path == module || strings.HasPrefix(p.Module.Path, module+"/") {
				continue
			}
			c := found[p.Module.Path]
			if c == nil {
				c = &component{name: p.Module.Path, version: p.Module.Version}
				found[c.name] = c
			}
			// A package may have a license of its own.
			for dir := p.Dir; ; dir = filepath.Dir(dir) {
				c.files = append(c.files, licenseFiles(t, dir)...)
				if dir == p.Module.Dir {
					break
				}
			}
		}
	}
	var all []component
	for _, c := range found {
		slices.Sort(c.files)
		c.files = slices.Compact(c.files)
		all = append(all, *c)
	}
	slices.SortFunc(all, func(a, b component) int { return strings.Compare(a.name, b.name) })
	return all
}

// goCommand returns the output of the go command for a system, or for this one if it is empty.
func goCommand(t *testing.T, system string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH=amd64")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return string(out)
}

var licenseName = regexp.MustCompile(`^(?:LICEN[CS]E|COPYING|NOTICE|PATENTS)(?:\.(?:md|txt))?$`)

// licenseFiles returns the licenses and notices in a directory.
func licenseFiles(t *testing.T, dir string) (paths []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if licenseName.MatchString(e.Name()) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths
}

// identify returns the SPDX identifiers of licenses. It fails if there is no license, if a file is not the text of known
// licenses, or if a license is not allowed.
func identify(files []string) (ids []string, err error) {
	for _, path := range files {
		if !strings.HasPrefix(filepath.Base(path), "LICEN") && !strings.HasPrefix(filepath.Base(path), "COPYING") {
			continue // a notice or a grant of patents, which is reproduced and has no identifier
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		scan := licensecheck.Scan(raw)
		for _, match := range scan.Match {
			if !slices.Contains(allowedLicenses, match.ID) {
				return nil, fmt.Errorf("%s: license %s is not allowed", path, match.ID)
			}
			ids = append(ids, match.ID)
		}
		if scan.Percent < 80 {
			return nil, fmt.Errorf("%s: %.0f %% of it is text of no known license", path, 100-scan.Percent)
		}
	}
	if len(ids) == 0 {
		return nil, errors.New("no license found")
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// preactVersion returns the version of htm, with Preact in it, that lockd contains.
func preactVersion(t *testing.T) string {
	t.Helper()
	version := regexp.MustCompile(`(?m)^version=(\S+)$`).FindStringSubmatch(read(t, preactScript))
	if version == nil {
		t.Fatal("the version of htm was not found")
	}
	return version[1]
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
