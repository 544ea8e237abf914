package linear

import (
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/anishathalye/porcupine"
)

// Save writes the history, the result, and a picture of each name that the model rejected, into a directory.
func (r *Report) Save(dir string, o Options) error {
	err := os.MkdirAll(dir, 0o755)
	if err != nil {
		return err
	}
	verdict := "nothing is wrong\n" + r.String()
	if found := r.Err(); found != nil {
		verdict = found.Error()
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(dir, "verdict.txt"), []byte(verdict+"\n"), 0o644),
		r.saveHistory(filepath.Join(dir, "history.jsonl.gz")))
	for _, n := range r.facts.inOrder() {
		if r.found(ByModel, n.name) {
			model := lockModel(n.limit)
			_, info := porcupine.CheckOperationsVerbose(model, r.operations(n, o), DefaultTimeout)
			err = errors.Join(err, porcupine.VisualizePath(model, info, filepath.Join(dir, "model-"+n.name+".html")))
		}
	}
	return err
}

func (r *Report) saveHistory(path string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("save the history: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z := gzip.NewWriter(f)
	return errors.Join(r.history.Write(z), z.Close())
}
