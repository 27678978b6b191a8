package study

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/train/data"
)

// blobs is a task whose corners are plain to see.
func blobs(t *testing.T) *data.Dataset { return distilltest.Corners(t, 0.2, 0.5, 0.3, 60) }

// smallPlan has one of each kind; with -short networks do not train on all data,
// which takes 2000 steps.
func smallPlan(t *testing.T) Plan {
	return Plan{Data: blobs(t), Split: data.Split{Kind: data.Ring, Clients: 3, PerClient: 2}, IPC: 1, Seeds: 2,
		Pixels: artifact.U8, Curve: 4, Steps: distilltest.Fewer(8, 20), NoBound: testing.Short(),
		Methods:   []string{"dm:iterations=3:width=4", "gmm", "random", "fedavg:rounds=3:steps=4", "kip:steps=30"},
		Consumers: []string{"mlp", "ntk:1"}}
}

func run(t *testing.T, ctx context.Context, p Plan, opt Options) Document {
	t.Helper()
	doc, err := Run(ctx, p, opt)
	if err != nil {
		t.Fatal(err)
	}
	return doc.WithoutTimes()
}

func asJSON(t *testing.T, d Document) string {
	t.Helper()
	doc, err := json.MarshalIndent(d, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(doc)
}

func TestEveryMethodHasAControlOfItsTreatment(t *testing.T) {
	p := smallPlan(t)
	doc := run(t, t.Context(), p, Options{Dir: t.TempDir()})
	find := func(method, consumer string, seed int) Row {
		i := slices.IndexFunc(doc.Rows, func(r Row) bool {
			return r.Method == method && r.Consumer == consumer &&
				r.Seed == seed
		})
		if i < 0 {
			t.Fatalf("no row of %s on %s, seed %d", method, consumer, seed)
		}
		return doc.Rows[i]
	}
	dm, control := find(p.Methods[0], "mlp", 0), find("random:as="+p.Methods[0], "mlp", 0)
	if dm.Control != control.Method || dm.Images != control.Images || dm.Samples != control.Samples ||
		dm.Samples != 4*dm.Images || dm.Steps != control.Steps ||
		dm.Payload.Data != control.Payload.Data {
		t.Errorf("dm %+v\nits control %+v", dm, control)
	}
	if got := find("gmm", "mlp", 1).Control; got != Random {
		t.Errorf("gmm is compared with %q", got)
	}
	for _, s := range doc.Summary {
		rows := func(method string) (out []float64) {
			for seed := range p.Seeds {
				out = append(out, find(method, s.Consumer, seed).Accuracy)
			}
			return out
		}
		mine := rows(s.Method)
		if got, want := s.Accuracy.Mean, (mine[0]+mine[1])/2; math.Abs(got-want) > 1e-12 || s.Accuracy.N != 2 {
			t.Errorf("%s on %s: %+v, want mean %v", s.Method, s.Consumer, s.Accuracy, want)
		}
		if s.Control == "" {
			if s.MinusRandom != nil {
				t.Errorf("%s on %s is compared with nothing: %+v", s.Method, s.Consumer, s.MinusRandom)
			}
			continue
		}
		other := rows(s.Control)
		a, b := mine[0]-other[0], mine[1]-other[1]
		// Two pairs: half the interval is t(1) |a-b|/2, t(1) = 12.706; no accuracy
		// differs by more than 1.
		half := 12.7062 * math.Abs(a-b) / 2
		d := s.MinusRandom
		if math.Abs(d.Mean-(a+b)/2) > 1e-12 || math.Abs(*d.High-min(1, d.Mean+half)) > 1e-3 ||
			math.Abs(*d.Low-max(-1, d.Mean-half)) > 1e-3 {
			t.Errorf("%s on %s: %+v [%v %v], pairs %v %v", s.Method, s.Consumer, d, *d.Low, *d.High, a, b)
		}
	}
	spec, err := p.spec("mlp")
	if err != nil {
		t.Fatal(err)
	}
	models := int64(3 * 3 * 4 * spec.NumParams()) // rounds, clients, bytes
	if fed := find(p.Methods[3], "mlp", 0); fed.Steps != 3*3*4 || len(fed.Curve) != 3 || fed.Bytes.Up != models ||
		fed.Bytes.Down != models {
		t.Errorf("federated %+v, want %d bytes each way", fed, models)
	}
	if slices.ContainsFunc(doc.Rows, func(r Row) bool { return r.Method == p.Methods[3] && r.Consumer == "ntk:1" }) {
		t.Error("a closed-form consumer took part in federated averaging")
	}
	if p.NoBound {
		return
	}
	if all := find(All, "mlp", 0); all.Images != 240 || all.Bytes.Up != 240*145 || all.Accuracy < 0.9 {
		t.Errorf("bound %+v", all)
	}
}

func TestABudgetHoldsForMethodsAndControls(t *testing.T) {
	p := smallPlan(t)
	p.Methods, p.Consumers, p.Seeds, p.Budget = []string{"dm:iterations=2:width=4", "random"}, []string{"mlp"}, 1, 2500
	images := map[string]int{}
	for _, r := range run(t, t.Context(), p, Options{Dir: t.TempDir()}).Rows {
		if r.Method != All && (r.Bytes.Up > 3*p.Budget || r.Bytes.Up < 2*p.Budget) {
			t.Errorf("%s: three sets of at most %d bytes weigh %d", r.Method, p.Budget, r.Bytes.Up)
		}
		images[r.Method] = r.Images
	}
	if dm, control := images["dm:iterations=2:width=4"], images["random:as=dm:iterations=2:width=4"]; dm < 6*2 ||
		control < dm || control > dm+6*2 {
		t.Errorf("stored images %v", images)
	}
	p.Budget = 900
	if _, err := Run(t.Context(), p, Options{Dir: t.TempDir()}); !errors.Is(err, distill.ErrBudget) {
		t.Errorf("a budget that holds nothing: %v", err)
	}
}

// Learned labels take four bytes per class, and are within the budget too.
func TestABudgetHoldsWhereLabelsAreLearned(t *testing.T) {
	p := smallPlan(t)
	p.Methods, p.Consumers, p.Seeds, p.Budget = []string{"kip:steps=2", "label-solve:start=random",
		"kip:steps=2:labels=fixed"}, []string{"ntk:1"}, 1, 6000
	p.Split = data.Split{Kind: data.IID, Clients: 1}
	for _, r := range run(t, t.Context(), p, Options{Dir: t.TempDir()}).Rows {
		if r.Method != All && (r.Bytes.Up > p.Budget || r.Bytes.Up < p.Budget-700) {
			t.Errorf("%s: a set of at most %d bytes weighs %d", r.Method, p.Budget, r.Bytes.Up)
		}
	}
}

// Where some clients hold every class and some do not, only the former learn
// labels, and the control has as many soft labels as the method, at every seed.
func TestControlsLearnLabelsWhereTheMethodDoes(t *testing.T) {
	p := smallPlan(t)
	p.Methods, p.Consumers, p.Seeds = []string{"random", "kip:steps=2"}, []string{"ntk:1"}, 4
	p.Split = data.Split{Kind: data.Dirichlet, Clients: 4, Alpha: 0.3}
	doc := run(t, t.Context(), p, Options{Dir: t.TempDir()})
	payload := map[string][]int64{}
	for _, r := range doc.Rows {
		if r.Method != All {
			payload[r.Method] = append(payload[r.Method], r.Payload.Data)
		}
	}
	kip, control := payload["kip:steps=2"], payload["random:as=kip:steps=2"]
	if len(control) != p.Seeds || !slices.Equal(kip, control) || slices.Equal(kip, payload[Random]) {
		t.Errorf("bytes of data of kip %v, of its control %v, of random %v", kip, control, payload[Random])
	}
	for _, s := range doc.Summary {
		if s.Method == "kip:steps=2" && (s.Control != "random:as=kip:steps=2" || s.MinusRandom.N != p.Seeds) {
			t.Errorf("%+v", s)
		}
	}
}

func TestDivergenceIsSaid(t *testing.T) {
	p := smallPlan(t)
	p.Methods, p.Consumers, p.Seeds, p.NoBound = []string{"fedavg:rounds=3:steps=20:lr=1000"}, []string{"mlp"}, 1, true
	dir := t.TempDir()
	for range 2 { // computed, then read
		doc := run(t, t.Context(), p, Options{Dir: dir})
		if len(doc.Rows) != 1 || len(doc.Rows[0].Warnings) != 1 || !strings.Contains(doc.Rows[0].Warnings[0], "diverged") {
			t.Errorf("%+v", doc.Rows)
		}
	}
}

func TestACopyIsCalledOne(t *testing.T) {
	p := smallPlan(t)
	p.Methods, p.Consumers, p.Seeds, p.NoBound, p.Pixels = []string{"random"}, []string{"ntk:1"}, 1, true, artifact.F32
	doc := run(t, t.Context(), p, Options{Dir: t.TempDir()})
	if !strings.Contains(asJSON(t, doc), `"nearest_real": 0,`) {
		t.Errorf("%+v", doc.Rows)
	}
}

func TestLongSettingsFitIntoFileNames(t *testing.T) {
	p := smallPlan(t)
	p.Methods, p.Consumers, p.Seeds = []string{"gmm:max_iterations=" + strings.Repeat("0", 300) +
		"9"}, []string{"ntk:1"}, 1
	run(t, t.Context(), p, Options{Dir: t.TempDir()})
}

func TestCurvesEndWithTheLastIterate(t *testing.T) {
	p := smallPlan(t)
	p.Methods, p.Seeds = []string{"gmm"}, 1
	for _, row := range run(t, t.Context(), p, Options{Dir: t.TempDir()}).Rows {
		last := row.Curve[len(row.Curve)-1]
		if last.Accuracy != row.Accuracy || int64(last.Step) != row.Steps {
			t.Errorf("%s on %s ends with %+v: %+v", row.Method, row.Consumer, last, row)
		}
		if row.Consumer == "mlp" && len(row.Curve) != p.Curve {
			t.Errorf("%s: %d points, want %d: %+v", row.Method, len(row.Curve), p.Curve, row.Curve)
		}
		for _, point := range row.Curve {
			if point.Accuracy > row.BestAccuracy {
				t.Errorf("%s: %+v is above the best, %v", row.Method, point, row.BestAccuracy)
			}
		}
	}
}

func TestPlansThatMakeNoSenseAreRefused(t *testing.T) {
	for name, change := range map[string]func(*Plan){
		"no test part":      func(p *Plan) { p.Data.Test = nil },
		"unknown method":    func(p *Plan) { p.Methods = []string{"magic"} },
		"unknown setting":   func(p *Plan) { p.Methods = []string{"dm:steps=3"} },
		"settings of auto":  func(p *Plan) { p.Methods = []string{"auto:steps=3"} },
		"setting no number": func(p *Plan) { p.Methods = []string{"fedavg:rounds=many"} },
		"foreign setting":   func(p *Plan) { p.Methods = []string{"fedavg:mu=1"} },
		"twice":             func(p *Plan) { p.Methods = []string{"gmm", "gmm"} },
		"half a setting":    func(p *Plan) { p.Methods = []string{"gmm:x"} },
		"unknown model":     func(p *Plan) { p.Consumers = []string{"transformer"} },
		"no model":          func(p *Plan) { p.Consumers = nil },
		"no seeds":          func(p *Plan) { p.Seeds = 0 },
		"pixels":            func(p *Plan) { p.Pixels = "U9" },
		"a huge budget":     func(p *Plan) { p.IPC = 1000 },
		"no run": func(p *Plan) {
			p.Methods, p.Consumers, p.NoBound = []string{"fedavg"}, []string{"ntk:1"},
				true
		},
		"odd formation":     func(p *Plan) { p.Formation = 5 },
		"official of three": func(p *Plan) { p.Methods, p.Split.PerClient = []string{"kip:official=true"}, 3 },
		"five of three":     func(p *Plan) { p.Split.PerClient = 5 },
	} {
		p := smallPlan(t)
		change(&p)
		if _, err := Run(t.Context(), p, Options{Dir: t.TempDir()}); !errors.Is(err, ErrPlan) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := smallPlan(t)
	p.Methods = []string{"magic"}
	if _, err := Run(t.Context(), p, Options{}); !errors.Is(err, distill.ErrUnknown) ||
		!strings.Contains(err.Error(), "have auto, dm") || !strings.Contains(err.Error(),
		"scaffold") || !strings.Contains(err.Error(), "gmm") {
		t.Errorf("the refusal lists no methods: %v", err)
	}
	p = smallPlan(t)
	p.Seeds, p.Steps = 0, -1
	if _, err := Run(t.Context(), p, Options{}); err == nil ||
		!strings.HasSuffix(err.Error(), "refused: seeds is 0, want at least 1; steps is -1, want at least 0") {
		t.Errorf("numbers too small: %v", err)
	}
}

// Statistics add up to those of all data, so the split decides nothing but the
// bytes; images merged side by side do not.
func TestARidgeByStatisticsIsThatOfAllData(t *testing.T) {
	p := smallPlan(t)
	p.Methods, p.Consumers, p.Seeds, p.NoBound = []string{"ridge:merge=statistics:lambda=10"}, []string{"ridge"}, 1, true
	var accuracies []float64
	for _, s := range []data.Split{p.Split, {Kind: data.IID, Clients: 1}} {
		p.Split = s
		rows := run(t, context.Background(), p, Options{Dir: t.TempDir()}).Rows
		if len(rows) != 1 || rows[0].Bytes.Up == 0 || rows[0].Control != "" || rows[0].Images != 3 {
			t.Fatalf("rows %+v", rows)
		}
		accuracies = append(accuracies, rows[0].Accuracy)
	}
	if accuracies[0] != accuracies[1] || accuracies[0] < 0.9 {
		t.Errorf("accuracy %v of three clients, %v of one", accuracies[0], accuracies[1])
	}
}

func TestGCE(t *testing.T) {
	if got := GCE(0.5, 1, 0); math.Abs(*got-1/math.Log2(9)) > 1e-12 {
		t.Errorf("%v", *got)
	}
	if got := GCE(0.5, 1, 2); math.Abs(*got-4/math.Log2(9)) > 1e-12 {
		t.Errorf("%v", *got)
	}
	if GCE(1, 100, 1) != nil {
		t.Error("defined at accuracy 1")
	}
}

// Clients without samples are skipped; a split that gives nobody anything is
// refused before anything is made.
func TestStudiesGoOnWithoutEmptyClients(t *testing.T) {
	p := smallPlan(t)
	p.Methods, p.Consumers, p.Seeds = []string{"gmm", "random", "fedavg:rounds=1:steps=2"}, []string{"mlp"}, 1
	p.Split = data.Split{Kind: data.Dirichlet, Alpha: 1e-6, Clients: 8}
	without, tooFew, all, err := p.Idle()
	if err != nil || without < 5 || tooFew != 0 || all != 8 {
		t.Fatalf("idle: %d, %d of %d, %v", without, tooFew, all, err)
	}
	doc := run(t, t.Context(), p, Options{Dir: t.TempDir()})
	for _, r := range doc.Rows {
		if r.Method == "gmm" && r.Images != 3 {
			t.Errorf("gmm gathered %d images, want one of each class", r.Images)
		}
	}
	p.IPC = 100
	if _, tooFew, _, err := p.Idle(); err != nil || tooFew != 8-without {
		t.Errorf("%d clients with too few, want %d: %v", tooFew, 8-without, err)
	}

	src, err := data.NewFloats(p.Data.Task.Shape, make([]float32, 10*p.Data.Task.Shape.Size()),
		[]int{2, 2, 2, 2, 2, 2, 2, 2, 2, 2})
	if err != nil {
		t.Fatal(err)
	}
	p = smallPlan(t)
	p.Data.Train, p.Split = src, data.Split{Kind: data.Ring, Clients: 2, PerClient: 1}
	p.Methods = []string{"fedavg:rounds=1:steps=2"}
	dir := t.TempDir()
	if _, err := Run(t.Context(), p, Options{Dir: dir}); !errors.Is(err, ErrPlan) {
		t.Errorf("nobody holds anything: %v, want %v", err, ErrPlan)
	}
}
