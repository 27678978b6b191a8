package study

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/auto"
	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/train/data"
)

// codedPlan has a learning method, one that averages and one that picks, with images by a code.
func codedPlan(t *testing.T) Plan {
	p := smallPlan(t)
	p.Methods, p.Consumers, p.Seeds = []string{"dm:iterations=2:width=4", "gmm", "random"}, []string{"mlp"}, 1
	p.Pixels, p.Steps, p.NoBound = "", distilltest.Fewer(8, 20), true
	return p
}

// setsOf reads the sets of a row, and how many bytes all their DAGs take.
func setsOf(t *testing.T, dir string, task *data.Task, row Row) (sets []*artifact.Set, bytes int64) {
	t.Helper()
	folders, err := filepath.Glob(filepath.Join(dir, row.Sets, "*"))
	if err != nil || len(folders) != row.Clients {
		t.Fatalf("%s: folders %v, %v", row.Method, folders, err)
	}
	for _, folder := range folders {
		files, err := artifact.ReadFiles(os.DirFS(folder))
		if err != nil {
			t.Fatal(err)
		}
		delete(files, clientFile)
		set, err := artifact.ReadSet(files, task, artifact.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		sets, bytes = append(sets, set), bytes+files.Bytes()
	}
	return sets, bytes
}

// Sets of a budget are within it, all their bytes are counted, and the control of a method has as many images
// through the same code, or the few more that fit because its manifest names no settings.
func TestABudgetIsSpentOnCodesOfMethodsAndControls(t *testing.T) {
	finer := false
	for pixels, budget := range map[artifact.PixelType]int64{"": 700, artifact.DCT: 4000, "DCT:60:0.5:2": 700} {
		p, dir := codedPlan(t), t.TempDir()
		p.Pixels, p.Budget = pixels, budget
		rows := map[string]Row{}
		for _, r := range run(t, t.Context(), p, Options{Dir: dir}).Rows {
			rows[r.Method] = r
			sets, bytes := setsOf(t, dir, p.Data.Task, r)
			payload := int64(0)
			for _, s := range sets {
				payload += s.Payload
				few := artifact.DCTOf(artifact.CodeFor(s.Samples.Shape, 0))
				finer = finer || pixels == artifact.DCT && s.Manifest.Images.DType != few
				if dtype := s.Manifest.Images.DType; !dtype.IsDCT() || strings.Contains(string(pixels), ":") && dtype != pixels {
					t.Errorf("%q, %s: images as %s", pixels, r.Method, dtype)
				}
				if s.Manifest.Recipe == nil || s.Manifest.Recipe.Band == 0 {
					t.Errorf("%q, %s: recipe %+v", pixels, r.Method, s.Manifest.Recipe)
				}
			}
			if r.Bytes.Up != bytes || bytes > int64(r.Clients)*p.Budget || r.Payload.Data != payload {
				t.Errorf("%q, %s: %d bytes of %d clients, %d are counted, of data %d of %d", pixels, r.Method, bytes, r.Clients,
					r.Bytes.Up, r.Payload.Data, payload)
			}
		}
		dm := rows[p.Methods[0]]
		control, ok := rows[dm.Control]
		if !ok || dm.Images > control.Images || control.Images > dm.Images*5/4 || dm.Images < 3*2*5 {
			t.Errorf("%q: dm %+v\nits control %+v", pixels, dm, control)
		}
		mine, _ := setsOf(t, dir, p.Data.Task, dm)
		others, _ := setsOf(t, dir, p.Data.Task, control)
		for i := range mine {
			if a, b := mine[i].Manifest.Images, others[i].Manifest.Images; a.DType != b.DType || a.Count > b.Count {
				t.Errorf("%q: client %d has %+v, its control %+v", pixels, i, a, b)
			}
		}
	}
	if !finer {
		t.Error("4,000 bytes are spent on the code of the fewest bytes")
	}
}

// Noise takes more bytes than real images: it is rounded more coarsely.
func TestABudgetOfACodeHoldsForImagesThatNeedMore(t *testing.T) {
	p := codedPlan(t)
	p.Methods, p.Pixels, p.Budget = []string{"kip:steps=1:start=noise:labels=fixed", "random"}, "DCT:144:0.125:0", 800
	p.Split.Clients = 30 // four samples per class
	for _, r := range run(t, t.Context(), p, Options{Dir: t.TempDir()}).Rows {
		if r.Bytes.Up > int64(r.Clients)*p.Budget || r.Bytes.Up < int64(r.Clients)*p.Budget*3/4 {
			t.Errorf("%s: %d bytes of %d clients: %+v", r.Method, r.Bytes.Up, r.Clients, r)
		}
	}
}

// Without a budget methods and controls make as many images as the plan says, by the code that it says.
func TestAPlanMayNameACode(t *testing.T) {
	for pixels, want := range map[artifact.PixelType]string{artifact.DCT: "DCT", "DCT:60:0.5:2": "DCT:60:0.5:2"} {
		p, dir := codedPlan(t), t.TempDir()
		p.Pixels, p.IPC = pixels, 3
		doc := run(t, t.Context(), p, Options{Dir: dir})
		if doc.Pixels != want {
			t.Errorf("pixels %q, want %q", doc.Pixels, want)
		}
		for _, r := range doc.Rows {
			sets, bytes := setsOf(t, dir, p.Data.Task, r)
			if r.Images != 3*2*3 || r.Samples > 0 || r.Bytes.Up != bytes || len(sets) != 3 {
				t.Errorf("%s: %+v, %d bytes of sets", pixels, r, bytes)
			}
		}
	}
	for _, bad := range []artifact.PixelType{"DCT:0:1:0", "DCT:145:1:0", "DCT:60", "DCT:60:NaN:0"} {
		p := codedPlan(t)
		p.Pixels = bad
		if _, err := Run(t.Context(), p, Options{Dir: t.TempDir()}); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

// The method random writes a code, the control of learned labels does not: they are rows
// of different names.
func TestRandomImagesOfTwoKindsAreTwoRows(t *testing.T) {
	p := codedPlan(t)
	p.Methods = []string{"random", "label-solve"}
	seen := map[string]bool{}
	for _, r := range run(t, t.Context(), p, Options{Dir: t.TempDir()}).Rows {
		if seen[r.Method] {
			t.Errorf("two rows of %s", r.Method)
		}
		seen[r.Method] = true
	}
	if len(seen) != 3 || !seen[Random+":as=label-solve"] {
		t.Errorf("rows of %v", seen)
	}
}

// Images of a code are made from as few samples as there are images, where tiles would need more.
func TestFewSamplesAreEnoughForImagesOfACode(t *testing.T) {
	p := codedPlan(t)
	held, err := p.splitOf(0).Parts(p.Data.Train.Labels(), len(p.Data.Task.Classes))
	if err != nil {
		t.Fatal(err)
	}
	least := len(held[0])
	for _, counts := range data.ClassTable(p.Data.Train.Labels(), len(p.Data.Task.Classes), held) {
		for _, n := range counts {
			if n > 0 {
				least = min(least, n)
			}
		}
	}
	p.Methods, p.IPC, p.Pixels = []string{"dm:iterations=1:width=4:start=real", "random"}, least, artifact.DCT
	doc, err := Run(t.Context(), p, Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if row := doc.Rows[0]; row.Images < len(held)*least {
		t.Errorf("%s made %d images of %d clients, want at least %d each", row.Method, row.Images, len(held), least)
	}
}

// Unless told otherwise a learning method takes the bytes that 'distill' takes, its control the
// same, and the others make as many images as the plan says.
func TestUsualBudgetsAreThoseOfDistill(t *testing.T) {
	p := codedPlan(t)
	p.Usual = true
	dir := t.TempDir()
	doc, err := Run(t.Context(), p, Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	most := auto.UsualBudget(p.Data.Task.Shape, p.Split.PerClient)
	for _, row := range doc.Rows {
		sets, bytes := setsOf(t, dir, p.Data.Task, row)
		switch {
		case strings.HasPrefix(row.Method, "dm") || strings.HasSuffix(row.Method, "as="+p.Methods[0]):
			if mean := bytes / int64(len(sets)); mean > most || row.Images < 4*len(sets)*p.Split.PerClient {
				t.Errorf("%s: %d images, %d bytes per set, of %d", row.Method, row.Images, mean, most)
			}
		case row.Images != len(sets)*p.Split.PerClient*p.IPC:
			t.Errorf("%s: %d images in %d sets, want %d per class", row.Method, row.Images, len(sets), p.IPC)
		}
	}
	p.Budget = 5000
	if _, err := Run(t.Context(), p, Options{Dir: t.TempDir()}); !errors.Is(err, ErrPlan) {
		t.Errorf("a budget beside the usual ones: %v", err)
	}
}
