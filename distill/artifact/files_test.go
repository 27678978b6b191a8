package artifact

import (
	"bytes"
	"errors"
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"
)

func TestFilesAreAFileSystem(t *testing.T) {
	f := Files{"b.json": []byte("{}"), "a.bin": {1, 2, 3}, "empty": nil}
	if err := fstest.TestFS(f, "a.bin", "b.json", "empty"); err != nil {
		t.Error(err)
	}
	if got := f.Names(); !slices.Equal(got, []string{"a.bin", "b.json", "empty"}) {
		t.Errorf("names %v are not in order", got)
	}
	for name, want := range map[string]error{"none": fs.ErrNotExist, "../a.bin": fs.ErrInvalid, "/a.bin": fs.ErrInvalid} {
		if _, err := f.Open(name); !errors.Is(err, want) {
			t.Errorf("open %s: %v, want %v", name, err, want)
		}
		if _, err := f.ReadFile(name); !errors.Is(err, want) {
			t.Errorf("read %s: %v, want %v", name, err, want)
		}
	}
}

func TestWhatWasReadMayBeChanged(t *testing.T) {
	f := Files{"a": []byte("kept")}
	got, err := f.ReadFile("a")
	if err != nil {
		t.Fatal(err)
	}
	got[0] = 'x'
	if string(f["a"]) != "kept" {
		t.Errorf("the file holds %q", f["a"])
	}
}

func TestReadFilesReadsAFlatDirectory(t *testing.T) {
	want := Files{"a": []byte("1"), "b": {}}
	got, err := ReadFiles(want)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Names(), want.Names()) || !bytes.Equal(got["a"], want["a"]) || len(got["b"]) != 0 {
		t.Errorf("read %v", got)
	}
	if _, err := ReadFiles(fstest.MapFS{"folder/a": {Data: []byte("1")}}); err == nil {
		t.Error("a directory in it was read as a file")
	}
}
