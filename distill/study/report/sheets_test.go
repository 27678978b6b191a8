package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/study"
	"github.com/distillmesh/distillmesh/train/data"
)

// stripes is a task of 8 x 8 images, three classes, each a bright row.
func stripes(t *testing.T) *data.Dataset {
	t.Helper()
	shape := data.Shape{C: 1, H: 8, W: 8}
	part := func(n int, seed uint64) data.Source {
		rng := data.Stream(seed, "stripes")
		values, labels := make([]float32, n*64), make([]int, n)
		for i := range n {
			labels[i] = i % 3
			for j := range 64 {
				values[64*i+j] = float32(0.4 * rng.Float64())
				if j/8 == 2*labels[i]+1 {
					values[64*i+j] += 0.5
				}
			}
		}
		src, err := data.NewFloats(shape, values, labels)
		if err != nil {
			t.Fatal(err)
		}
		return src
	}
	task := &data.Task{Version: data.TaskVersion, Name: "stripes", Classes: []string{"a", "b", "c"}, Shape: shape,
		Mean: []float64{0.3}, Std: []float64{0.3}}
	return &data.Dataset{Name: "stripes", Task: task, Train: part(180, 1), Test: part(30, 2)}
}

func TestSheetsShowWhatWasSent(t *testing.T) {
	dir, ds := t.TempDir(), stripes(t)
	doc, err := study.Run(t.Context(), study.Plan{Data: ds, Split: data.Split{Kind: data.Ring, Clients: 3, PerClient: 2},
		IPC: 1, Seeds: 1, Pixels: artifact.U8, Curve: 1,
		Methods: []string{"random", "gmm"}, Consumers: []string{"ntk:1"}}, study.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	write := func() string {
		t.Helper()
		if err := Write(dir, doc, Options{Task: ds.Task}); err != nil {
			t.Fatal(err)
		}
		page, err := os.ReadFile(filepath.Join(dir, PageFile))
		if err != nil {
			t.Fatal(err)
		}
		sound(t, page)
		return string(page)
	}
	page := write()
	if n := strings.Count(page, "data:image/png;base64,"); n != 2 {
		t.Errorf("%d sheets, want 2", n)
	}
	for _, want := range []string{"all 6 stored images", "real samples</span>", "no copies of real samples",
		"show your data"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	sheets := sheetsOf(dir, doc, ds.Task)
	if len(sheets) != 2 || !sheets[0].Real || sheets[1].Real {
		t.Errorf("%d sheets: random must hold real samples, gmm none", len(sheets))
	}

	damaged := filepath.Join(dir, filepath.FromSlash(doc.Rows[0].Sets), "0001", artifact.DataFile)
	if err := os.WriteFile(damaged, []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if page = write(); strings.Count(page, "data:image/png;base64,") != 1 ||
		!strings.Contains(page, "No picture: 0001: ") {
		t.Error("a damaged set is not said to be one")
	}
	doc.Rows[0].Sets = "../elsewhere"
	if page = write(); !strings.Contains(page, "outside the study") {
		t.Error("a set outside the study was looked at")
	}
}

func TestLongSheetsAreCut(t *testing.T) {
	dir, ds := t.TempDir(), stripes(t)
	doc, err := study.Run(t.Context(), study.Plan{Data: ds, Split: data.Split{Kind: data.Ring, Clients: 3, PerClient: 3},
		IPC: 4, Seeds: 1, Pixels: artifact.U8, Curve: 1, Formation: 1,
		Methods: []string{"random"}, Consumers: []string{"ntk:1"}, NoBound: true}, study.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if s := sheetsOf(dir, doc, ds.Task); len(s) != 1 || s[0].Note != "30 of 36 stored images" {
		t.Errorf("%d sheets, %q", len(s), s[0].Note)
	}
}
