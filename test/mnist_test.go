package test

import (
	"os"
	"path/filepath"
	"testing"
)

// edges is how many devices share MNIST, two classes each (FedD3's ring).
const edges = 10

func mnist(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(os.Getenv("DISTILLMESH_DATA"), "mnist")
	if os.Getenv("DISTILLMESH_DATA") == "" {
		t.Skip("needs real data: set DISTILLMESH_DATA to a folder with mnist in it")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("needs real data: %v", err)
	}
	return dir
}

// The whole promise on real data: sets outlive the devices that made them.
func TestSetsOutliveTheirPublishers(t *testing.T) {
	dir := mnist(t)
	first := newMachine(t, "trainer", true)
	first.start()
	first.verb("data", "add", dir)
	publishers := publishMNIST(t, dir, first.addr)
	var here setList
	eventually(t, "the first trainer has every set", func() bool {
		first.document(&here, "ls", "--task", "mnist")
		return len(here.Sets) == edges
	})
	before := trainBoth(first)

	for _, p := range publishers {
		p.kill()
		if err := os.RemoveAll(p.home); err != nil {
			t.Fatal(err)
		}
	}

	second := newMachine(t, "trainer", true)
	second.start("--bootstrap", first.addr)
	second.verb("data", "add", dir)
	var remote setList
	eventually(t, "the second trainer hears of every set", func() bool {
		second.document(&remote, "ls", "--remote", "--task", "mnist")
		return len(remote.Sets) == edges
	})
	var got struct {
		Sets []string `json:"sets"`
	}
	second.document(&got, "gather", "--task", "mnist")
	if len(got.Sets) != edges {
		t.Fatalf("gathered %d sets, want %d", len(got.Sets), edges)
	}
	after := trainBoth(second)

	control := randomReal(t, dir)
	for model, a := range before {
		t.Logf("%s: first trainer %.4f, second %.4f, %d random real images %.4f", model, a, after[model], 2*edges,
			control[model])
		if after[model] != a {
			t.Errorf("%s: the second trainer reaches %.4f, the first %.4f, on the same sets and seed", model, after[model], a)
		}
		if a < control[model]+0.03 {
			t.Errorf("%s: %.4f on distilled images, %.4f on as many random real ones", model, a, control[model])
		}
	}
}

// publishMNIST starts the edges; each distills its own part and announces it.
func publishMNIST(t *testing.T, dir, bootstrap string) []*machine {
	t.Helper()
	var out []*machine
	for i := range edges {
		m := newMachine(t, "edge", true)
		m.start("--bootstrap", bootstrap)
		part := addPart(m, dir, i)
		m.verb("publish", m.verb("distill", part))
		out = append(out, m)
	}
	return out
}

// addPart registers part i (from 0) of the ring and returns its name.
func addPart(m *machine, dir string, i int) string {
	m.t.Helper()
	m.verb("data", "add", dir)
	names := []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"}
	m.verb("data", "split", "mnist", "--clients", "10", "--ring", "2", "--part", names[i])
	return "mnist.ring2." + names[i] + "of10"
}

// trainBoth trains both consumers on the sets that are here.
func trainBoth(m *machine) map[string]float64 {
	m.t.Helper()
	out := map[string]float64{}
	for _, model := range []string{"lenet", "ntk:1"} {
		var r trained
		m.document(&r, "train", "--task", "mnist", "--model", model, "--held")
		if r.Accuracy == nil {
			m.t.Fatalf("%s was not measured", model)
		}
		out[model] = r.fraction()
	}
	return out
}

// randomReal is the control: as many random real images, drawn from the same
// parts and stored the same way, on one machine that publishes nothing.
func randomReal(t *testing.T, dir string) map[string]float64 {
	t.Helper()
	m := newMachine(t, "edge", true)
	for i := range edges {
		m.verb("distill", addPart(m, dir, i), "--method", "random", "--seed", "7")
	}
	return trainBoth(m)
}
