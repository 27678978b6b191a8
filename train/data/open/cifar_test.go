package open

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files"
)

// cifarFile is one record a row of labels; every pixel is the record's number.
func cifarFile(rows ...[]byte) []byte {
	var out []byte
	for i, labels := range rows {
		out = append(append(out, labels...), bytes.Repeat([]byte{byte(i)}, 3072)...)
	}
	return out
}

// cifar10 are the files of a small CIFAR-10, batch i holding labels i and 9.
func cifar10(first []byte) map[string][]byte {
	files := map[string][]byte{"test_batch.bin.gz": gz(cifarFile([]byte{7}))}
	for i := range 5 {
		files[fmt.Sprintf("data_batch_%d.bin", i+1)] = cifarFile([]byte{byte(i)}, []byte{9})
	}
	if first != nil {
		files["data_batch_1.bin"] = first
	}
	return files
}

func TestCIFARIsReadPlainAndCompressed(t *testing.T) {
	ds, err := Path(folder(t, cifar10(nil)), data.WellKnownTask("cifar-10"))
	if err != nil {
		t.Fatal(err)
	}
	row := make([]float32, 3072)
	ds.Train.Read(3, row)
	if !slices.Equal(ds.Train.Labels(), []int{0, 9, 1, 9, 2, 9, 3, 9, 4, 9}) || row[0] != 1./255 || row[3071] != 1./255 {
		t.Errorf("labels %v, sample 3 starts with %v", ds.Train.Labels(), row[0])
	}
	if !slices.Equal(ds.Test.Labels(), []int{7}) {
		t.Errorf("test labels %v", ds.Test.Labels())
	}
}

func TestCIFAR100UsesFineLabelsAndIsKnownByItsClassNames(t *testing.T) {
	files := map[string][]byte{"train.bin": cifarFile([]byte{19, 99}, []byte{0, 3}), "test.bin": cifarFile([]byte{1, 2})}
	if _, err := Path(folder(t, files), nil); !errors.Is(err, ErrUnknownData) {
		t.Errorf("without names: %v", err)
	}
	files["fine_label_names.txt"] = []byte(strings.Join(data.WellKnownTask("cifar-100").Classes, "\n") + "\n")
	ds, err := Path(folder(t, files), nil)
	if err != nil {
		t.Fatal(err)
	}
	if ds.Task.Name != "cifar-100" || !slices.Equal(ds.Train.Labels(), []int{99, 3}) {
		t.Errorf("task %s, labels %v", ds.Task.Name, ds.Train.Labels())
	}
}

func TestBadCIFARFilesNameFileByteAndHint(t *testing.T) {
	good := cifarFile([]byte{1}, []byte{2})
	for name, c := range map[string]struct {
		first []byte
		want  error
		text  string
	}{
		"empty":             {[]byte{}, files.ErrTruncated, "byte 0"},
		"truncated":         {good[:3100], files.ErrTruncated, "byte 3100"},
		"trailing":          {append(slices.Clone(good), 1), files.ErrTruncated, "byte 6147"},
		"truncated gzip":    {gz(good)[:20], files.ErrTruncated, "data_batch_1"},
		"label too large":   {cifarFile([]byte{1}, []byte{10}), files.ErrFormat, "byte 3073"},
		"records of others": {cifarFile([]byte{1, 200}), files.ErrTruncated, "byte 3074"},
	} {
		_, err := Path(folder(t, cifar10(c.first)), data.WellKnownTask("cifar-10"))
		var fe *files.Error
		if !errors.Is(err, c.want) || !errors.As(err, &fe) || fe.Hint == "" || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: got %v, want %v with %q", name, err, c.want, c.text)
		}
	}
	if _, err := Path(folder(t, map[string][]byte{"data_batch_1.bin": good}), nil); !errors.Is(err, ErrNoData) {
		t.Errorf("four batches missing: %v", err)
	}
	if _, err := Path(folder(t, cifar10(nil)), data.WellKnownTask("mnist")); err == nil {
		t.Error("images of another shape accepted")
	}
}

func TestRealCIFAR10IsRecognized(t *testing.T) {
	dir := os.Getenv("DISTILLMESH_DATA")
	if dir == "" {
		t.Skip("needs real data: set DISTILLMESH_DATA")
	}
	ds, err := Path(filepath.Join(dir, "cifar-10-batches-bin"), nil)
	if err != nil {
		t.Fatal(err)
	}
	counts := data.ClassTable(ds.Train.Labels(), 10, [][]int{index(len(ds.Train.Labels()))})[0]
	if ds.Task.Name != "cifar-10" || len(ds.Test.Labels()) != 10_000 || slices.Min(counts) != 5000 ||
		slices.Max(counts) != 5000 {
		t.Errorf("recognized as %s, %v training samples per class, %d test samples", ds.Task.Name, counts,
			len(ds.Test.Labels()))
	}
	// The task's constants are the training set's own: the mean of a channel is near 0.
	s, err := data.Load(ds.Task, ds.Train, index(2000))
	if err != nil {
		t.Fatal(err)
	}
	var sum float64
	for _, v := range s.X {
		sum += float64(v)
	}
	if mean := sum / float64(len(s.X)); mean < -.1 || mean > .1 {
		t.Errorf("mean in task space %.3f, want about 0", mean)
	}
}

func index(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
