package open

import (
	"fmt"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files/filestest"
)

// tables are files of rows by name.
func tables(names ...string) map[string][]byte {
	out := map[string][]byte{}
	for _, name := range names {
		out[name] = []byte(rows)
	}
	return out
}

func TestFilesAreJoinedWhenTheirNamesDifferByNumbersAlone(t *testing.T) {
	for _, names := range [][]string{{"train.csv", "train_old.csv"}, {"train.csv", "train (1).csv"},
		{"train (1).csv", "train (2).csv"}, {"train.csv", "training.csv"}, {"train.csv", "mnist_train.csv"},
		{"train.csv", "test.csv", "test_backup.csv"}, {"train.csv", "train.tsv"}, {"train.csv", "train_2.csv"}} {
		refused(t, folder(t, tables(names...)), Reading{}, "could all be the same part")
	}
	for _, c := range []struct {
		names       []string
		parts       map[string]string
		train, test int
	}{
		{[]string{"train-00000-of-00002.csv", "train-00001-of-00002.csv", "test.csv"}, nil, 8, 4},
		{[]string{"train_1.csv", "train_2.csv", "test_1.csv", "test_2.csv"}, nil, 8, 8},
		{[]string{"train.csv", "train_old.csv"}, map[string]string{"train_old.csv": "ignore"}, 4, 0},
		{[]string{"train.csv", "train_more.csv"}, map[string]string{"train_more.csv": "train"}, 8, 0},
		{[]string{"train.csv", "val.csv", "test.csv"}, map[string]string{"val": "train"}, 8, 4},
		{[]string{"train/data.csv", "test/data.csv"}, nil, 4, 4},
		{[]string{"train/data.csv", "train/readme.md", "test/data.csv", "more/x.csv", "a.md"}, nil, 4, 4},
	} {
		ds, _, err := Reading{Parts: c.parts}.Derive(folder(t, tables(c.names...)), data.Task{Name: "d"})
		if err != nil {
			t.Errorf("%v: %v", c.names, err)
			continue
		}
		tested := 0
		if ds.Test != nil {
			tested = len(ds.Test.Labels())
		}
		if n := len(ds.Train.Labels()); n != c.train || tested != c.test {
			t.Errorf("%v: %d and %d samples, want %d and %d", c.names, n, tested, c.train, c.test)
		}
		if said := strings.Contains(fmt.Sprint(ReportOf(ds).Notes), "parts-joined"); said != (c.train > 4) {
			t.Errorf("%v: that files are joined is said: %t", c.names, said)
		}
		skipped := 0
		for _, s := range ReportOf(ds).Skipped {
			skipped += s.Count
		}
		if want := 3; len(c.names) > 4 && skipped != want {
			t.Errorf("%v: %d counted as skipped, want %d: %v", c.names, skipped, want, ReportOf(ds).Skipped)
		}
	}
}

func TestWhatLiesBesideTheDataIsCounted(t *testing.T) {
	images := idx([]uint32{0x803, 4, 8, 8}, make([]byte, 4*64))
	labels := idx([]uint32{0x801, 4}, []byte{0, 1, 0, 1})
	array := func(n int, v ...float64) []byte { return filestest.Array("<i4", []int{len(v) / n, n}, v) }
	for name, content := range map[string]map[string][]byte{
		"a table": tables("d.csv"),
		"IDX":     {"train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels},
		"arrays": {"x.npy": array(2, 1, 2, 3, 4, 5, 6, 7, 8),
			"y.npy": filestest.Array("<i4", []int{4}, []float64{0, 1, 0, 1})},
		"tables in a folder": tables("in/train.csv", "in/test.csv"),
	} {
		content["readme.md"] = []byte("about\n")
		if name != "tables in a folder" {
			content["more/notes.md"] = []byte("more\n")
		}
		content["look.png"] = grayPNG(2, 1)
		ds, _, err := Reading{}.Derive(folder(t, content), data.Task{Name: "d"})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		all := fmt.Sprint(ReportOf(ds).Skipped)
		for beside := range content {
			if base, _, _ := strings.Cut(beside, "/"); (strings.HasSuffix(beside, ".md") || base == "look.png") &&
				!strings.Contains(all, base) {
				t.Errorf("%s: %s is not counted: %s", name, base, all)
			}
		}
	}
}
