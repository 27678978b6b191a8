package open

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files/filestest"
)

func TestUnknownCodesToAcceptAreRefused(t *testing.T) {
	dir := folder(t, map[string][]byte{"d.csv": []byte(rows)})
	refused(t, dir, Reading{Accept: []string{"mising-values"}}, "mising-values")
	call := regexp.MustCompile(`\.(?:Refuse|RefuseFile|Accepts)\("([a-z0-9-]+)"|Code = "([a-z0-9-]+)"`)
	var used []string
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, m := range call.FindAllStringSubmatch(string(source), -1) {
			used = append(used, m[1]+m[2])
		}
		return err
	})
	slices.Sort(used)
	if used = slices.Compact(used); err != nil || !slices.Equal(used, refusals) {
		t.Errorf("refusals have the codes %q, and those taken are %q, %v", used, refusals, err)
	}
}

func TestUnreadablePicturesMayBeTransparent(t *testing.T) {
	open := image.NewNRGBA(image.Rect(0, 0, 9, 9))
	for i := range open.Pix {
		open.Pix[i] = byte(i * 37)
	}
	open.Set(0, 0, color.NRGBA{9, 9, 9, 100})
	var b bytes.Buffer
	if err := png.Encode(&b, open); err != nil {
		t.Fatal(err)
	}
	good, damaged := b.Bytes(), bytes.Clone(b.Bytes())
	damaged[60] ^= 0xff
	content := map[string][]byte{"a/1.png": good, "a/2.png": good, "a/3.png": damaged, "b/1.png": good, "b/2.png": good}
	refused(t, folder(t, content), Reading{}, "3.png")
	ds, _, err := Reading{Accept: []string{"unreadable-pictures"}}.Derive(folder(t, content), data.Task{Name: "d"})
	if err != nil {
		t.Fatal(err)
	}
	skipped := 0
	for _, s := range ReportOf(ds).Skipped {
		skipped += s.Count
	}
	if n := len(ds.Train.Labels()); n != 4 || skipped != 1 {
		t.Errorf("%d samples, and %d left out", n, skipped)
	}
}

func TestArraysOfNoPartAreToTrainOnBesideOtherParts(t *testing.T) {
	x := filestest.Array("<f8", []int{4, 3}, []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
	y := filestest.Array("<i4", []int{4}, []float64{0, 1, 0, 1})
	for name, c := range map[string]struct {
		part  string
		parts map[string]string
		test  bool
	}{
		"a test part":       {"test", nil, true},
		"a validation part": {"val", nil, true},
		"ignored":           {"test", map[string]string{"test": "ignore"}, false},
	} {
		arrays := map[string][]byte{"X": x, "y": y, "X_" + c.part: x, "y_" + c.part: y}
		path := filepath.Join(folder(t, map[string][]byte{"d.npz": filestest.NPZ(arrays)}), "d.npz")
		ds, _, err := Reading{Parts: c.parts}.Derive(path, data.Task{Name: "d"})
		if err != nil || len(ds.Train.Labels()) != 4 || (ds.Test != nil) != c.test {
			t.Errorf("%s: %+v, %v", name, ds, err)
		}
	}
}

func TestAZipArchiveMayHaveBackslashesInItsNames(t *testing.T) {
	dir := folder(t, map[string][]byte{"d.zip": filestest.Zip(map[string][]byte{`in\train.csv`: []byte(rows),
		`in\test.csv`: []byte(rows)})})
	ds, _, err := Reading{}.Derive(filepath.Join(dir, "d.zip"), data.Task{Name: "d"})
	if err != nil || ds.Test == nil {
		t.Errorf("%v", err)
	}
}
