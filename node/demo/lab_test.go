package demo

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/auto"
	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/open"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// coded is how many images per class the clients of a lab store.
const coded = 2

// digits is a lab on the built-in digits with few steps, and the choice that auto would make: two coded
// images per class, or as many stored images of tiles.
func digits(t *testing.T, report api.Report) *lab {
	t.Helper()
	ds, err := open.Path(data.GlyphPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLab(ds, report, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	r := recipe.Default()
	r.MinSteps, r.MaxSteps = 10, 10
	l.choice = choice{method: auto.For(ds.Task.Shape).Method,
		coded:  trial.Control{Pixels: "DCT:100:3:0", Recipe: r},
		pixels: trial.Control{Pixels: artifact.U4, Recipe: r}}
	for range l.parts {
		l.images = append(l.images, auto.Spending{IPC: coded, Formation: 1})
		l.tiles = append(l.tiles, auto.Spending{IPC: coded, Formation: 2})
	}
	return l
}

func TestAScoreIsTheMeanAndDeviationOfItsRuns(t *testing.T) {
	for name, c := range map[string]struct {
		values []float64
		want   Score
		shown  string
	}{
		"no runs":   {nil, Score{}, "-"},
		"one run":   {[]float64{.5}, Score{Mean: .5, N: 1}, "50.0 [1]"},
		"two runs":  {[]float64{.9, .7}, Score{Mean: .8, Std: .1414, N: 2}, "80.0 +-14.1 [2]"},
		"all alike": {[]float64{.25, .25, .25}, Score{Mean: .25, N: 3}, "25.0 +-0.0 [3]"},
	} {
		got := score(slices.Clone(c.values))
		if got.N != c.want.N || abs(got.Mean-c.want.Mean) > 1e-9 || abs(got.Std-c.want.Std) > 1e-4 ||
			percent(got) != c.shown {
			t.Errorf("%s: %+v shown as %s", name, got, percent(got))
		}
	}
	forward, back := score([]float64{.1, .2, .7}), score([]float64{.7, .1, .2})
	if forward != back {
		t.Errorf("the order of arrival shows: %v, %v", forward, back)
	}
}

func abs(v float64) float64 { return max(v, -v) }

func TestARowShowsWhatWasMeasured(t *testing.T) {
	r := Row{Consumer: "lenet", Gathered: Score{Mean: .9, Std: .01, N: 3}, RandomReal: Score{Mean: .5, N: 1}}
	if got := r.String(); got != "lenet\t90.0 +-1.0 [3]\t50.0 [1]\t-\t-" {
		t.Errorf("shown as %q", got)
	}
	r.AllData, r.AllSamples = Score{Mean: 1, N: 1}, 3000
	if got := r.String(); !strings.HasSuffix(got, "\t100.0 [1] (3000 samples)") {
		t.Errorf("shown as %q", got)
	}
}

func TestTheTableHasEveryConsumerInOrder(t *testing.T) {
	l := digits(t, nil)
	l.scores["ntk:1"][fromAll] = []float64{.5}
	rows := l.rows()
	if len(rows) != len(consumers) {
		t.Fatalf("%d rows", len(rows))
	}
	for i, r := range rows {
		if r.Consumer != consumers[i].model || r.Gathered.N != 0 {
			t.Errorf("row %d is %+v", i, r)
		}
	}
	if last := rows[2]; last.AllData.N != 1 || last.AllSamples != 3000 {
		t.Errorf("all data of %s: %+v of %d", last.Consumer, last.AllData, last.AllSamples)
	}
}

// A control stores and trains on as much as the sets hold, drawn by every client.
func TestRandomRealDrawsWhatTheClientsWouldPublish(t *testing.T) {
	l := digits(t, nil)
	tiles, few := trial.Control{Formation: data.NewFormation(2), Pixels: artifact.U4}, clients*perClient*coded
	single := tiles
	single.Formation = single.Formation.SingleTile()
	for name, c := range map[string]struct {
		control trial.Control
		of      []auto.Spending
		images  int
	}{
		"coded images":   {l.coded, l.images, few},
		"sub-images":     {tiles, l.tiles, 4 * few},
		"smaller images": {single, l.tiles, few},
	} {
		first, err := l.randomReal(t.Context(), c.control, c.of, 1)
		if err != nil {
			t.Fatal(err)
		}
		again, err := l.randomReal(t.Context(), c.control, c.of, 1)
		if err != nil {
			t.Fatal(err)
		}
		other, err := l.randomReal(t.Context(), c.control, c.of, 2)
		if err != nil {
			t.Fatal(err)
		}
		if first.Len() != c.images || !slices.Equal(first.X, again.X) || slices.Equal(first.X, other.X) {
			t.Errorf("%s: %d images, the same seed the same %t, another the same %t", name, first.Len(),
				slices.Equal(first.X, again.X), slices.Equal(first.X, other.X))
		}
		for class, members := range first.ByClass() {
			if len(members) != c.images/10 {
				t.Errorf("%s: %d of class %d", name, len(members), class)
			}
		}
	}
}

// Every client has its budget, of which the first chooses for all; the control of tiles has twice as much.
func TestClientsSpendTheirBudgets(t *testing.T) {
	ds := data.GlyphDigits()
	l, err := newLab(ds, nil, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.choose(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(l.images) != clients || len(l.tiles) != clients || l.method == nil || l.why == "" {
		t.Fatalf("%d and %d budgets are spent, by %v: %s", len(l.images), len(l.tiles), l.method, l.why)
	}
	for i, s := range l.images {
		if s.Pixels != l.coded.Pixels || s.IPC < 10 || s.Payload < budget/2 || s.Bytes > budget || s.Formation != 1 {
			t.Errorf("client %d: %+v, the control stores %s", i, s, l.coded.Pixels)
		}
		if tiles := l.tiles[i]; tiles.Bytes > tilesBudget || tiles.IPC < 1 || tiles.Formation < 2 ||
			tiles.Pixels != l.pixels.Pixels {
			t.Errorf("client %d, tiles: %+v", i, tiles)
		}
	}
	code, err := l.coded.Pixels.Code(ds.Task.Shape)
	if err != nil || code == nil || l.coded.Recipe.Band != code.K || l.countTiles() < clients*perClient {
		t.Errorf("%s: recipe %+v, %d tiles, %v", l.coded.Pixels, l.coded.Recipe, l.countTiles(), err)
	}
}

func TestAllDataMayBeADraw(t *testing.T) {
	l := digits(t, nil)
	whole, err := l.all(0, 1)
	if err != nil || whole.Len() != len(l.train.Labels()) {
		t.Errorf("all: %v, %v", whole, err)
	}
	draw, err := l.all(50, 1)
	if err != nil || draw.Len() != 50 {
		t.Errorf("a draw: %v, %v", draw, err)
	}
	again, err := l.all(50, 1)
	if err != nil || !slices.Equal(draw.X, again.X) {
		t.Errorf("the same draw differs, %v", err)
	}
}

func TestEveryConsumerIsTrainedOnEverySource(t *testing.T) {
	l := digits(t, nil)
	l.control()
	count := map[string]int{}
	for _, w := range l.queue.waiting {
		count[w.consumer+" on "+w.source]++
	}
	l.compare()
	l.queue.close()
	for _, w := range l.queue.waiting {
		if w.source == fromSets || w.source == fromAll {
			count[w.consumer+" on "+w.source]++
		}
	}
	for what, want := range map[string]int{
		"lenet on random real": 3, "lenet on random real, tiles": 2, "lenet on all data": 2,
		"lenet on gathered":       2, // the published model is the first
		"convnet3:64 on gathered": 2, "convnet3:64 on random real": 2, "convnet3:64 on all data": 0,
		"ntk:1 on gathered":    1, // one predictor, whatever the seed
		"ntk:1 on random real": 5, "ntk:1 on random real, tiles": 5, "ntk:1 on all data": 2,
	} {
		if count[what] != want {
			t.Errorf("%s: %d trainings, want %d", what, count[what], want)
		}
	}
}

func TestATrainingAddsItsAccuracy(t *testing.T) {
	var steps atomic.Int64
	l := digits(t, func(p api.Progress) { steps.Store(p.Done) })
	l.shown.Store(true)
	samples, err := l.all(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, model := range []string{"lenet", "ntk:1"} {
		if err := l.fit(t.Context(), model, fromAll, samples, l.coded.Recipe, 1); err != nil {
			t.Errorf("%s: %v", model, err)
		}
		if got := l.scores[model][fromAll]; len(got) != 1 || got[0] < 0 || got[0] > 1 {
			t.Errorf("%s scores %v", model, got)
		}
	}
	if l.total.Load() != 10 || steps.Load() != l.done.Load() {
		t.Errorf("%d of %d steps, reported %d", l.done.Load(), l.total.Load(), steps.Load())
	}
	if err := l.fit(t.Context(), "transformer", fromAll, samples, l.coded.Recipe, 1); err == nil {
		t.Error("a model that is none was trained")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.fit(ctx, "lenet", fromAll, samples, l.coded.Recipe, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

func TestAConsumerTrainsAsLongAsItMust(t *testing.T) {
	r := recipe.Default()
	if got := consumers[0].recipe(r); got != r {
		t.Errorf("lenet trains by %+v", got)
	}
	if got := consumers[1].recipe(r); got.MinSteps != 300 || got.MaxSteps != 300 || got.LR != r.LR {
		t.Errorf("the large network trains by %+v", got)
	}
	if consumers[0].closedForm() || !consumers[2].closedForm() {
		t.Error("closed forms are mistaken")
	}
}

func TestTheDocumentKeepsItsKeys(t *testing.T) {
	doc, err := json.Marshal(Result{Results: []Row{{}}})
	if err != nil {
		t.Fatal(err)
	}
	var keys map[string]any
	if err := json.Unmarshal(doc, &keys); err != nil {
		t.Fatal(err)
	}
	for _, key := range strings.Fields("task data clients images samples method why results bytes sets model sheet " +
		"homes " +
		"runs_left_out seconds") {
		if _, ok := keys[key]; !ok {
			t.Errorf("no %s in %s", key, doc)
		}
	}
}
