package lockd_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// unusual matches metaphors and words that make a sentence hard to read. docs/glossary.md has the terms to use instead.
var unusual = regexp.MustCompile(`(?i)\b(?:where|who(?:ever| waits| asks)|whom|somebody|anybody|nobody|told|tells?|telling|says?|said|sayings?|` +
	`stands?(?: by)?|stood|anew|till|surely|for ever|beside|but for|of weight|wish(?:es|ed)?|word|doing|mend(?:s|ed|ing)?|` +
	`borne|dear|house|walls|black holes?|falls? silent|reigns?|trails?|talks|turns?|heard|debts?|owe[ds]?|testees?|` +
	`asked|hardly|come forward|give way|promised itself|utterances?|lives? on|of its own accord|be it|shall)\b`)

// budget is the maximum number of unusual words in 1,000 words.
const budget = 3.0

// allowed has the packages and documents that may exceed the budget, with their own limits. Only lower these limits.
var allowed = map[string]float64{}

var wordForm = regexp.MustCompile(`[A-Za-z][A-Za-z'-]*`)

// TestCommentsArePlain checks that the comments of each package are within the budget.
func TestCommentsArePlain(t *testing.T) {
	comments := make(map[string]*strings.Builder)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.Contains(path, "node_modules") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		dir := filepath.Dir(path)
		if comments[dir] == nil {
			comments[dir] = new(strings.Builder)
		}
		for _, c := range f.Comments {
			comments[dir].WriteString(c.Text())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range slices.Sorted(maps.Keys(comments)) {
		checkWords(t, dir, comments[dir].String())
	}
}

var code = regexp.MustCompile("(?s)```.*?```|`[^`\n]*`|<!--.*?-->")

// TestDocumentsArePlain checks that each document is within the budget.
func TestDocumentsArePlain(t *testing.T) {
	texts := documents(t, "*.md", "docs/*.md", "docs/adr/*.md", "clients/*.md", "clients/*/*.md", "deploy/*.md", "openapi.yaml")
	for _, path := range slices.Sorted(maps.Keys(texts)) {
		checkWords(t, path, code.ReplaceAllString(texts[path], ""))
	}
}

// columns is the maximum length of a line of prose, in characters.
const columns = 120

var (
	fence     = regexp.MustCompile("^ *```")
	unwrapped = regexp.MustCompile(`^(\||!\[)`) // a table row or an image, which cannot be wrapped
	generated = regexp.MustCompile(`(?m)^<!-- Generated from .* -->$`)
)

// TestDocumentsAreWrapped checks the length of each line of prose. Table rows, images, code blocks and generated
// documents are exempt.
func TestDocumentsAreWrapped(t *testing.T) {
	texts := documents(t, "*.md", "docs/*.md", "docs/adr/*.md", "clients/*.md", "clients/*/*.md", "clients/*/*/*.md", "deploy/*.md")
	for _, path := range slices.Sorted(maps.Keys(texts)) {
		if generated.MatchString(texts[path]) {
			continue
		}
		for _, n := range longLines(texts[path]) {
			t.Errorf("%s:%d: more than %d characters", path, n, columns)
		}
	}
}

// longLines returns the numbers of the lines of prose that are too long. A code block is fenced, or indented by four
// spaces after an empty line.
func longLines(text string) (numbers []int) {
	fenced, indented, empty := false, false, true
	for i, line := range strings.Split(text, "\n") {
		if fence.MatchString(line) {
			fenced = !fenced
		}
		indented = strings.HasPrefix(line, "    ") && (indented || empty)
		empty = line == ""
		if !fenced && !indented && !unwrapped.MatchString(line) && utf8.RuneCountInString(line) > columns {
			numbers = append(numbers, i+1)
		}
	}
	return numbers
}

func TestLongLinesAreFoundOutsideOfTablesAndCode(t *testing.T) {
	long := strings.Repeat("ä", columns+1)
	text := strings.Join([]string{long, "| " + long, "![" + long, "", "    " + long, "    " + long, "", "```", long, "```", "1. a", "    " + long, long[:2*columns]}, "\n")
	if got := longLines(text); !slices.Equal(got, []int{1, 12}) {
		t.Errorf("lines %v, want 1 and 12", got)
	}
}

// documents returns the text of each file that matches a pattern, by its path.
func documents(t *testing.T, patterns ...string) map[string]string {
	t.Helper()
	texts := make(map[string]string)
	for _, pattern := range patterns {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			texts[path] = string(raw)
		}
	}
	return texts
}

// checkWords checks the text of a package or document, which name names.
func checkWords(t *testing.T, name, text string) {
	t.Helper()
	words, found := len(wordForm.FindAllString(text, -1)), unusual.FindAllString(text, -1)
	rate := float64(len(found)) / float64(max(words, 1)) * 1000
	t.Logf("%s\t%d words\t%.1f in 1,000", name, words, rate)
	if len(found) > 2 && rate > max(budget, allowed[name]) {
		t.Errorf("%s has %.1f unusual words in 1,000: %v", name, rate, counts(found))
	}
}

// counts returns the number of occurrences of each word.
func counts(found []string) map[string]int {
	n := make(map[string]int)
	for _, w := range found {
		n[strings.ToLower(w)]++
	}
	return n
}
