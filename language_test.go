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
)

// unusual are words that the field does not use for what lockd does, or that make a
// sentence hard to read. docs/glossary.md has the words to use instead.
var unusual = regexp.MustCompile(`(?i)\b(?:where|who(?:ever| waits| asks)|whom|somebody|anybody|nobody|told|tells?|telling|says?|said|sayings?|` +
	`stands?(?: by)?|stood|anew|till|surely|for ever|beside|but for|of weight|wish(?:es|ed)?|word|doing|mend(?:s|ed|ing)?|` +
	`borne|dear|house|walls|black holes?|falls? silent|reigns?|trails?|talks|turns?|heard|debts?|owe[ds]?|testees?|` +
	`asked|hardly|come forward|give way|promised itself|utterances?|lives? on|of its own accord|be it|shall)\b`)

// budget is how many of them 1,000 words may have.
const budget = 3.0

// allowed are packages and documents above the budget, with what they have. They only shrink.
var allowed = map[string]float64{}

var wordForm = regexp.MustCompile(`[A-Za-z][A-Za-z'-]*`)

// TestCommentsArePlain holds the comments of each package to the budget.
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

// TestDocumentsArePlain holds each document to the same budget.
func TestDocumentsArePlain(t *testing.T) {
	var paths []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/adr/*.md", "clients/*.md", "clients/*/*.md", "deploy/*.md", "openapi.yaml"} {
		more, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, more...)
	}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		checkWords(t, path, code.ReplaceAllString(string(raw), ""))
	}
}

func checkWords(t *testing.T, where, text string) {
	t.Helper()
	words, found := len(wordForm.FindAllString(text, -1)), unusual.FindAllString(text, -1)
	rate := float64(len(found)) / float64(max(words, 1)) * 1000
	t.Logf("%s\t%d words\t%.1f in 1,000", where, words, rate)
	if len(found) > 2 && rate > max(budget, allowed[where]) {
		t.Errorf("%s has %.1f unusual words in 1,000: %v", where, rate, most(found))
	}
}

// most returns the words that occur most, with their numbers.
func most(found []string) map[string]int {
	n := make(map[string]int)
	for _, w := range found {
		n[strings.ToLower(w)]++
	}
	return n
}
