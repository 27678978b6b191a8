package open

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files/filestest"
)

// listing is an archive of eight samples per part, labels, and the names a, b and c.
func listing(t *testing.T, train, test []float64) string {
	arrays := map[string][]byte{"class_names": filestest.Words("a", "b", "c")}
	for part, labels := range map[string][]float64{"train": train, "test": test} {
		if labels != nil {
			n := len(labels)
			arrays["x_"+part] = filestest.Array("<f8", []int{n, 3}, slices.Repeat([]float64{1, 2, 3}, n))
			arrays["y_"+part] = filestest.Array("<i4", []int{n}, labels)
		}
	}
	return filepath.Join(folder(t, map[string][]byte{"d.npz": filestest.NPZ(arrays)}), "d.npz")
}

func TestNamesOfLabelsThatDoNotTellTheFirstAreRefused(t *testing.T) {
	ones, zeros := []float64{1, 1, 2, 2, 1, 2}, []float64{0, 0, 1, 1, 2, 2}
	refused(t, listing(t, ones, nil), Reading{}, "not told")
	refused(t, listing(t, []float64{1, 1, 2, 2, 3, 3}, ones), Reading{}, "not told")
	refused(t, listing(t, zeros, nil), Reading{FirstLabel: "1"}, "said to be 1")
	for name, c := range map[string]struct {
		train, test []float64
		first       string
		want        []int // samples of a, b and c
		warnings    string
	}{
		"labels from 0":              {zeros, nil, "", []int{2, 2, 2}, ""},
		"a 0 in another part alone":  {zeros, ones, "", []int{2, 2, 2}, "class-untested"},
		"labels from 1, said so":     {ones, nil, "1", []int{3, 3, 0}, "class-empty"},
		"labels from 0, and no 0":    {ones, nil, "0", []int{0, 3, 3}, "class-empty"},
		"numbers that are no index":  {[]float64{7, 7, 8, 8}, nil, "", []int{2, 2}, "class-names"},
		"a class that is only named": {[]float64{0, 0, 1, 1}, nil, "", []int{2, 2, 0}, "class-empty"},
	} {
		ds, _, err := Reading{FirstLabel: c.first}.Derive(listing(t, c.train, c.test), data.Task{Name: "d"})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := make([]int, len(ds.Task.Classes))
		for _, y := range ds.Train.Labels() {
			got[y]++
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v samples of %v, want %v", name, got, ds.Task.Classes, c.want)
		}
		if w := strings.Join(ReportOf(ds).Warnings(), " "); !strings.Contains(w, c.warnings) ||
			c.warnings != "class-empty" && strings.Contains(w, "class-empty") {
			t.Errorf("%s: warned of %s, want %s", name, w, c.warnings)
		}
	}
}

func TestColumnsOfOneHotLabelsWithoutSamplesAreSaid(t *testing.T) {
	arrays := map[string][]byte{"x": filestest.Array("<f8", []int{4, 3}, slices.Repeat([]float64{1, 2, 3}, 4)),
		"y": filestest.Array("<i4", []int{4, 3}, []float64{1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1})}
	path := filepath.Join(folder(t, map[string][]byte{"d.npz": filestest.NPZ(arrays)}), "d.npz")
	ds, _, err := Reading{}.Derive(path, data.Task{Name: "d"})
	if err != nil || len(ds.Task.Classes) != 3 || !slices.Contains(ReportOf(ds).Warnings(), "class-empty") {
		t.Errorf("%+v, %v", ds, err)
	}
}

func TestAFirstLabelThatNothingCountsIsSaid(t *testing.T) {
	ds, _, err := Reading{FirstLabel: "1"}.Derive(folder(t, map[string][]byte{"d.csv": []byte(rows)}),
		data.Task{Name: "d"})
	if err != nil || !slices.Contains(ReportOf(ds).Warnings(), "flag-unused") {
		t.Errorf("--first-label of a table of words: %v", err)
	}
}
