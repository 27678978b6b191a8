package study

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
)

func TestTasksOfFilesAreNamedAfterThem(t *testing.T) {
	t.Chdir(t.TempDir())
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"x.csv": "x", "a/X.csv.gz": "x", "pets": "pets", "pets/": "pets", ".": filepath.Base(here), "a/..": filepath.Base(here), ".hidden": ".hidden",
		"caf\xe9.csv":                     "caf_",
		strings.Repeat("é", 100) + ".csv": strings.Repeat("é", 64), "a" + strings.Repeat("é", 100): "a" + strings.Repeat("é", 63),
	} {
		got, err := taskName(path)
		if err != nil || got != want || len(got) > data.MaxNameLen {
			t.Errorf("%q: %q, %v, want %q", path, got, err, want)
		}
	}
}
