package array

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/filestest"
)

// record is an array of records as NumPy writes it.
func record(descr, shape string, content []byte) []byte {
	return filestest.NumPyHeader(1, "{'descr': "+descr+", 'fortran_order': False, 'shape': "+shape+", }", content)
}

func TestRecordsAreRowsOfText(t *testing.T) {
	content := record("[('a', '<f4'), ('', '|V2'), ('b', '>i2', (2,)), ('ok', '|b1'), ('who', '<U2'), ('when', '<M8[D]')]",
		"(2,)", bytes.Join([][]byte{
			{0, 0, 0xc0, 0x3f}, {9, 9}, {0, 7, 0xff, 0xfe}, {1}, {'a', 0, 0, 0, 'b', 0, 0, 0}, {1, 0, 0, 0, 0, 0, 0, 0},
			{0, 0, 0, 0x40}, {9, 9}, {0, 1, 0, 2}, {0}, {'c', 0, 0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0, 0x80},
		}, nil))
	dir := filestest.Folder(t, map[string][]byte{"r.npy": content})
	tree := files.Dir(dir)
	r, err := ReadRecords(tree, "r.npy")
	if err != nil || !HasRecords(tree, "r.npy") {
		t.Fatal(err)
	}
	want := [][]string{{"1.5", "7", "-2", "true", "ab", "1970-01-02T00:00:00Z"}, {"2", "1", "2", "false", "c", ""}}
	if !slices.Equal(r.Names, []string{"a", "b[0]", "b[1]", "ok", "who", "when"}) || r.Rows != 2 {
		t.Errorf("%d rows of %q", r.Rows, r.Names)
	}
	for row := range want {
		for i := range want[row] {
			if got := r.Cell(row, i); got != want[row][i] {
				t.Errorf("row %d, %s: %q, want %q", row, r.Names[i], got, want[row][i])
			}
		}
	}
}

func TestBadRecordsAreRefused(t *testing.T) {
	good := record("[('a', '<f4'), ('b', '<i4')]", "(2,)", make([]byte, 16))
	for name, content := range map[string][]byte{
		"cut": good[:len(good)-1], "more": append(slices.Clone(good), 0), "objects": record("[('a', '|O')]", "(1,)",
			make([]byte, 8)), "records inside": record("[('a', [('b', '<f4')])]", "(1,)", make([]byte, 4)),
		"two dimensions": record("[('a', '<f4')]", "(1, 1)", make([]byte, 4)), "no rows": record("[('a', '<f4')]", "(0,)",
			nil), "too wide": record("[('a', '<f4', (4096, 4096))]", "(1,)", nil),
		"an unknown unit": record("[('a', '<M8[fs]')]", "(1,)", make([]byte, 8)),
	} {
		path := filepath.Join(filestest.Folder(t, map[string][]byte{"r.npy": content}), "r.npy")
		_, err := ReadRecords(files.Dir(filepath.Dir(path)), "r.npy")
		var fe *files.Error
		if !errors.As(err, &fe) || fe.Path != path || fe.Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzRecords(f *testing.F) {
	f.Add(record("[('a', '<f4'), ('b', '>i2', (2,))]", "(2,)", make([]byte, 16)))
	f.Add(record("[('when', '<M8[ns]'), ('who', '<U2')]", "(1,)", make([]byte, 16)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := decodeRecords(bytes.NewReader(b)); err == nil && (r.Rows < 1 || len(r.Names) < 1 ||
			len(r.cells[0]) != r.Rows) {
			t.Errorf("%d rows of %q", r.Rows, r.Names)
		}
	})
}
