package open

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
)

func idx(header []uint32, body []byte) []byte {
	var b bytes.Buffer
	binary.Write(&b, binary.BigEndian, header)
	b.Write(body)
	return b.Bytes()
}

func idxImages(n, h, w int) []byte {
	return idx([]uint32{2051, uint32(n), uint32(h), uint32(w)}, bytes.Repeat([]byte{255, 0}, n*h*w/2))
}

func gz(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

// folder writes files and returns where.
func folder(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, b := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestIDXIsReadPlainAndCompressed(t *testing.T) {
	labels := idx([]uint32{2049, 4}, []byte{0, 1, 9, 3})
	for name, dir := range map[string]string{
		"plain": folder(t, map[string][]byte{"train-images-idx3-ubyte": idxImages(4, 28, 28),
			"train-labels-idx1-ubyte": labels}),
		"compressed": folder(t, map[string][]byte{"train-images-idx3-ubyte.gz": gz(idxImages(4, 28, 28)),
			"train-labels-idx1-ubyte.gz": gz(labels)}),
	} {
		ds, err := Path(dir, data.WellKnownTask("mnist"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s, err := data.Load(ds.Task, ds.Train, []int{2})
		if err != nil {
			t.Fatal(err)
		}
		if s.Y[0] != 9 || s.X[0] != float32((1-.1307)*(1/.3081)) && (s.X[0] < 2.8 || s.X[0] > 2.83) || ds.Test != nil {
			t.Errorf("%s: label %d, first value %v", name, s.Y[0], s.X[0])
		}
	}
}

func TestDataMustFitTheTask(t *testing.T) {
	dir := folder(t, map[string][]byte{"train-images-idx3-ubyte": idxImages(2, 28, 28),
		"train-labels-idx1-ubyte": idx([]uint32{2049, 2}, []byte{0, 10})})
	if _, err := Path(dir, data.WellKnownTask("mnist")); err == nil || !strings.Contains(err.Error(),
		`byte 9: is no label: class "10" is none of task mnist`) {
		t.Errorf("label out of range: %v", err)
	}
	if _, err := Path(dir, data.WellKnownTask("cifar-10")); err == nil {
		t.Error("images of another shape accepted")
	}
	if _, err := Path(dir, nil); !errors.Is(err, ErrUnknownData) {
		t.Errorf("unknown data without a task: %v", err)
	}
	if _, err := Path(t.TempDir(), nil); !errors.Is(err, ErrNoData) {
		t.Errorf("empty folder: %v", err)
	}
}

func TestAnEmptyTestPartIsRefused(t *testing.T) {
	dir := folder(t, map[string][]byte{
		"train-images-idx3-ubyte": idxImages(2, 28, 28), "train-labels-idx1-ubyte": idx([]uint32{2049, 2}, []byte{0, 1}),
		"t10k-images-idx3-ubyte": idxImages(0, 28, 28), "t10k-labels-idx1-ubyte": idx([]uint32{2049, 0}, nil),
	})
	if _, err := Path(dir, data.WellKnownTask("mnist")); err == nil || !strings.Contains(err.Error(),
		"t10k-images-idx3-ubyte: byte 4: ") || !strings.Contains(err.Error(), "empty") {
		t.Errorf("%v", err)
	}
}

func TestWellKnownTasksAreValid(t *testing.T) {
	for _, task := range data.WellKnownTasks() {
		if err := task.Validate(); err != nil {
			t.Errorf("%s: %v", task.Name, err)
		}
	}
	if n := len(data.WellKnownTask("cifar-100").Classes); n != 100 {
		t.Errorf("cifar-100 has %d classes", n)
	}
}
