package trial

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Folders of earlier builds are continued: their names must not change.
func TestNamesOfResultsStayWhatTheyWere(t *testing.T) {
	for _, c := range []struct {
		key  Key
		want string
	}{
		{Key{Parts: []any{[]any{"t", 2}, "gmm", 0.5}, Words: []any{"gmm:x=1", "ntk:1", "s0"}},
			"gmm-x=1.ntk-1.s0.91b477854148"},
		{Key{Parts: []any{[]any{"t", 2}, "gmm", 0.5}}, "91b477854148"},
		{Key{Parts: []any{[]any{"t", 2}, "gmm", 0.5}, Words: []any{"../a b/π"}}, "..-a-b-.91b477854148"},
		{Key{Parts: []any{[]any{"t", 2}, "gmm", 0.5}, Words: []any{strings.Repeat("a", 300)}},
			strings.Repeat("a", 160) + ".91b477854148"},
	} {
		got, err := c.key.Name()
		if err != nil || got != c.want {
			t.Errorf("%v: %s, %v, want %s", c.key.Words, got, err, c.want)
		}
	}
	if name, err := (Key{Parts: []any{func() {}}}).Name(); err == nil {
		t.Errorf("what is no JSON has the name %s", name)
	}
}

func TestFingerprintsAreThoseOfTheSamples(t *testing.T) {
	a, b := samples(5), samples(5)
	if Fingerprint(a) != Fingerprint(b) {
		t.Error("equal samples differ")
	}
	b.X[0]++
	if Fingerprint(a) == Fingerprint(b) {
		t.Error("another pixel is not noticed")
	}
}

func TestOneProcessAtATimeWorksInAFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); !errors.Is(err, ErrInUse) {
		t.Errorf("a second one: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err = Open(dir)
	if err != nil {
		t.Fatalf("after the first: %v", err)
	}
	s.Close()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(file, "below")); err == nil {
		t.Error("a folder below a file")
	}
}

func TestHalfWrittenFilesGoAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	gone := []string{"runs/.x.json.1", "sets/deep/.0001.state.9"}
	stay := []string{"runs/x.json", "sets/deep/0001.state", ".profile", "others/.hidden"}
	for _, path := range append(gone, stay...) {
		if err := WriteFile(filepath.Join(dir, path), []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(dir, "sets", "missing")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, path := range gone {
		if _, err := os.Stat(s.Path(path)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s stays: %v", path, err)
		}
	}
	for _, path := range stay {
		if _, err := os.Stat(s.Path(path)); err != nil {
			t.Errorf("%s is gone: %v", path, err)
		}
	}
}

func TestARecordIsReadBackUnlessItIsDamaged(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	path := s.Run("name")
	if r, ok := ReadRecord[Result](path); ok {
		t.Errorf("before it was written: %+v", r)
	}
	if err := WriteRecord(path, Result{Accuracy: 0.5}); err != nil {
		t.Fatal(err)
	}
	if r, ok := ReadRecord[Result](path); !ok || r.Accuracy != 0.5 {
		t.Errorf("%+v, %v", r, ok)
	}
	if err := os.WriteFile(path, []byte(`{"accuracy": 0.7,`), 0o644); err != nil {
		t.Fatal(err)
	}
	if r, ok := ReadRecord[Result](path); ok || r.Accuracy != 0 {
		t.Errorf("damaged: %+v, %v", r, ok)
	}
	if err := WriteRecord(path, func() {}); err == nil {
		t.Error("what is no JSON was written")
	}
	if got := s.Beside("name", "5.state"); filepath.Dir(got) != filepath.Dir(path) ||
		filepath.Base(got) != "name.5.state" {
		t.Errorf("beside it: %s", got)
	}
}
