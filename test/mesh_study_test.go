package test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"gonum.org/v1/gonum/stat"
)

// made is a set that one device has distilled, and what that took.
type made struct {
	CID     string `json:"cid"`
	nearest float64
	seconds float64 // of processor time, reading the data and comparing with it included
}

// distilled runs the distill verb on a part of MNIST that the machine has.
func (m *machine) distilled(part string, args ...string) made {
	m.t.Helper()
	cmd := m.command(append([]string{"distill", part, "--json", "--workers", "1"}, args...)...)
	var diag strings.Builder
	cmd.Stderr = &diag
	out, err := cmd.Output()
	if err != nil {
		m.t.Fatalf("distill %s %v: %v\n%s", part, args, err, diag.String())
	}
	var s made
	if err := json.Unmarshal(out, &s); err != nil {
		m.t.Fatal(err)
	}
	var shown struct {
		Manifest struct {
			NearestReal float64 `json:"nearest_real"`
		} `json:"manifest"`
	}
	m.document(&shown, "show", s.CID)
	s.nearest = shown.Manifest.NearestReal
	s.seconds = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	return s
}

// The recipe of dm's sets, for those that recommend another.
var likeDM = []string{"--augment", "affine", "--max-steps", "1500"}

// What dm and kip bring through a real mesh, beside their controls: MNIST, ten
// edges with two classes each, twenty stored images. Sets of random real images
// stay on the machine that made them. It takes minutes, so it runs when asked
// for: DISTILLMESH_STUDY is the number of seeds.
func TestStudyThroughTheMesh(t *testing.T) {
	seeds, _ := strconv.Atoi(os.Getenv("DISTILLMESH_STUDY"))
	if seeds < 1 {
		t.Skip("takes minutes: set DISTILLMESH_STUDY to a number of seeds, and DISTILLMESH_DATA")
	}
	dir := mnist(t)
	trainer := newMachine(t, "trainer", true)
	trainer.start()
	trainer.verb("data", "add", dir)
	var devices []*machine
	for i := range edges {
		m := newMachine(t, "edge", true)
		m.start("--bootstrap", trainer.addr)
		addPart(m, dir, i)
		devices = append(devices, m)
	}
	alone := newMachine(t, "edge", true)
	for i := range edges {
		addPart(alone, dir, i)
	}
	part := func(i int) string { return fmt.Sprintf("mnist.ring2.%dof10", i+1) }
	rows := make(map[string]*studyRow)
	for seed := range seeds {
		for _, method := range []string{"dm", "kip"} {
			sets := inPairs(func(i int) made {
				s := devices[i].distilled(part(i), "--method", method, "--seed", strconv.Itoa(seed*edges+i))
				devices[i].verb("publish", s.CID)
				return s
			})
			eventually(t, "the trainer has every set of "+method, func() bool { return trainer.holds(sets) })
			trainOn(t, rows, method, trainer, sets, seed)
		}
		for name, args := range map[string][]string{
			"random, same formation": {"--method", "random", "--formation", "2"}, "random": {"--method",
				"random"}, "gmm": {"--method", "gmm"},
		} {
			var sets []made // one home has one lock
			for i := range edges {
				sets = append(sets, alone.distilled(part(i), append(args, "--seed", strconv.Itoa(seed*edges+i))...))
			}
			trainOn(t, rows, name, alone, sets, seed)
		}
	}
	report(t, rows)
}

// inPairs makes every device's set, two at a time.
func inPairs(one func(i int) made) []made {
	sets, slots := make([]made, edges), make(chan struct{}, 2)
	var all sync.WaitGroup
	for i := range sets {
		all.Go(func() {
			slots <- struct{}{}
			sets[i] = one(i)
			<-slots
		})
	}
	all.Wait()
	return sets
}

// studyRow is the accuracies of one kind of sets, in percent, by model.
type studyRow struct {
	accuracy         map[string][]float64
	nearest, seconds float64 // the least, and the most a client took
}

// holds tells whether the machine has all sets.
func (m *machine) holds(sets []made) bool {
	var list setList
	m.document(&list, "ls", "--task", "mnist")
	here := map[string]bool{}
	for _, s := range list.Sets {
		here[s.CID] = s.Here
	}
	for _, s := range sets {
		if !here[s.CID] {
			return false
		}
	}
	return true
}

// trainOn trains on sets that the machine has and notes the accuracies.
func trainOn(t *testing.T, rows map[string]*studyRow, name string, m *machine, sets []made, seed int) {
	t.Helper()
	row := rows[name]
	if row == nil {
		row = &studyRow{accuracy: map[string][]float64{}, nearest: math.Inf(1)}
		rows[name] = row
	}
	args := []string{"--held", "--seed", strconv.Itoa(seed)}
	for _, s := range sets {
		args = append(args, "--set", s.CID)
		row.nearest, row.seconds = min(row.nearest, s.nearest), max(row.seconds, s.seconds)
	}
	for model, recipe := range map[string][]string{"lenet": likeDM, "convnet3:64": likeDM, "ntk:1": nil} {
		var r trained
		m.document(&r, append(append([]string{"train", "--task", "mnist", "--model", model}, recipe...), args...)...)
		row.accuracy[model] = append(row.accuracy[model], 100*r.fraction())
		t.Logf("seed %d, %s: %s %.2f", seed, name, model, 100*r.fraction())
	}
}

// report prints the table and holds it against what the methods are for.
func report(t *testing.T, rows map[string]*studyRow) {
	mean := func(name, model string) float64 { return stat.Mean(rows[name].accuracy[model], nil) }
	for name, row := range rows {
		line := fmt.Sprintf("%-24s", name)
		for _, model := range []string{"lenet", "convnet3:64", "ntk:1"} {
			m, s := stat.MeanStdDev(row.accuracy[model], nil)
			line += fmt.Sprintf(" %s %.1f +-%.1f,", model, m, s)
		}
		t.Logf("%s n=%d; at most %.1f CPU seconds per client, nearest_real %.2f", line, len(row.accuracy["lenet"]),
			row.seconds, row.nearest)
	}
	for _, model := range []string{"lenet", "convnet3:64"} {
		for _, control := range []string{"random, same formation", "random", "gmm"} {
			if !(mean("dm", model) > mean(control, model)) {
				t.Errorf("%s: dm %.2f, %s %.2f", model, mean("dm", model), control, mean(control, model))
			}
		}
	}
	if rows["dm"].nearest <= 0.5 || rows["kip"].nearest <= 0.5 || rows["random"].nearest > 0.01 ||
		rows["random, same formation"].nearest > 0.01 {
		t.Errorf("nearest_real: dm %.2f, kip %.2f, random %.2f, in formation %.2f", rows["dm"].nearest, rows["kip"].nearest,
			rows["random"].nearest, rows["random, same formation"].nearest)
	}
	if rows["dm"].seconds > 10 || rows["kip"].seconds > 10 {
		t.Errorf("CPU seconds per client: dm %.1f, kip %.1f", rows["dm"].seconds, rows["kip"].seconds)
	}
}
